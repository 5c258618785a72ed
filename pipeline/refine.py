"""Asynchronous refinement: attempts judged by a deterministic reward; the best one wins, whichever came last."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from pipeline.runtime import CallFailed

T = TypeVar("T")


class Stopped(StrEnum):
    """Why refinement ended."""

    TARGET = "target"
    ATTEMPTS = "attempts"
    NO_GAIN = "no_gain"
    BUDGET = "budget"


@dataclass(frozen=True)
class Judged(Generic[T]):
    """A version, its reward (0..1) and what keeps it from more: the feedback for the next attempt."""

    version: T
    reward: float
    feedback: Sequence[str]


@dataclass(frozen=True)
class Refined(Generic[T]):
    best: Judged[T]
    attempts: int
    stopped: Stopped


async def refine(
    first: Judged[T],
    attempt: Callable[[Judged[T]], Awaitable[Judged[T]]],
    *,
    target: float,
    attempts: int,
) -> Refined[T]:
    """Improve until the reward reaches the target, nothing is left to say, an attempt gains nothing or attempts end.

    An exhausted model budget ends refinement with the best version so far; other failures are raised.
    """
    best = first
    made = 0
    while True:
        if best.reward >= target or not best.feedback:
            return Refined(best, made, Stopped.TARGET if best.reward >= target else Stopped.NO_GAIN)
        if made >= attempts:
            return Refined(best, made, Stopped.ATTEMPTS)
        try:
            candidate = await attempt(best)
        except CallFailed as failed:
            if failed.failure.code == "budget_exceeded":
                return Refined(best, made, Stopped.BUDGET)
            raise
        made += 1
        if candidate.reward <= best.reward:
            return Refined(best, made, Stopped.NO_GAIN)
        best = candidate
