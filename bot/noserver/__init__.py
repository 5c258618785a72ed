"""The bot without a server: a workflow run reads its state from a git ref, goes as far as it can, writes it back."""
