"""Turns a request into a validated Agent Skill. Knows no GitHub, no HTTP server and no database."""
