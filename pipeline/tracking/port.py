"""What may be recorded about a job, as values, and the one thing that takes them.

`note` never blocks and never raises: whoever tells a tracker something goes on as if it were not there.
"""

from datetime import datetime
from typing import Literal, Protocol

from pydantic import Field

from pipeline.journey import Journey
from pipeline.models import Phase, Value

FeedbackKind = Literal["answer", "approve", "refine", "revise", "merge", "reject", "cancel"]
Outcome = Literal["open", "finished", "failed", "stopped"]


class Subject(Value):
    """Whose record it is. The same `key` finds the same record, in any process and after any restart."""

    key: str
    name: str
    params: dict[str, str] = Field(default_factory=dict, description="what never changes about the job")


class _At(Value):
    """When it was. `step` grows with every change of the job's status."""

    step: int = Field(ge=0)
    at: datetime


class Progressed(_At):
    """The job as it was just saved."""

    journey: Journey
    status: str
    outcome: Outcome


class Took(_At):
    """How long a phase, or one module of it, took."""

    phase: Phase
    module: str = ""
    seconds: float


class HumanFeedback(_At):
    """What a person decided or said about the work."""

    kind: FeedbackKind
    by: str = ""
    text: str = ""


Moment = Progressed | Took | HumanFeedback


class Tracker(Protocol):
    def note(self, subject: Subject, moment: Moment) -> None:
        """Takes note of a moment in a job's life. Returns at once."""
        ...

    def close(self, seconds: float) -> None:
        """Blocks up to so many seconds until what was noted is recorded; the rest is lost."""
        ...


class Refused(Exception):  # noqa: N818 - named for what happened
    """The server is there and does not take this: trying again does not help."""


class Recorder(Protocol):
    """Writes moments down, one after the other, in a thread of its own. May block.

    `record` raises Refused, or anything else when the server cannot be reached: it is asked again then.
    """

    def record(self, subject: Subject, moment: Moment) -> None: ...
