"""Trouble at every single write of a whole journey; see `journey` and, for all of it, `make faults`."""
