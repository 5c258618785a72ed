"""Plays one request from issue to merged skill on this machine alone: a sandbox, the bot, and three people."""
