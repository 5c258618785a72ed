"""Welcoming a repository: one offer for all that came together, none where the operator wants none."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bot.jobs.effects import Done, Effect, Offer
from bot.jobs.events import OWN_EVENT, InboxRow
from bot.jobs.job import Repository
from bot.jobs.ports import GitHub, JobStore, Loaded
from bot.setup.welcome import Welcome
from bot.subjects import Newcomer


class Around:
    """Store, GitHub and steps of one wake-up."""

    def __init__(self, rows: list[InboxRow]) -> None:
        self.rows = rows
        self.done: list[int] = []
        self.performed: list[tuple[Effect, Repository]] = []

    async def load(self, key: str) -> Loaded:
        return Loaded(job=None, rev=0, rows=self.rows)

    async def discard(self, key: str, *, done: Sequence[int], task: str) -> None:
        self.done += done

    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> Done:
        self.performed.append((effect, repository))
        return Done()

    async def run(self, name: str, result: type[Any], work: Callable[[], Awaitable[Any]]) -> Any:
        return await work()

    repeatable = run


def _row(id_: int, body: bytes) -> InboxRow:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    return InboxRow(id=id_, key="7:setup", event=OWN_EVENT, action="x", delivery=str(id_), received_at=now, body=body)


@pytest.mark.parametrize("wanted", [True, False])
async def test_what_came_together_is_one_offer_and_nothing_stays_open(wanted: bool) -> None:
    new = Newcomer(7, "acme", "skills", 99)
    around = Around([_row(1, b'{"reason": "tried 10 times"}'), _row(2, new.body), _row(3, new.body)])
    welcome = Welcome(cast(JobStore, around), cast(GitHub, around), wanted=wanted, action="acme/fleet@v1")
    await welcome.advance("7:setup", "task", around)
    assert around.done == [1, 2, 3]
    expected = Repository(id=7, owner="acme", name="skills", installation_id=99)
    offers = [(Offer(key="onboarding", action="acme/fleet@v1"), expected)]
    assert around.performed == (offers if wanted else [])
