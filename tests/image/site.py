"""What surrounds the containers: a network of their own, GitHub's stand-in, a scripted model, and people with requests.

Both servers listen on this machine's loopback address. Containers reach them by the network's gateway address: GitHub
(an Enterprise Server here) through a relay that speaks TLS with a certificate of a private authority; the model, which
writes down who asks by the container's address, through a second door.
"""

import asyncio
import random
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from tests.chaos.fleet import Bot, Sandbox
from tests.chaos.model import Ask, Model
from tests.chaos.people import Hub, Person, Request, requests
from tests.chaos.run import Plan, Record
from tests.chaos.verdict import judge
from tests.image.authority import certified
from tests.image.engine import SCOPE, Engine
from tests.image.report import WrongError

PATIENCE = 300.0
_ROW = re.compile(r"\d")
"""An event in the list; what stands above the list has no digits."""
_FREEBIND = 15  # Linux: an address may be taken before its interface is there


class NearModel(Model):
    """The scripted model with a door on the containers' network; a container's address is the life that asked."""

    def __init__(self, gateway: str) -> None:
        super().__init__(random.Random(1), failing=0.0, seconds=(0.3, 0.6))
        self._gateway = gateway

    async def start(self) -> None:
        await super().start()
        assert self._runner is not None
        await web.SockSite(self._runner, _socket(self._gateway, self.port)).start()

    def near_url(self, life: str = "near") -> str:
        return f"http://{self._gateway}:{self.port}/{life}/v1"

    def answers_in(self, shortest: float, longest: float) -> None:
        self._seconds = (shortest, longest)

    def life(self, request: web.Request) -> str:
        named = super().life(request)
        return named if named != "near" else request.remote or "?"

    def under_way(self, life: str = "") -> list[Ask]:
        return [ask for ask in self.asks if ask.ended is None and life in ("", ask.life)]

    async def until_asked(self, life: str = "") -> None:
        """A call is under way."""
        async with asyncio.timeout(PATIENCE):
            while not self.under_way(life):
                await asyncio.sleep(0.02)


def _socket(address: str, port: int) -> socket.socket:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.setsockopt(socket.IPPROTO_IP, _FREEBIND, 1)
    door.bind((address, port))
    return door


@dataclass
class Site:
    engine: Engine
    folder: Path
    network: str
    gateway: str
    sandbox: Sandbox
    model: NearModel
    session: aiohttp.ClientSession
    hub: Hub
    people: list[Request] = field(default_factory=list)
    _living: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def api_url(self) -> str:
        """GitHub, for a container."""
        return str(self.sandbox.connection["api_url"]).replace("http://127.0.0.1", f"https://{self.gateway}")

    @property
    def key_file(self) -> Path:
        return Path(self.sandbox.connection["app"]["private_key_file"])

    def settings(self) -> dict[str, str]:
        """What a container needs beside its secrets."""
        return {
            "SKILL_FLEET_GITHUB_API_URL": self.api_url,
            "SKILL_FLEET_GITHUB_APP_ID": str(self.sandbox.connection["app"]["id"]),
            "SKILL_FLEET_GITHUB_PACING": "off",
            "SKILL_FLEET_MODEL": "openai/scripted",
            "SKILL_FLEET_MODEL_API_BASE": self.model.near_url(),
            "SKILL_FLEET_MODEL_API_KEY": "scripted-key",
            "SKILL_FLEET_MODEL_DAILY_CALLS_PER_PERSON": "0",
            "SKILL_FLEET_RECONCILE_MINUTES": "1",
            "SSL_CERT_FILE": "/run/secrets/authority.pem",
        }

    def file_requests(self, count: int) -> None:
        """People who carry a request each from the form to its end: most to the merge, one in ten to a rejection."""
        self.people = requests(count, random.Random(7))

        async def at_once() -> None:
            """Merging waits for nothing."""

        self._living = [asyncio.create_task(Person(self.hub, each, at_once, PATIENCE).live()) for each in self.people]

    async def all_ended(self) -> str:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*self._living)
        if lost := [each.lost for each in self.people if each.lost]:
            raise WrongError("; ".join(lost))
        return f"{sum(each.done for each in self.people)} of {len(self.people)}"

    async def judged(self, database_url: str, bots: list[Bot]) -> str:
        """Nothing lost, doubled or out of order; only what was cut off was asked again."""
        plan = Plan(seed=1, requests=len(self.people), kills=0, database_url=database_url, bots=len(bots))
        verdict = await judge(Record(plan, self.people, self.model, bots, self.hub))
        if problems := verdict.problems():
            raise WrongError(f"{verdict.line()}: {'; '.join(problems[:5])}")
        return f"{verdict.line()}, {verdict.notes['model calls']}"

    async def ready(self, port: int, seconds: float = 120) -> None:
        """Until /readyz on this port answers 200."""
        async with asyncio.timeout(seconds):
            while True:
                with suppress(aiohttp.ClientError, OSError):
                    async with self.session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)


async def quiet(inside: Callable[..., Awaitable[str]]) -> None:
    """Until every stored event is dealt with, as `skill-fleet inbox list` says inside a container."""
    async with asyncio.timeout(PATIENCE):
        while _ROW.search(await inside("skill-fleet", "inbox", "list")):
            await asyncio.sleep(0.5)


@asynccontextmanager
async def site(engine: Engine, folder: Path, webhook_port: int) -> AsyncIterator[Site]:
    """Everything around the containers, running. Deliveries go to a port of the loopback address."""
    await asyncio.to_thread(folder.mkdir)
    network = f"{SCOPE}-{folder.name}"
    await engine.run("network", "create", "--label", SCOPE, network)
    gateway = await _gateway(engine, network)
    model, sandbox = NearModel(gateway), Sandbox(folder, webhook_port, "--enterprise")
    await model.start()
    await sandbox.start()
    port = int(str(sandbox.connection["url"]).rpartition(":")[2])
    relay = await asyncio.start_server(_relay_to(port), sock=_socket(gateway, port), ssl=certified(gateway, folder))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        hub = Hub(session, sandbox.connection)
        looking = asyncio.create_task(hub.look_forever())
        here = Site(engine, folder, network, gateway, sandbox, model, session, hub)
        try:
            await hub.call("morgan", "PATCH", "/_sandbox/limits", {"requests_per_hour": 10_000_000})
            yield here
        finally:
            for task in (looking, *here._living):
                task.cancel()
            await asyncio.gather(looking, *here._living, return_exceptions=True)
            relay.close()
            await model.close()
            await sandbox.close()


async def _gateway(engine: Engine, network: str) -> str:
    found = await engine.inspect(network, "network")
    entries = found.get("subnets") or found.get("IPAM", {}).get("Config") or []
    for entry in entries:
        if address := entry.get("gateway") or entry.get("Gateway"):
            return str(address)
    ranges = [
        each for part in found.get("plugins", []) for group in part.get("ipam", {}).get("ranges", []) for each in group
    ]
    if ranges:
        return str(ranges[0]["gateway"])
    raise WrongError(f"the network {network} has no gateway address")


def _relay_to(port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pour(reader, back), _pour(there, writer))

    return serve


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    with suppress(OSError):
        sink.close()
