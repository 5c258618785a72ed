"""What the bot says where it left a credential out."""

NOTE = (
    "I left out what looks like a credential (`[redacted]`). If it was a real one, revoke it: it has been where others "
    "could read it."
)
