"""How long the jobs pages take on the server with 10,000 jobs: `python -m tests.bench.pages [--jobs 10000]`.

The time is the handler's own, from the request's headers to the rendered body, one request after the other.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import ClientSession, web
from sqlalchemy import insert

from bot.app import SERVICE, Parts, create_app
from bot.jobs.effects import Done
from bot.jobs.job import ENDED, Job, JobStatus, Repository
from bot.jobs.ports import Steps
from bot.metrics import Metrics
from bot.settings import Settings, load
from bot.store.database import open_database
from bot.store.history import Figure
from bot.store.jobs import _columns
from bot.store.stores import Stores
from bot.store.tables import daily_figures, job_events, job_moves, jobs
from pipeline.journey import Journey
from pipeline.models import Usage
from tests.bench.measure import load as machine_load
from tests.jobs import make_pull
from tests.unit.jobs import builders

BENCHMARK = "server time of the jobs pages with 10,000 jobs"
TITLES = ("Release notes from merged pull requests", "Review SQL migrations for locks", "Triage flaky tests",
          "Onboard a new service to tracing", "Write a changelog entry", "Check a Helm chart before a deploy",
          "Turn a postmortem into actions", "Extract tables from PDF invoices")  # fmt: skip
_SHARES = {
    JobStatus.PROMOTED: 60, JobStatus.REJECTED: 8, JobStatus.CANCELLED: 5, JobStatus.EXPIRED: 6, JobStatus.FAILED: 2,
    JobStatus.IN_REVIEW: 8, JobStatus.PENDING_HITL: 6, JobStatus.PENDING_USER_INPUT: 3, JobStatus.QUEUED: 1,
    JobStatus.RUNNING: 1,
}  # fmt: skip


def a_job(number: int, now: datetime, chance: random.Random) -> Job:
    """A job somewhere in its life, with a draft of ordinary size, changed in the last thirty days."""
    status = chance.choices(list(_SHARES), list(_SHARES.values()))[0]
    changed = now - timedelta(seconds=chance.random() ** 2 * 30 * 86_400)
    draft = builders.draft("# Release notes\n\n" + "Collect, group and write what was merged.\n" * 200)
    quality = builders.QUALITY.model_copy(update={"overall_score": round(min(1, chance.gauss(0.82, 0.1)), 2)})
    usage = Usage(calls=9, prompt_tokens=21_000, completion_tokens=6_400, cost_usd=0.031, seconds=48)
    journey: Journey = builders.at_preview(of=draft) if status is JobStatus.PENDING_HITL else builders.completed(draft)
    if status in (JobStatus.QUEUED, JobStatus.PENDING_USER_INPUT):
        journey = builders.at_clarify()
    elif journey.generation is not None:
        generation = journey.generation.model_copy(update={"quality": quality})
        modules = {"GenerateSkillContent": usage, "GenerateTestCases": usage}
        update = {"generation": generation, "usage": usage, "usage_by_module": modules, "drafter": "openai/gpt-5-mini"}
        journey = journey.model_copy(update=update)
    waits = status in (JobStatus.QUEUED, JobStatus.PENDING_HITL, JobStatus.PENDING_USER_INPUT)
    home = Repository(id=7 + number % 40, owner="acme", name=f"team-{number % 40:02}", installation_id=3)
    return Job(
        key=f"{home.id}:{number}",
        repository=home,
        issue_number=number,
        requester=chance.choice(["ada", "grace", "riley", "linus"]),
        title=chance.choice(TITLES),
        status=status,
        journey=journey,
        started_by="morgan",
        pull=make_pull(20_000 + number, number) if status in (JobStatus.IN_REVIEW, JobStatus.PROMOTED) else None,
        waiting_since=changed if waits else None,
        remind_at=now + timedelta(days=400) if waits else None,
        expire_at=now + timedelta(days=800) if waits else None,
        created_at=changed - timedelta(days=2),
        updated_at=changed,
    )


async def fill(stores: Stores, count: int, now: datetime) -> list[Job]:
    """Jobs with their history, written as the service would have."""
    chance = random.Random(7)
    made = [a_job(number, now, chance) for number in range(1, count + 1)]
    rows = [{**_columns(job), "key": job.key, "created_at": job.created_at, "rev": 1, "last_task": "t"} for job in made]
    moves, events, figures = [], [], dict[tuple[str, str, str], tuple[int, float]]()

    def count_up(at: datetime, figure: Figure, name: str, number: int, amount: float) -> None:
        place = (at.date().isoformat(), figure.value, name)
        known = figures.get(place, (0, 0.0))
        figures[place] = (known[0] + number, known[1] + amount)

    for job in made:
        at, before = job.created_at, JobStatus.RUNNING
        for number, status in enumerate((JobStatus.RUNNING, JobStatus.PENDING_HITL, JobStatus.RUNNING, job.status)):
            phase, asks = job.journey.phase, "preview" if status is JobStatus.PENDING_HITL else ""
            moves.append({"job_key": job.key, "number": number, "at": at, "status": status.value, "phase": phase,
                          "checkpoint": asks})  # fmt: skip
            count_up(at, Figure.ENTERED, status.value, 1, 0)
            if number:
                spent = 86_000 if before is JobStatus.PENDING_HITL else 60
                count_up(at, Figure.LEFT, before.value, 1, spent * chance.random() * 2)
            at, before = at + (job.updated_at - job.created_at) / 3, status
        if job.journey.generation is not None:
            score = job.journey.generation.quality.overall_score
            count_up(job.updated_at, Figure.DRAFTED, str(min(9, int(score * 10))), 1, score)
            count_up(job.updated_at, Figure.PAID, "GenerateSkillContent", 9, 0.031)
            count_up(job.updated_at, Figure.TOKENS, "GenerateSkillContent", 27_400, 0)
        kinds = ("phase_start", "module_start", "module_end", "phase_end")
        events += [
            {"job_key": job.key, "at": job.created_at, "type": kind, "phase": phase, "module": "GenerateSkillContent",
             "message": "", "seconds": 12.5 if kind.endswith("end") else None, "checkpoint": "", "measured": None}
            for phase in ("understanding", "generation", "validation")
            for kind in kinds
        ]  # fmt: skip
    async with stores.database.engine.begin() as connection:
        for start in range(0, count, 500):
            await connection.execute(insert(jobs), rows[start : start + 500])
        await connection.execute(insert(job_moves), moves)
        await connection.execute(insert(job_events), events)
        await connection.execute(
            insert(daily_figures),
            [
                {"day": day, "figure": figure, "name": name, "count": number, "amount": amount}
                for (day, figure, name), (number, amount) in figures.items()
            ],
        )
    for kind, number in (("say", 40), ("show_status", 1), ("set_state", 6)):
        for place in range(number):
            await stores.effects.record(made[0].key, f"{kind}:{place}", kind, place + 1, Done(remote_id=place + 1))
    return made


async def idle(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
    """Nothing advances."""

    async def advance(key: str, task: str, steps: Steps) -> None:
        rows = (await stores.jobs.load(key)).rows
        await stores.jobs.discard(key, done=[row.id for row in rows], task=task)

    return Parts(advance=advance)


Timed = dict[str, list[float]]


@asynccontextmanager
async def serving(url: str, times: Timed | None = None, port: int = 0) -> AsyncIterator[str]:
    """The service on loopback; every handler's seconds are noted under its path's first words."""
    app = create_app(load(webhook_secret="0" * 32, database_url=url, log_level="ERROR"), idle)

    @web.middleware
    async def timing(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        started, used = time.perf_counter(), time.process_time()
        response = await handler(request)
        if times is not None:
            name = request.headers.get("X-Name", "?")
            times.setdefault(name, []).append(time.perf_counter() - started)
            times.setdefault(f"{name}: cpu", []).append(time.process_time() - used)
        return response

    app.middlewares.append(timing)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert app[SERVICE].ready
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        assert runner.addresses
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def run(count: int, rounds: int) -> None:
    now, times = datetime.now(UTC), Timed()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/jobs.db"
        stores = Stores.over(open_database(url))
        await stores.migrate()
        made = await fill(stores, count, now)
        await stores.database.close()
        busy = next(job for job in made if job.status not in ENDED)
        pages = {
            "list": "/jobs",
            "list of one repository": "/jobs?repository=acme/team-07",
            "list of one status": "/jobs?status=failed",
            "list of a repository's waiting": "/jobs?repository=acme/team-07&status=people",
            "longest waiting first": "/jobs?order=waiting",
            "somewhere in the list": f"/jobs?after={made[count // 2].updated_at:%Y-%m-%dT%H:%M:%S.%f}%2B00:00~x",
            "one job": f"/jobs/{busy.repository.full_name}/{busy.issue_number}",
            "one with many effects": f"/jobs/{made[0].repository.full_name}/{made[0].issue_number}",
        }
        async with serving(url, times) as address, ClientSession() as session:
            for _ in range(rounds):
                for name, path in pages.items():
                    async with session.get(address + path, headers={"X-Name": name}) as answer:
                        assert answer.status == 200, (path, answer.status)
                        await answer.read()
    everything = [seconds for name in pages for seconds in times[name][1:]]
    for name in pages:
        used = statistics.median(times[f"{name}: cpu"]) * 1000
        middle, slow = statistics.median(times[name]) * 1000, p95(times[name]) * 1000
        print(f"{name:32} median {middle:6.1f} ms  p95 {slow:6.1f} ms  processor {used:6.1f} ms")
    print(
        f"{count:,} jobs, {len(everything)} pages: p95 {p95(everything) * 1000:.1f} ms (target 100); {machine_load()}"
    )


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    asyncio.run(run(options.jobs, options.rounds))


if __name__ == "__main__":
    main()
