"""Skill Fleet's GitHub side: intake, engine, state machine, comments and effects. Knows no prompts."""
