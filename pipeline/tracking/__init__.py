"""Records how jobs went, for learning from them: a port, and MLflow behind it. Best effort, never in the way."""
