"""The refinement loop with plain numbers for versions."""

import pytest

from pipeline.journey import Failure
from pipeline.refine import Judged, Stopped, refine
from pipeline.runtime import CallFailed


def judged(reward: float) -> Judged[float]:
    return Judged(reward, reward, ["better, please"])


@pytest.mark.parametrize(
    ("rewards", "best", "attempts", "stopped"),
    [
        ([0.8], 0.8, 0, Stopped.TARGET),
        ([0.2, 0.5, 0.9], 0.9, 2, Stopped.TARGET),
        ([0.2, 0.3, 0.4, 0.5], 0.5, 3, Stopped.ATTEMPTS),
        ([0.5, 0.4], 0.5, 1, Stopped.NO_GAIN),
        ([0.5, 0.5], 0.5, 1, Stopped.NO_GAIN),
    ],
)
async def test_the_best_version_wins(rewards: list[float], best: float, attempts: int, stopped: Stopped) -> None:
    coming = iter(rewards[1:])

    async def attempt(last: Judged[float]) -> Judged[float]:
        return judged(next(coming))

    refined = await refine(judged(rewards[0]), attempt, target=0.75, attempts=3)
    assert (refined.best.reward, refined.attempts, refined.stopped) == (best, attempts, stopped)


async def test_without_anything_to_say_nothing_is_tried() -> None:
    async def attempt(last: Judged[float]) -> Judged[float]:
        raise AssertionError("tried")

    refined = await refine(Judged(0.1, 0.1, []), attempt, target=0.75, attempts=3)
    assert refined.stopped is Stopped.NO_GAIN


@pytest.mark.parametrize("code", ["budget_exceeded", "auth"])
async def test_a_spent_budget_ends_it_with_the_best_so_far_and_other_failures_are_raised(code: str) -> None:
    async def attempt(last: Judged[float]) -> Judged[float]:
        raise CallFailed(Failure(code=code, message="m", retryable=False))

    if code == "auth":
        with pytest.raises(CallFailed):
            await refine(judged(0.2), attempt, target=0.75, attempts=3)
    else:
        refined = await refine(judged(0.2), attempt, target=0.75, attempts=3)
        assert (refined.best.reward, refined.stopped) == (0.2, Stopped.BUDGET)
