"""Do processes share the work on PostgreSQL? `python -m tests.bench.postgres [--jobs 120] [--work 1]`.

One process, then three, on a server of their own; deliveries go to them in turn. Each process works on four jobs at a
time, and each job waits so many seconds as if for a model: the rate is bounded by how well the queue is shared.
"""

import argparse
import asyncio
import time
from contextlib import ExitStack

import aiohttp
import psycopg

from tests.bench.jobs import Sending, labelled
from tests.bench.measure import load
from tests.bench.processes import server
from tests.databases import running_postgres

BENCHMARK = "jobs a second on PostgreSQL with one process and with three"
WORKERS = 4


async def deliver(ports: list[int], jobs: int) -> None:
    async with aiohttp.ClientSession() as session:
        senders = [Sending(session, port) for port in ports]
        numbers = range(1, jobs + 1)
        await asyncio.gather(*(senders[n % len(senders)].deliver("issues", labelled(n)) for n in numbers))


def until_done(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("SELECT count(*) FROM inbox WHERE done_by IS NULL").fetchone() != (0,):
            time.sleep(0.05)


def measure(url: str, processes: int, jobs: int, work: float) -> float:
    """Jobs a second."""
    with ExitStack() as stack:
        environment = {"BENCH_WORK": str(work), "SKILL_FLEET_WORKERS": str(WORKERS)}
        environment["SKILL_FLEET_JOBS_PER_REPOSITORY"] = str(processes * WORKERS)  # they are all of one repository
        there = [stack.enter_context(server("tests.bench.server", url, **environment)) for _ in range(processes)]
        started = time.perf_counter()
        asyncio.run(deliver([one.port for one in there], jobs))
        until_done(url)
        return jobs / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=120)
    parser.add_argument("--work", type=float, default=1.0)
    options = parser.parse_args()
    rates = {}
    with running_postgres() as postgres:
        for processes in (1, 3):
            rates[processes] = measure(postgres.new_database(), processes, options.jobs, options.work)
            bound = processes * WORKERS / options.work
            print(
                f"{processes} process(es): {rates[processes]:.1f} jobs/s of at most {bound:.0f}; {load()}", flush=True
            )
    print(f"three processes do {rates[3] / rates[1]:.1f} times the work of one")


if __name__ == "__main__":
    main()
