"""Many jobs at once, while deliveries come in: `python -m tests.bench.jobs [--jobs 200] [--seconds 1]`.

The service on SQLite with a scripted model that takes a second for each call, in a process of its own. What engine and
database cost is what the service spends for a call beyond what the pipeline alone spends for it. Deliveries that
concern nobody keep coming, RATE a second, at rest and while the jobs run; the event loop's lag is looked at each 10 ms.
Then once more, with deliveries as fast as 64 connections send them, at rest and while 50 jobs run.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import multiprocessing
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp

from bot.jobs.job import JobStatus
from pipeline.journey import Journey
from pipeline.lm import ModelSettings
from pipeline.lm.model import LanguageModel
from pipeline.models import SkillRequest
from pipeline.runtime import MemoryCallStore, Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.bench.deliveries import SECRET, Load, comment_event, send, sender, share
from tests.bench.jobs_server import LAGS
from tests.bench.measure import load
from tests.bench.pipeline import serve
from tests.bench.processes import Server, server

BENCHMARK = "200 jobs at once with a 1-second model: CPU a call, the event loop's lag, and intake meanwhile"
RATE = 50
REST_SECONDS = 8
FULL_LOAD_JOBS = 50
CONNECTIONS = 64


def labelled(number: int) -> bytes:
    """Somebody who may puts the label on an issue."""
    ada = {"login": "ada", "id": 11, "type": "User"}
    form = f"### What should it do\n\nExtract the tables of PDF reports, kind {number}, into CSV files."
    payload = {
        "action": "labeled",
        "issue": {"number": number, "title": f"PDF tables {number}", "body": form, "state": "open", "user": ada}
        | {"labels": [{"name": "skill-request"}]},
        "label": {"name": "skill-request"},
        "repository": {"id": 7, "name": "skills", "owner": {"login": "acme"}, "default_branch": "main"},
        "installation": {"id": 3},
        "sender": ada,
    }
    return json.dumps(payload).encode()


@dataclass
class Sending:
    """Deliveries over HTTP, and how long each waited for its answer."""

    session: aiohttp.ClientSession
    port: int

    async def deliver(self, event: str, body: bytes) -> float:
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid4()),
            "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        started = time.perf_counter()
        url = f"http://127.0.0.1:{self.port}/webhook"
        async with self.session.post(url, data=body, headers=headers) as response:
            assert response.status == 202, response.status
            await response.read()
        return time.perf_counter() - started

    async def steadily(self, until: asyncio.Event) -> list[float]:
        """RATE deliveries a second that concern nobody, sent when due, answered or not."""
        body, waiting = comment_event(4_000), list[asyncio.Task[float]]()
        started = time.perf_counter()
        while not until.is_set():
            waiting.append(asyncio.create_task(self.deliver("issue_comment", body)))
            await asyncio.sleep(max(0.0, started + len(waiting) / RATE - time.perf_counter()))
        return sorted(await asyncio.gather(*waiting))


async def for_a_while(sending: Sending, seconds: float) -> list[float]:
    rest = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, rest.set)
    return await sending.steadily(rest)


async def until_previewed(path: str, jobs: int) -> None:
    wanted = JobStatus.PENDING_HITL.value
    with sqlite3.connect(path) as connection:
        while True:
            statuses = dict(connection.execute("SELECT status, count(*) FROM jobs GROUP BY status").fetchall())
            if set(statuses) - {"queued", "running", wanted}:
                raise SystemExit(f"jobs went another way: {statuses}")
            if statuses.get(wanted, 0) >= jobs:
                return
            await asyncio.sleep(0.1)


def calls_made(path: str) -> int:
    with sqlite3.connect(path) as connection:
        count: int = connection.execute("SELECT count(*) FROM module_calls").fetchone()[0]
    return count


async def alone(base_url: str, jobs: int) -> float:
    """CPU seconds a call of the pipeline with nothing around it."""
    settings = ModelSettings(model="openai/scripted", api_base=base_url, concurrency=1_000, timeout_seconds=600)
    model = LanguageModel(settings)
    stores = [MemoryCallStore() for _ in range(jobs)]

    async def journey(number: int) -> None:
        request = SkillRequest(title=f"PDF tables {number}", text="Extract tables.", name="pdf-tables", author="ada")
        await advance(Journey(request=request), Runtime(taxonomy=Taxonomy(), model=model, calls=stores[number]))

    await journey(0)  # imports
    before = time.process_time()
    await asyncio.gather(*(journey(number) for number in range(1, jobs)))
    spent = time.process_time() - before
    await model.aclose()
    return spent / sum(len(store.results) for store in stores[1:])


@dataclass(frozen=True)
class Together:
    """What a run gave: CPU seconds a call (without what the deliveries cost), answers at rest and meanwhile."""

    cpu: float
    at_rest: list[float]
    meanwhile: list[float]
    took: float


async def together(there: Server, path: str, jobs: int) -> Together:
    async with aiohttp.ClientSession() as session:
        sending = Sending(session, there.port)
        await sending.deliver("issues", labelled(1_000))  # the first job loads what writes skills
        await until_previewed(path, 1)
        await asyncio.sleep(1)
        before = there.cpu_seconds()
        await asyncio.sleep(REST_SECONDS / 2)
        idle = 2 * (there.cpu_seconds() - before) / REST_SECONDS
        before = there.cpu_seconds()
        at_rest = await for_a_while(sending, REST_SECONDS)
        delivery = (there.cpu_seconds() - before - REST_SECONDS * idle) / len(at_rest)
        known, done = calls_made(path), asyncio.Event()
        before, started = there.cpu_seconds(), time.perf_counter()
        meanwhile = asyncio.create_task(sending.steadily(done))
        for number in range(1, jobs + 1):
            await sending.deliver("issues", labelled(number))
        await until_previewed(path, jobs + 1)
        took = time.perf_counter() - started
        done.set()
        answers = await meanwhile
        spent = there.cpu_seconds() - before - took * idle - len(answers) * delivery
        return Together(spent / (calls_made(path) - known), at_rest, answers, took)


def lags_between(file: Path, start: float, end: float) -> list[float]:
    looks = (line.split() for line in file.read_text().splitlines())
    return sorted(float(late) for at, late in looks if start <= float(at) <= end)


def environment(base_url: str, jobs: int) -> dict[str, str]:
    return {
        "SKILL_FLEET_MODEL": "openai/scripted",
        "SKILL_FLEET_MODEL_API_BASE": base_url,
        "SKILL_FLEET_MODEL_API_KEY": "none",
        "SKILL_FLEET_MODEL_CONCURRENCY": "1000",
        "SKILL_FLEET_MODEL_TIMEOUT_SECONDS": "600",
        "SKILL_FLEET_MODEL_DAILY_CALLS_PER_REPOSITORY": "0",
        "SKILL_FLEET_MODEL_DAILY_CALLS_PER_PERSON": "0",
        "SKILL_FLEET_WORKERS": str(jobs),
        "SKILL_FLEET_JOBS_PER_REPOSITORY": str(jobs),
    }


async def measure(base_url: str, folder: str, jobs: int) -> None:
    path, lags = f"{folder}/bench{jobs}.db", Path(folder) / f"lags{jobs}"
    variables = {**environment(base_url, jobs), LAGS: str(lags)}
    with server("tests.bench.jobs_server", f"sqlite:///{path}", **variables) as there:
        run = await together(there, path, jobs)
        end = time.time()
    late = lags_between(lags, end - run.took, end)
    pipeline = await alone(base_url, jobs)
    print(
        f"{jobs} jobs in {run.took:.1f} s: {1000 * run.cpu:.1f} ms of CPU a call, {1000 * pipeline:.1f} of them the "
        f"pipeline's own: engine and database {1000 * (run.cpu - pipeline):.1f} ms; "
        f"event loop {quantiles(late)} late; {load()}"
    )
    print(
        f"   intake at {RATE}/s: {quantiles(run.at_rest)} at rest, {quantiles(run.meanwhile)} meanwhile, p99 "
        f"{share(run.meanwhile, 0.99) / share(run.at_rest, 0.99):.1f} times that at rest",
        flush=True,
    )


async def at_full_load(base_url: str, folder: str) -> None:
    path = f"{folder}/full.db"
    with server("tests.bench.jobs_server", f"sqlite:///{path}", **environment(base_url, FULL_LOAD_JOBS)) as there:
        async with aiohttp.ClientSession() as session:
            sending = Sending(session, there.port)
            await sending.deliver("issues", labelled(1_000))
            await until_previewed(path, 1)
            at_rest = await asyncio.to_thread(send, there.port, REST_SECONDS, CONNECTIONS)
            started = time.perf_counter()
            sent = asyncio.create_task(asyncio.to_thread(send, there.port, REST_SECONDS, CONNECTIONS))
            for number in range(1, FULL_LOAD_JOBS + 1):
                await sending.deliver("issues", labelled(number))
            await until_previewed(path, FULL_LOAD_JOBS + 1)
            took = time.perf_counter() - started
            meanwhile = await sent
    print(
        f"intake at full load by {sender()}: {_seen(at_rest)} at rest, {_seen(meanwhile)} while {FULL_LOAD_JOBS} "
        f"jobs run for {took:.1f} s: p99 {meanwhile.p99 / at_rest.p99:.1f} times that at rest; {load()}",
        flush=True,
    )


def _seen(sent: Load) -> str:
    return f"{sent.count / sent.seconds:,.0f}/s p99 {1000 * sent.p99:.0f} ms"


def quantiles(ordered: list[float]) -> str:
    return f"p50 {1000 * share(ordered, 0.5):.0f} ms, p99 {1000 * share(ordered, 0.99):.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="*", default=[50, 200])
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    seconds = multiprocessing.Value("d", options.seconds)
    process = multiprocessing.Process(target=serve, args=(theirs, seconds))
    process.start()
    try:
        base_url = ours.recv()
        with tempfile.TemporaryDirectory() as folder:
            for jobs in options.jobs:
                asyncio.run(measure(base_url, folder, jobs))
            asyncio.run(at_full_load(base_url, folder))
    finally:
        ours.send("stop")
        process.join(5)


if __name__ == "__main__":
    main()
