"""Durable execution: short tasks on DBOS, one per wake-up of a job; nothing is parked while a person thinks."""
