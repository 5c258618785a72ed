"""/readyz while the database is slow: an answer within its patience, from what is known, and one look at a time."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from bot import health as module
from bot.health import FRESH_SECONDS, STALE_SECONDS, Health
from bot.metrics import Metrics
from bot.store.inbox import Backlog
from bot.store.revision import latest_revision


class Around:
    """A database that answers when it is told to, and a clock that stands still."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.answers, self.asked, self.now = asyncio.Event(), 0, 100.0
        self.answers.set()
        stores: Any = SimpleNamespace(database=None, inbox=SimpleNamespace(backlog=self.backlog))
        patch.setattr(module, "current_revision", self.revision)
        self.health = Health(stores, Metrics(), lambda: "ready", clock=lambda: self.now)

    async def revision(self, database: object) -> str:
        self.asked += 1
        await self.answers.wait()
        return latest_revision()

    async def backlog(self) -> Backlog:
        await self.answers.wait()
        return Backlog(0, None, 0)

    async def told(self) -> tuple[int, str]:
        """Status, and what is said of the database."""
        response = await self.health.readyz(None)  # type: ignore[arg-type]
        assert response.text is not None
        return response.status, json.loads(response.text)["checks"]["database"]


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Around:
    return Around(monkeypatch)


async def test_many_who_ask_at_once_or_within_a_second_cost_one_look(around: Around) -> None:
    assert await asyncio.gather(*(around.told() for _ in range(5))) == [(200, "ok")] * 5
    assert await around.told() == (200, "ok")
    assert around.asked == 1
    around.now += FRESH_SECONDS
    assert await around.told() == (200, "ok")
    assert around.asked == 2


async def test_a_slow_database_is_not_waited_for_and_degrades_at_first_and_fails_in_the_end(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0)
    around.answers.clear()
    assert await around.told() == (503, "failed: no answer within 0 s"), "nothing is known yet"
    around.answers.set()
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60)
    assert await around.told() == (200, "ok")
    assert around.asked == 1, "the look that was too late for one is the next one's"

    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0)
    around.answers.clear()
    around.now += 5
    assert await around.told() == (200, "degraded: no answer for 5 s")
    around.now += STALE_SECONDS
    assert await around.told() == (503, "failed: no answer within 0 s")
    assert around.asked == 2
    await around.health.close(None)  # type: ignore[arg-type]


async def test_a_database_that_never_answers_has_failed(around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALE_SECONDS", 0)
    around.answers.clear()
    assert await around.told() == (503, "failed: TimeoutError")
