"""GitHub's limits, over HTTP: a job that may not write is put off until GitHub says, and nothing else of it changes."""

from pathlib import Path

import pytest

from bot.github.pacing import Pace
from bot.jobs.job import JobStatus
from tests.e2e.town import Town, town


@pytest.fixture
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of a second is as one of an hour: it is never slept through."""
    monkeypatch.setattr("bot.compose._NO_PACE", Pace(write_gap=0, notify_gap=0, limit_patience=0))


def _rescheduled(there: Town) -> float:
    return float(there.bot.service.metrics.tasks_rescheduled._value.get())


@pytest.mark.usefixtures("_no_patience")
async def test_a_limit_puts_the_job_off_until_the_time_that_github_names(tmp_path: Path) -> None:
    async with town(tmp_path, f"sqlite:///{tmp_path / 'bot.db'}") as there:
        limit = there.github.fault("secondary429", "POST", "/issues/1/comments$", retry_after=1)
        number = await there.file()
        assert await there.status(number) is JobStatus.PENDING_USER_INPUT
        assert limit.hits == 1
        assert _rescheduled(there) >= 1
        asked = [each for each in there.github.writes() if each.path.endswith("/issues/1/comments")]
        assert [each.fault for each in asked].count("secondary429") == 1, "nothing is sent before the time has come"
        await there.assert_nothing_twice(number)
        assert there.bot.service.metrics.tasks_failed._metrics == {}
        [entry, *_] = await there.bot.service.stores.inbox.list_entries(state="all", limit=1)
        assert entry.error is None
