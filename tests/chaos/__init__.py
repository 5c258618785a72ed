"""Chaos: many requests go the whole road while the bot is killed, GitHub stutters and deliveries go astray."""
