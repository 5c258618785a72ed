"""A scripted HTTP server and an open connection to it: what one answer, or one broken exchange, leads to."""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.github.connection import Connection, GitHubOptions, connect
from bot.github.pacing import Pace
from bot.github.secrets import Secret
from bot.jobs.job import Repository

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
REPOSITORY = Repository(id=42, owner="acme", name="tools", installation_id=3)


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    now: dt.datetime = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
    slept: list[float] = field(default_factory=list)
    stands_still: bool = False

    def __call__(self) -> dt.datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if not self.stands_still:
            self.now += dt.timedelta(seconds=seconds)


@dataclass
class Seen:
    """A request as the server got it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class Script:
    """Answers per `METHOD /path`, used up in order; the last one stays. Tokens are minted by itself."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.seen: list[Seen] = []
        self.minted: list[Any] = []
        self.token_life = 3_600
        self.quotas: list[tuple[int, int]] = []
        self._answers: dict[str, list[Answer]] = {}

    def on(self, what: str, *answers: Answer) -> None:
        self._answers[what] = list(answers)

    def calls(self, what: str) -> list[Seen]:
        return [seen for seen in self.seen if f"{seen.method} {seen.path.partition('?')[0]}" == what]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = await request.json() if text else None
        path = request.raw_path
        self.seen.append(Seen(request.method, path, request.headers, body))
        what = f"{request.method} {path.partition('?')[0]}"
        if what not in self._answers and path.endswith("/access_tokens"):
            return self._mint(body)
        answers = self._answers.get(what)
        if not answers:
            return web.json_response({"message": "Not Found"}, status=404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return await answer(request)

    def _mint(self, body: Any) -> web.Response:
        self.minted.append(body)
        expires = self.clock.now + dt.timedelta(seconds=self.token_life)
        token = f"ghs_{len(self.minted):040d}"
        return web.json_response({"token": token, "expires_at": expires.isoformat()}, status=201)


def says(data: Any, status: int = 200, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(data, status=status, headers=named)

    return answer


async def drops(request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def truncates(request: web.Request) -> web.StreamResponse:
    """An answer that stops in the middle."""
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "500"})
    await response.prepare(request)
    await response.write(b'{"id": 1, ')
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def script(clock: Clock) -> Script:
    return Script(clock)


@pytest.fixture
async def server(script: Script) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", script.handle)
    async with TestServer(app) as server:
        yield server


@pytest.fixture
async def connection(server: TestServer, script: Script, private_key: str, clock: Clock) -> AsyncIterator[Connection]:
    options = GitHubOptions(
        app_id="1",
        private_key=Secret(private_key),
        api_url=str(server.make_url("/api/v3")),
        pace=Pace(write_gap=1, notify_gap=3, patience=10),
        clock=clock,
        sleep=clock.sleep,
        on_quota=lambda installation, left: script.quotas.append((installation, left)),
    )
    async with connect(options) as connection:
        yield connection
