"""The JSON shapes of GitHub's API and webhooks, one file per concern; pure functions of the state."""
