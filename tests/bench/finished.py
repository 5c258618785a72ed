"""Does a long history slow the present? `python -m tests.bench.finished [--jobs 1000000]`.

The same service with an empty database and with a million finished jobs and their events: intake under load, and the
time from a delivery's answer until its task has dealt with it, one after the other.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time

import aiohttp

from bot.store.database import open_database
from bot.store.stores import Stores
from tests.bench.deliveries import send, share
from tests.bench.jobs import Sending, labelled
from tests.bench.measure import load
from tests.bench.processes import Server, server

BENCHMARK = "intake and the time until a job is claimed, with a million finished jobs and with none"
CLAIMS = 40

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
THEN = "'2026-01-01 00:00:00.000000'"
JOBS = f"""
INSERT INTO jobs (key, status, phase, state, rev, last_task, repo_id, installation_id, owner, name, issue_number,
                  created_at, updated_at)
{NUMBERS} SELECT (i % 1000 + 100) || ':' || (i / 1000 + 1), 'promoted', 'validation', '{{}}', 1, 't', i % 1000 + 100, 3,
                 'acme', 'skills-' || i % 1000, i / 1000 + 1, {THEN}, {THEN} FROM n
"""
EVENTS = f"""
INSERT INTO inbox (delivery, key, event, action, repo_id, body, received_at, next_at, done_by, done_at)
{NUMBERS} SELECT 'old-' || i, (i % 1000 + 100) || ':' || (i / 1000 + 1), 'issues', 'labeled', i % 1000 + 100, x'7b7d',
                 {THEN}, {THEN}, 't', {THEN} FROM n
"""


async def migrated(url: str) -> None:
    stores = Stores.over(open_database(url))
    await stores.migrate()
    await stores.database.close()


def fill(path: str, count: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(JOBS, {"count": count})
        connection.execute(EVENTS, {"count": count})
        connection.execute("ANALYZE")
    connection.close()


async def claims(there: Server, path: str) -> list[float]:
    """Seconds from the answer to a delivery until its row is done."""
    found = []
    connection = sqlite3.connect(path)
    async with aiohttp.ClientSession() as session:
        sending = Sending(session, there.port)
        for number in range(1, CLAIMS + 1):
            await sending.deliver("issues", labelled(number))
            started = time.perf_counter()
            question = "SELECT count(*) FROM inbox WHERE key = ? AND done_by IS NULL"
            while connection.execute(question, (f"7:{number}",)).fetchone()[0]:
                await asyncio.sleep(0.005)
            found.append(time.perf_counter() - started)
    connection.close()
    return sorted(found)


def measure(name: str, path: str) -> None:
    with server("tests.bench.server", f"sqlite:///{path}") as there:
        start = there.cpu_seconds()
        waits = asyncio.run(claims(there, path))
        before = there.cpu_seconds()
        seen = send(there.port, 8, 64)
        each = (there.cpu_seconds() - before) / max(seen.count, 1)
    print(
        f"{name}: {start:.1f} s of CPU to ready; claimed and done after p50 {1000 * share(waits, 0.5):.0f} ms, "
        f"p90 {1000 * share(waits, 0.9):.0f} ms; intake {seen.count / seen.seconds:,.0f}/s, "
        f"p99 {1000 * seen.p99:.0f} ms, {1e6 * each:.0f} µs of CPU each; {load()}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/full.db"
        asyncio.run(migrated(f"sqlite:///{path}"))
        fill(path, options.jobs)
        for _ in range(2):
            measure("no jobs", f"{folder}/empty.db")
            measure(f"{options.jobs:,} finished jobs", path)


if __name__ == "__main__":
    main()
