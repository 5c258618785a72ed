"""A stored job as a list needs it: read past everything else, which is most of it (drafts, requests, answers)."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from bot.jobs.job import JobStatus
from pipeline.models import Phase


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Repository(_Part):
    owner: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


class _Quality(_Part):
    overall_score: float


class _Generation(_Part):
    quality: _Quality


class _Checkpoint(_Part):
    kind: str


class _Usage(_Part):
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None


class _Journey(_Part):
    phase: Phase = "understanding"
    checkpoint: _Checkpoint | None = None
    generation: _Generation | None = None
    drafter: str = ""
    usage: _Usage = _Usage()


class _Pull(_Part):
    number: int
    path: str


class Listed(_Part):
    """The same names as `bot.jobs.job.Job`, fewer of them."""

    key: str
    repository: _Repository
    issue_number: int
    requester: str
    title: str = ""
    status: JobStatus
    journey: _Journey
    pull: _Pull | None = None
    waiting_since: datetime | None = None
    remind_at: datetime | None = None
    expire_at: datetime | None = None
    ended_reason: str = ""
    created_at: datetime
    updated_at: datetime
