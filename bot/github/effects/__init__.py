"""One file per kind of write to GitHub. Each finds before it creates, adopts on conflict, and may be run again."""
