"""Starting, killing and feeding the probe; reading what it did."""

import asyncio
import hashlib
import hmac
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bot.store.database import open_database
from bot.store.stores import Stores
from tests.ports import free_port

SECRET = "probe-secret-0123456789"
ROOT = Path(__file__).parents[3]


@dataclass
class Probe:
    """One process of the service; `kill` and `start` it as often as wanted."""

    url: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it answers that it is ready. Raises when it ends instead."""
        environment = {
            **os.environ,
            "PROBE_LEDGER": str(self.folder / "ledger"),
            "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
            "SKILL_FLEET_DATABASE_URL": self.url,
            "SKILL_FLEET_PORT": str(self.port),
            "SKILL_FLEET_LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
            **self.environment,
        }
        with (self.folder / f"log-{self.port}").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.durability.probe", env=environment, stderr=log, cwd=ROOT
            )
        async with asyncio.timeout(120), aiohttp.ClientSession() as session:
            while True:
                if self.process.returncode is not None:
                    raise RuntimeError((self.folder / f"log-{self.port}").read_text()[-3_000:])
                with suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.02)

    def send(self, what: signal.Signals) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(what)

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.wait()

    async def wait(self) -> int:
        assert self.process is not None
        return await self.process.wait()


@asynccontextmanager
async def probes(url: str, folder: Path, count: int = 1, **environment: str) -> AsyncIterator[list[Probe]]:
    """Probes that are not started yet; whatever still runs at the end is killed."""
    made = [Probe(url, folder, environment) for _ in range(count)]
    try:
        yield made
    finally:
        for probe in made:
            if probe.process is not None:
                probe.send(signal.SIGCONT)
                await probe.kill()


def issue_event(number: int) -> bytes:
    payload = {
        "action": "edited",
        "issue": {"number": number},
        "repository": {"id": 7},
        "installation": {"id": 3},
        "sender": {"login": "ada", "type": "User"},
    }
    return json.dumps(payload).encode()


async def deliver(session: aiohttp.ClientSession, port: int, number: int, delivery: str) -> int:
    """One delivery, once; the status, or 0 when nobody answered."""
    body = issue_event(number)
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }
    try:
        async with session.post(f"http://127.0.0.1:{port}/webhook", data=body, headers=headers) as response:
            return response.status
    except (aiohttp.ClientError, OSError):
        return 0


async def deliver_until_accepted(ports: Callable[[], int], number: int, delivery: str) -> None:
    """As GitHub's redelivery and our reconciliation do together: the same delivery until it is accepted."""
    async with aiohttp.ClientSession() as session:
        while await deliver(session, ports(), number, delivery) != 202:
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Outcome:
    """What the database and the ledger say."""

    deliveries: dict[str, list[str]]
    calls: dict[str, int]
    open_events: int
    begun: Counter[str]
    ended: Counter[str]


async def outcome(url: str, folder: Path) -> Outcome:
    stores = Stores.over(open_database(url))
    try:
        backlog = await stores.inbox.backlog()  # before the jobs: a row is closed together with saving its job
        rows = await stores.jobs.list_jobs(limit=1_000)
    finally:
        await stores.database.close()
    ledger = folder / "ledger"
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return Outcome(
        deliveries={row.job.key: row.job.journey.plan_feedback for row in rows},
        calls={row.job.key: row.job.journey.usage.calls for row in rows},
        open_events=backlog.open,
        begun=Counter(line.removeprefix("begin ") for line in lines if line.startswith("begin ")),
        ended=Counter(line.removeprefix("end ") for line in lines if line.startswith("end ")),
    )


async def settled(url: str, folder: Path, ready: Callable[[Outcome], bool], seconds: float = 60) -> Outcome:
    """The outcome once it is as wanted. Raises TimeoutError with the last one seen."""
    last: Outcome | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                last = await outcome(url, folder)
                if ready(last):
                    return last
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"not settled: {last}") from None


def line_count(folder: Path, pattern: str) -> int:
    ledger = folder / "ledger"
    return len(re.findall(pattern, ledger.read_text(), re.M)) if ledger.exists() else 0


async def until_line(folder: Path, pattern: str, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not line_count(folder, pattern):
            await asyncio.sleep(0.01)
