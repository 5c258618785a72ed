"""👀 at once: for commands and the requester's answers, and for nothing that the job may not hear."""

import json
from datetime import UTC, datetime

import pytest

from bot.jobs.effects import Done, Effect, EffectResult, React
from bot.jobs.identity import BotIdentity
from bot.jobs.job import Job, JobStatus, Repository
from bot.presence import Presence
from bot.store.inbox import NewEvent, StoredEvent
from bot.store.jobs import JobRow
from tests.unit.jobs import builders as make

WAITING = make.job(JobStatus.PENDING_HITL, make.at_preview(), checkpoint_comment_id=500)
WORKING = make.job(JobStatus.RUNNING)


class GitHub:
    def __init__(self) -> None:
        self.made: list[Effect] = []

    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult:
        self.made.append(effect)
        return Done()


def stored(body: str, login: str = "riley", comment_id: int = 501, action: str = "created") -> StoredEvent:
    user = {"login": login, "id": 11, "type": "Bot" if login.endswith("[bot]") else "User"}
    payload = {"issue": {"number": 12}, "comment": {"id": comment_id, "body": body, "user": user}, "sender": user}
    event = NewEvent("d", "7:12", "issue_comment", action, json.dumps(payload).encode(), received_at=datetime.now(UTC))
    return StoredEvent(1, event.key, event)


@pytest.mark.parametrize(
    ("event", "job", "seen"),
    [
        (stored("/skill approve", "sam"), WAITING, True),
        (stored("/skill status", "sam"), WORKING, True),
        (stored("Add a table."), WAITING, True),
        (stored("Add a table.", "sam"), WAITING, False),
        (stored("Add a table.", comment_id=499), WAITING, False),
        (stored("Add a table."), WORKING, False),
        (stored("/skill approve", "other[bot]"), WAITING, False),
        (stored("/skill approve", action="edited"), WAITING, False),
        (stored("/skill approve"), None, False),
    ],
)
async def test_who_is_seen_at_once(event: StoredEvent, job: Job | None, seen: bool) -> None:
    async def find(key: str) -> JobRow | None:
        return JobRow(job, 1, None, "t") if job is not None else None

    github = GitHub()
    await Presence(find, github, BotIdentity(app_id=1, login="skill-fleet[bot]"))([event])
    expected = React(key="react:501:eyes", target="issue_comment", target_id=501, content="eyes")
    assert github.made == ([expected] if seen else [])
