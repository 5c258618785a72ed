"""Spacing between writes, and a limit's end, when the clock is set back."""

import datetime as dt

import pytest

from bot.github.errors import Request, RetryAtError
from bot.github.pacing import Pacer

NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
COMMENT = Request("POST", "/repos/{owner}/{repo}/issues/{number}/comments")


class Around:
    def __init__(self) -> None:
        self.now, self.slept = NOON, [0.0]
        self.pacer = Pacer(clock=lambda: self.now, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("hours", [1, 24])
async def test_writes_go_on_at_their_pace_when_the_clock_is_set_back(hours: int) -> None:
    around = Around()
    await around.pacer.before(COMMENT)
    around.now -= dt.timedelta(hours=hours)
    await around.pacer.before(COMMENT)
    assert around.slept[-1] == 3, "the gap, and not the hours"


async def test_a_limit_lasts_no_longer_when_the_clock_is_set_back() -> None:
    around = Around()
    with pytest.raises(RetryAtError):
        await around.pacer.limited(COMMENT, {"retry-after": "60"}, 429, 1)
    around.now -= dt.timedelta(hours=1)
    with pytest.raises(RetryAtError) as refused:
        await around.pacer.before(COMMENT)
    assert refused.value.when == around.now + dt.timedelta(seconds=60)
