"""Events on their way into the inbox, as values: whoever only takes them in needs no database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be stored. `delivery` is its identity: a second one with the same is the same event."""

    delivery: str
    key: str
    event: str
    action: str
    body: bytes
    repo_id: int | None = None
    installation_id: int | None = None
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    due_at: datetime | None = None
    """When the sweeper may take it up if nobody woke its job; by default after a grace time."""
    talk: bool = False
    """It concerns a job that is there already, or nobody (`bot.subjects.is_talk`)."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event that is durable now."""

    id: int
    key: str
    event: NewEvent
    closed: bool = False
    """It was talk that concerns no job, and is done."""
