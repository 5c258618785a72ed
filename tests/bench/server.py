"""The real service for benchmarks; jobs take note of their events and do nothing else.

`python -m tests.bench.server`, set up by SKILL_FLEET_* variables. BENCH_WORK is how many seconds a job waits as
if for a model.
"""

import argparse
import asyncio
import os
import sys

from bot.app import Parts
from bot.jobs.ports import Loaded, Steps
from bot.metrics import Metrics
from bot.serve import serve
from bot.settings import Settings
from bot.store.stores import Stores
from pipeline.models import Value

WORK_SECONDS = float(os.environ.get("BENCH_WORK", "0"))


class Nothing(Value):
    """A step's result that says nothing."""


async def compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
    async def advance(key: str, task: str, steps: Steps) -> None:
        loaded = await steps.repeatable("load", Loaded, lambda: stores.jobs.load(key))

        await asyncio.sleep(WORK_SECONDS)

        async def discard() -> Nothing:
            await stores.jobs.discard(key, done=[row.id for row in loaded.rows], task=task)
            return Nothing()

        await steps.repeatable("discard", Nothing, discard)

    return Parts(advance=advance)


if __name__ == "__main__":
    sys.exit(serve(argparse.Namespace(), compose))
