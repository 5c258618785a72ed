"""Setting Skill Fleet up: the App's manifest, creating the App, and what a freshly served repository is offered."""
