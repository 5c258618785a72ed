"""The real service with a scripted job, as a process to be killed: `python -m tests.integration.durability.probe`.

Every event adds its delivery to the job and costs CALLS paid calls. Each call writes a line when it begins and one when
it ends to the ledger, so that a test can count what was paid twice. PROBE_* variables set it up.
"""

import argparse
import asyncio
import gc
import os
import random
import sys
from datetime import UTC, datetime

from bot.app import Parts
from bot.engine.dispatcher import Schedule
from bot.jobs.job import Job
from bot.jobs.ports import Loaded, Steps
from bot.metrics import Metrics
from bot.serve import serve
from bot.settings import Settings
from bot.store.stores import Stores
from pipeline.models import Usage, Value
from tests.jobs import make_job

CALLS = int(os.environ.get("PROBE_CALLS", "8"))
CALL_SECONDS = float(os.environ.get("PROBE_CALL_SECONDS", "0.1"))
VERSION = os.environ.get("PROBE_VERSION", "1")
LEDGER = os.environ["PROBE_LEDGER"]


class Text(Value):
    text: str


class Number(Value):
    number: int


def note(line: str) -> None:
    """Append one line that survives the death of the process."""
    ledger = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, f"{line}\n".encode())
    os.close(ledger)


async def compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
    async def paid(call: str) -> Text:
        note(f"begin {call}")
        await asyncio.sleep(CALL_SECONDS * random.uniform(0.5, 1.5))
        note(f"end {call}")
        return Text(text=call)

    async def save(job: Job, rev: int, done: list[int], name: str) -> Number:
        return Number(number=await stores.jobs.save(job, rev=rev, done=done, task=name))

    async def call(steps: Steps, key: str, at: str, n: int) -> Text:
        return await steps.run(f"v{VERSION}:call:{at}:{n}", Text, lambda: paid(f"{key} {at} {n}"))

    async def advance(key: str, task: str, steps: Steps) -> None:
        note(f"kept from the garbage collector: {gc.get_freeze_count()}")
        turn = 0
        while True:
            loaded = await steps.run(f"load:{turn}", Loaded, lambda: stores.jobs.load(key))
            if not loaded.rows:
                return
            job = loaded.job or make_job(int(key.partition(":")[2]))
            at = f"{turn}:{loaded.rows[0].id}"
            texts = await asyncio.gather(*(call(steps, key, at, n) for n in range(3)))
            for n in range(3, CALLS):
                texts.append(await call(steps, key, at, n))
            changed = _heard(job, [row.delivery for row in loaded.rows], len(texts))
            done = [row.id for row in loaded.rows]

            saved = f"{task}:{turn}"

            async def save(
                job: Job = changed, rev: int = loaded.rev, done: list[int] = done, name: str = saved
            ) -> Number:
                return Number(number=await stores.jobs.save(job, rev=rev, done=done, task=name))

            await steps.run(f"save:{turn}", Number, save)
            turn += 1

    note(f"pid {os.getpid()}")
    return Parts(advance=advance)


def _heard(job: Job, deliveries: list[str], calls: int) -> Job:
    journey = job.journey.model_copy(
        update={
            "plan_feedback": [*job.journey.plan_feedback, *deliveries],
            "usage": job.journey.usage + Usage(calls=calls),
        }
    )
    return job.with_(journey=journey, updated_at=datetime.now(UTC))


if __name__ == "__main__":
    schedule = Schedule(sweep=0.5)
    sys.exit(serve(argparse.Namespace(), compose, schedule=schedule))
