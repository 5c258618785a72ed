"""Which trouble at which write: all cases, packed several to a journey, and what one journey made of its own."""

import asyncio
import difflib
import logging
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from bot.sandbox.faults import Kind
from tests.faults.journey import DEATH, KILL, KINDS, Outcome, played


class Case(NamedTuple):
    kind: str
    nth: int

    def __str__(self) -> str:
        return f"{self.kind} at {'record' if self.kind == DEATH else 'write'} {self.nth}"


Journey = tuple[Case, ...]
"""The trouble of one journey; none for the undisturbed one."""


def journeys(calm: Outcome, together: int, rng: random.Random) -> Iterator[Journey]:
    """Each kind and a kill at every write and a death at every record, `together` in a journey, far from each other."""
    kinds = [*(kind.value for kind in KINDS), KILL]
    for start in range(-(-calm.writes // together)):
        writes = range(start, calm.writes, -(-calm.writes // together))
        offset = rng.randrange(len(kinds))
        for turn in range(len(kinds)):
            # Neighbours in a journey have different kinds; over all turns each write meets each kind once.
            yield tuple(Case(kinds[(offset + turn + place) % len(kinds)], nth) for place, nth in enumerate(writes))
    step = -(-calm.records // together)
    for start in range(step):
        yield tuple(Case(DEATH, nth) for nth in range(1 + start, calm.records + 1, step))


def run(journey: Journey) -> Outcome | str:
    """One journey in this process; what went wrong, in words, when it did not come to its end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    faults = {case.nth: Kind(case.kind) for case in journey if case.kind not in {DEATH, KILL}}
    deaths = frozenset(case.nth for case in journey if case.kind == DEATH)
    kills = frozenset(case.nth for case in journey if case.kind == KILL)
    with tempfile.TemporaryDirectory(prefix="skill-fleet-faults-") as folder:
        try:
            return asyncio.run(played(Path(folder), faults, deaths, kills))
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def problem(journey: Journey, calm: Outcome, outcome: Outcome | str) -> str:
    """How a disturbed journey ended differently; "" when it did not."""
    if isinstance(outcome, str):
        return outcome
    if outcome.struck < len(journey):
        return f"{outcome.struck} of {len(journey)} troubles came"
    return difference(calm.picture, outcome.picture)


def difference(calm: str, disturbed: str) -> str:
    lines: Sequence[str] = list(difflib.unified_diff(calm.splitlines(), disturbed.splitlines(), lineterm="", n=1))
    return "\n".join(lines[2:40])
