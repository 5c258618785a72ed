"""One chaos run: who is killed when, what goes wrong on the way, and the end of it. The judge is `verdict`."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from sqlalchemy import text

from bot.store.database import Database, open_database
from bot.store.stores import Stores
from tests.chaos.fleet import SECRET, Balancer, Bot, Sandbox
from tests.chaos.model import Model
from tests.chaos.people import Hub, Person, Request, requests

LEASE_SECONDS = 4
GITHUB_TROUBLE = {
    "drop_after": 3,
    "status_after": 3,
    "truncate": 2,
    "drop_before": 1,
    "status": 2,
    "secondary": 1,
    "delay": 1,
}
"""What befalls requests to GitHub, and how often. The first three: applied, and the answer lost."""
DELIVERY_TROUBLE = {"duplicate": 4, "drop": 2, "delay": 2, "hold": 2}
LOST_WITHOUT_TRACE = {"lose": 1}


@dataclass(frozen=True)
class Plan:
    seed: int
    requests: int
    kills: int
    database_url: str
    bots: int = 1
    uptime: tuple[float, float] = (0.5, 5.0)
    """Shortest and longest time from being ready to the next kill."""
    asks: int = 12
    """Or the kill comes right after so many model calls at most have begun, whichever the dice say."""
    failing: float = 0.06
    answer_seconds: tuple[float, float] = (0.05, 0.4)
    patience: float = 1_800.0
    lossy: bool = True
    """Some deliveries vanish without a trace; to find them again takes minutes."""

    @property
    def is_postgres(self) -> bool:
        return not self.database_url.startswith("sqlite")


@dataclass
class Record:
    """What happened, for the judge."""

    plan: Plan
    requests: list[Request]
    model: Model
    bots: list[Bot]
    hub: Hub
    kills: int = 0
    kills_at_start: int = 0
    froze: int = 0
    trouble: Counter[str] = field(default_factory=Counter)
    stopped: list[int] = field(default_factory=list)
    ended_by_themselves: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Run:
    def __init__(self, plan: Plan, folder: Path, session: aiohttp.ClientSession) -> None:
        self.plan = plan
        self.dice = random.Random(plan.seed)
        self.session = session
        self.model = Model(random.Random(plan.seed + 1), plan.failing, plan.answer_seconds)
        self.bots = [Bot(f"bot{n + 1}", {}, self.model.base_url, folder) for n in range(plan.bots)]
        self.balancer = Balancer(self.bots)
        self.sandbox = Sandbox(folder, self.balancer.port)
        self.gone: set[str] = set()
        self.enough = asyncio.Event()

    async def play(self) -> Record:
        began = time.monotonic()
        await self.model.start()
        await self.balancer.start()
        await self.sandbox.start()
        hub = Hub(self.session, self.sandbox.connection)
        people = requests(self.plan.requests, random.Random(self.plan.seed + 2))
        self.record = Record(self.plan, people, self.model, self.bots, hub)
        await hub.call("morgan", "PUT", "/_sandbox/deliveries/order", {"order": "shuffled"})
        await hub.call("morgan", "PATCH", "/_sandbox/limits", {"requests_per_hour": 10_000_000})
        for bot in self.bots:
            bot.environment = self._environment()
            await bot.start()
            await bot.wait_until_ready(self.session)
        watching = asyncio.create_task(_loudly(hub.look_forever()))
        supervising = asyncio.create_task(_loudly(self._supervise()))
        living = asyncio.gather(
            *(Person(hub, each, self._merge_gate(n), self.plan.patience).live() for n, each in enumerate(people))
        )
        troubling = asyncio.create_task(_loudly(self._trouble(hub)))
        try:
            await self._kill_and_restart()
        finally:
            self.enough.set()
            troubling.cancel()
            await asyncio.gather(troubling, return_exceptions=True)
        await self._calm(hub)
        await living
        await self._quiet(self.plan.patience)
        supervising.cancel()
        watching.cancel()
        await asyncio.gather(supervising, watching, return_exceptions=True)
        for bot in self.bots:
            if await bot.wait_until_ready(self.session):
                self.record.stopped.append(await bot.stop())
        self.record.seconds = time.monotonic() - began
        return self.record

    async def close(self) -> None:
        for bot in self.bots:
            if bot.is_alive:
                bot.thaw()
                await bot.kill()
        await self.sandbox.close()
        await self.balancer.close()
        await self.model.close()

    # --- killing -----------------------------------------------------------------------------------------------------

    async def _kill_and_restart(self) -> None:
        while (number := self.record.kills) < self.plan.kills:
            victim = self.dice.choice([bot for bot in self.bots if bot.name not in self.gone and not bot.frozen])
            before_ready = self.dice.random() < 0.15
            if before_ready:
                await asyncio.sleep(self.dice.uniform(0.1, 1.5))  # perhaps before it is ready
            else:
                await victim.wait_until_ready(self.session)
                await self._let_work()
            for_good = len(self.bots) == 3 and number == self.plan.kills // 3
            async with victim.changing:
                if not await victim.kill():
                    continue  # it ended by itself; the supervisor starts it again
                self.record.kills += 1
                self.record.kills_at_start += before_ready
                if for_good:
                    self.gone.add(victim.name)
                else:
                    await victim.start()
            if len(self.bots) == 3 and number == self.plan.kills // 2:
                await self._freeze_and_thaw()

    async def _let_work(self) -> None:
        """Some time, or until some model calls have begun: then the kill meets them."""
        seconds, calls = self.dice.uniform(*self.plan.uptime), self.dice.randint(1, self.plan.asks)
        soon = self.dice.uniform(0.0, 0.4)
        if self.dice.random() < 0.4:
            await asyncio.sleep(seconds / len(self.bots))
            return
        wanted = len(self.model.asks) + calls
        with suppress(TimeoutError):
            async with asyncio.timeout(4 * self.plan.uptime[1]):
                while len(self.model.asks) < wanted:
                    await asyncio.sleep(0.02)
        await asyncio.sleep(soon)

    async def _freeze_and_thaw(self) -> None:
        victim = next(bot for bot in self.bots if bot.name not in self.gone)
        await victim.wait_until_ready(self.session)
        await asyncio.sleep(self.dice.uniform(1.0, 3.0))
        victim.freeze()
        self.record.froze += 1
        await asyncio.sleep(2.5 * LEASE_SECONDS)
        victim.thaw()

    async def _supervise(self) -> None:
        """Start again what ended by itself."""
        while True:
            for bot in self.bots:
                async with bot.changing:
                    if bot.is_alive or bot.name in self.gone or bot.child is None:
                        continue
                    life = bot.lives[-1]
                    life.status = bot.child.returncode
                    self.record.ended_by_themselves.append(f"{life.name}: exit {life.status}")
                    await bot.start()
            await asyncio.sleep(0.2)

    # --- trouble -----------------------------------------------------------------------------------------------------

    async def _trouble(self, hub: Hub) -> None:
        deliveries = DELIVERY_TROUBLE | (LOST_WITHOUT_TRACE if self.plan.lossy else {})
        app = f"{hub.connection['app']['slug']}[bot]"
        dice = random.Random(self.plan.seed + 3)
        while True:
            await asyncio.sleep(dice.uniform(0.1, 0.5))
            if dice.random() < 0.5:
                [kind] = dice.choices([*GITHUB_TROUBLE], [*GITHUB_TROUBLE.values()])
                method = "*" if kind in ("status", "delay") else "write"
                fault = {"kind": kind, "method": method, "login": app, "seconds": 0.5, "status": 502, "retry_after": 1}
                await hub.call("morgan", "POST", "/_sandbox/faults", fault)
            else:
                [kind] = dice.choices([*deliveries], [*deliveries.values()])
                rule = {"kind": kind, "seconds": dice.uniform(0.2, 2.0), "skip": dice.randrange(4)}
                await hub.call("morgan", "POST", "/_sandbox/deliveries/rules", rule)
                if dice.random() < 0.3:
                    await hub.call("morgan", "POST", "/_sandbox/deliveries/release", {"order": "shuffle"})

    async def _calm(self, hub: Hub) -> None:
        """No new trouble: from here on everything has to come to its end."""
        for fault in await hub.call("morgan", "GET", "/_sandbox/faults"):
            self.record.trouble[f"GitHub: {fault['kind']}"] += fault["hits"]
        for rule in await hub.call("morgan", "GET", "/_sandbox/deliveries/rules"):
            self.record.trouble[f"delivery: {rule['kind']}"] += rule["hits"]
        await hub.call("morgan", "DELETE", "/_sandbox/faults")
        await hub.call("morgan", "DELETE", "/_sandbox/deliveries/rules")
        await hub.call("morgan", "POST", "/_sandbox/deliveries/release", {"order": "shuffle"})

    def _merge_gate(self, number: int) -> Callable[[], Awaitable[None]]:
        """Merging waits, so that there is something to disturb until the last kill."""
        due = self.plan.kills * (number + 1) / self.plan.requests * 0.9

        async def may_merge() -> None:
            while self.record.kills < due and not self.enough.is_set():
                await asyncio.sleep(0.3)

        return may_merge

    # --- the rest ----------------------------------------------------------------------------------------------------

    async def _quiet(self, seconds: float) -> None:
        """Until every stored event is dealt with, and no task waits or runs; the judge says what is left."""
        stores = Stores.over(open_database(self.plan.database_url))
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while (await stores.inbox.backlog()).open or under_way(stores.database):
                        await asyncio.sleep(0.5)
        finally:
            await stores.database.close()

    def _environment(self) -> dict[str, str]:
        connection = self.sandbox.connection
        return {
            "SKILL_FLEET_GITHUB_API_URL": connection["api_url"],
            "SKILL_FLEET_GITHUB_APP_ID": str(connection["app"]["id"]),
            "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": connection["app"]["private_key_file"],
            "SKILL_FLEET_GITHUB_PACING": "off",
            "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
            "SKILL_FLEET_DATABASE_URL": self.plan.database_url,
            "SKILL_FLEET_MODEL": "openai/scripted",
            "SKILL_FLEET_MODEL_API_KEY": "scripted-key",
            "SKILL_FLEET_JOBS_PER_REPOSITORY": "16",
            "SKILL_FLEET_MODEL_DAILY_CALLS_PER_PERSON": "0",  # one person files them all
            "SKILL_FLEET_MODEL_DAILY_CALLS_PER_REPOSITORY": "0",
            "SKILL_FLEET_RECONCILE_MINUTES": "1",
            "SKILL_FLEET_LEASE_SECONDS": str(LEASE_SECONDS),
            "SKILL_FLEET_LOG_FORMAT": "json",
        }


def under_way(database: Database) -> list[str]:
    """Tasks that wait or run."""
    table = "workflow_status" if database.is_sqlite else "dbos.workflow_status"
    query = f"SELECT workflow_uuid || ' is ' || status FROM {table} WHERE status IN ('ENQUEUED', 'PENDING')"
    with database.direct.connect() as connection:
        return list(connection.execute(text(query)).scalars())


async def _loudly(work: Coroutine[None, None, None]) -> None:
    """What runs beside must not end unnoticed."""
    try:
        await work
    except Exception as error:
        print(f"chaos: the run itself is broken: {error!r}", file=sys.stderr)
        raise


@asynccontextmanager
async def played(plan: Plan, folder: Path) -> AsyncIterator[Record]:
    """A run that is over; its GitHub can still be looked at. State and logs stay in `folder`."""
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        run = Run(plan, folder, session)
        try:
            yield await run.play()
        finally:
            await run.close()
