"""What 10,000 jobs that wait for people cost: `python -m tests.bench.waiting [--jobs 10000] [--seconds 10]`."""

import argparse
import asyncio
import tempfile
import time
from datetime import timedelta

from sqlalchemy import insert

from bot.jobs.job import JobStatus
from bot.store.database import open_database
from bot.store.jobs import _columns
from bot.store.stores import Stores
from bot.store.tables import jobs
from tests.bench.processes import server
from tests.jobs import NOON, make_job

BENCHMARK = "start-up, idle CPU and memory with 10,000 jobs waiting for people"


async def fill(url: str, count: int) -> None:
    stores = Stores.over(open_database(url))
    await stores.migrate()
    later = NOON + timedelta(days=3650)
    status = JobStatus.PENDING_HITL
    rows = []
    for number in range(1, count + 1):
        job = make_job(number, status=status, waiting_since=NOON, remind_at=later, expire_at=later)
        rows.append({**_columns(job), "key": job.key, "created_at": NOON, "rev": 1, "last_task": "t"})
    async with stores.database.engine.begin() as connection:
        await connection.execute(insert(jobs), rows)
    await stores.database.close()


def measure(name: str, url: str, seconds: float) -> None:
    with server("tests.bench.server", url) as there:
        start = there.cpu_seconds()
        time.sleep(2)
        before = there.cpu_seconds()
        time.sleep(seconds)
        idle = (there.cpu_seconds() - before) / seconds
        print(
            f"{name}: {there.ready_after:.1f} s to ready ({start:.1f} s of CPU), {idle:.1%} of a core idle, "
            f"{there.resident_megabytes():.0f} MB resident"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure("no jobs", f"sqlite:///{folder}/empty.db", options.seconds)
        url = f"sqlite:///{folder}/full.db"
        asyncio.run(fill(url, options.jobs))
        measure(f"{options.jobs:,} waiting jobs", url, options.seconds)


if __name__ == "__main__":
    main()
