"""The open connection to one GitHub: an HTTP session, a transport and pacer per installation, clients per purpose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import aiohttp

from bot.github.client import Credential, GitHubApi, GitHubClient, Transport
from bot.github.models import App
from bot.github.pacing import Clock, Pace, Pacer, Sleep, utc_now
from bot.github.secrets import Secret
from bot.github.tokens import AppCredential, GivenCredential, InstallationCredential, Purpose, Scope, TokenSource
from bot.jobs.identity import BotIdentity
from bot.jobs.job import Repository
from bot.setup.hosts import web_root


@dataclass(frozen=True)
class GitHubOptions:
    """How to reach GitHub. `api_url` may have a path (GitHub Enterprise Server: `https://HOST/api/v3`).

    With `token` everything is done by that token; no App is needed, and none can be asked anything.
    """

    app_id: str
    private_key: Secret
    api_url: str = "https://api.github.com"
    pace: Pace = field(default_factory=Pace)
    clock: Clock = utc_now
    sleep: Sleep = asyncio.sleep
    before_write: Callable[[], Awaitable[None]] | None = None
    """Awaited right before each request that changes something; an error it raises ends the request."""
    on_quota: Callable[[int, int], None] | None = None
    """Told the installation (0: the App itself) and the requests it has left, after each answer."""
    token: Secret | None = None


class Connection:
    """Hands out clients. Close it by leaving `connect`."""

    def __init__(self, session: aiohttp.ClientSession, options: GitHubOptions) -> None:
        self._session = session
        self._options = options
        self._transports: dict[int, Transport] = {}
        app_pace = Pace(write_gap=0, notify_gap=0, patience=options.pace.patience)
        credential: Credential = (
            GivenCredential(options.token)
            if options.token is not None
            else AppCredential(options.app_id, options.private_key, clock=options.clock)
        )
        self.app: GitHubApi = GitHubClient(self._transport(0, app_pace), credential)
        self.tokens = TokenSource(self.app, clock=options.clock, sleep=options.sleep)

    @property
    def sleep(self) -> Sleep:
        return self._options.sleep

    @property
    def clock(self) -> Clock:
        return self._options.clock

    @property
    def web(self) -> str:
        """The GitHub of this connection, as people see it."""
        return web_root(self._options.api_url)

    def client(self, repository: Repository, purpose: Purpose) -> GitHubApi:
        """A client that may do what `purpose` needs on this repository, and nothing else."""
        return self._client(Scope(repository.installation_id, repository.id, purpose))

    def installation_reader(self, installation_id: int) -> GitHubApi:
        """A client that may read every repository of an installation: for reconciliation."""
        return self._client(Scope(installation_id, None, Purpose.READ))

    def _client(self, scope: Scope) -> GitHubApi:
        given = self._options.token
        credential: Credential = (
            GivenCredential(given) if given is not None else InstallationCredential(self.tokens, scope)
        )
        return GitHubClient(self._transport(scope.installation_id, self._options.pace), credential)

    async def identity(self) -> BotIdentity:
        """Who we are, as GitHub says. Raises GitHubError when the App's id or key is wrong."""
        app = await self.app.getitem("/app", {}, App)
        return BotIdentity(app_id=app.id, login=f"{app.slug}[bot]", web=self.web)

    def _transport(self, installation: int, pace: Pace) -> Transport:
        if installation not in self._transports:
            told = self._options.on_quota
            on_quota = partial(told, installation) if told is not None else None
            pacer = Pacer(pace, self._options.clock, self._options.sleep, on_quota=on_quota)
            self._transports[installation] = Transport(
                self._session, self._options.api_url, pacer, self._options.before_write
            )
        return self._transports[installation]


@asynccontextmanager
async def connect(options: GitHubOptions) -> AsyncIterator[Connection]:
    """Open the connection; nothing is sent yet. Raises BadPrivateKeyError."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=True) as session:
        yield Connection(session, options)
