"""A GitHub with people in it and our service in front of it: real HTTP on both sides, no waiting, nothing mocked.

Whatever goes in and out is held against GitHub's published description.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bot.github.connection import Connection, GitHubOptions, connect
from bot.github.effects.log import EffectsInMemory
from bot.github.errors import TransientError
from bot.github.pacing import Pace
from bot.github.secrets import Secret
from bot.github.service import GitHubService
from bot.jobs.effects import Effect, EffectResult
from bot.jobs.job import Repository, job_key
from bot.sandbox import Sandbox, Seed, running
from bot.sandbox.faults import Fault, Kind
from tests.contract import ContractObserver

MAINTAINER, REQUESTER, STRANGER = "morgan", "riley", "sam"
BOT = "skill-fleet[bot]"


class Killed(Exception):  # noqa: N818 - not an error of the program: the process is gone
    """The bot's process died here."""


@dataclass
class Mortal:
    """Where the process dies: at its n-th record of an effect, or (`on_wait`) as soon as it would wait to retry."""

    record: int = 0
    on_wait: bool = False
    recorded: int = 0

    async def sleep(self, seconds: float) -> None:
        if self.on_wait:
            self.on_wait = False
            raise Killed


class MortalLog(EffectsInMemory):
    """The effects table of a bot that may die just before it writes a row."""

    def __init__(self, mortal: Mortal) -> None:
        super().__init__()
        self.mortal = mortal

    async def record(self, job_key: str, key: str, kind: str, remote_id: int, result: EffectResult) -> None:
        self.mortal.recorded += 1
        if self.mortal.recorded == self.mortal.record:
            raise Killed
        await super().record(job_key, key, kind, remote_id, result)


@dataclass
class Town:
    """What a test does, as a person or as the bot."""

    sandbox: Sandbox
    session: aiohttp.ClientSession
    options: GitHubOptions
    mortal: Mortal
    log: MortalLog
    repository: Repository
    connection: Connection
    service: GitHubService
    deaths: int = 0
    setbacks: list[str] = field(default_factory=list)

    async def ask(self, method: str, path: str, who: str = MAINTAINER, /, **data: Any) -> Any:
        """A person uses the API; paths are below the repository."""
        headers = {"Authorization": f"Bearer {self.sandbox.token(who)}"}
        url = f"{self.sandbox.api_url}/repos/{self.repository.full_name}{path}"
        options = {"json": data} if data else {}
        async with self.session.request(method, url, headers=headers, **options) as response:
            answer = await response.json() if response.status != 204 else None
            assert response.status < 300, (response.status, answer)
            return answer

    async def open_issue(self, title: str = "A skill", who: str = REQUESTER) -> int:
        return int((await self.ask("POST", "/issues", who, title=title, body="Please"))["number"])

    async def comments(self, number: int) -> list[tuple[str, str]]:
        listed = await self.ask("GET", f"/issues/{number}/comments?per_page=100")
        return [(comment["user"]["login"], comment["body"]) for comment in listed]

    def key(self, number: int) -> str:
        return job_key(self.repository.id, number)

    async def perform(self, effect: Effect, number: int) -> EffectResult:
        """As the engine does it: again after a passing failure, and by a new process after a death."""
        for _ in range(8):
            try:
                return await self.service.perform(effect, self.key(number), self.repository)
            except TransientError as error:
                self.setbacks.append(str(error))
            except Killed:
                self.deaths += 1
                self.restart()
        raise AssertionError(f"never came about: {self.setbacks}")

    def restart(self) -> None:
        """A new process: what was only in memory is gone, the effects table is not."""
        self.service = GitHubService(self.connection, self.service.identity, self.log)

    def trouble(self, kind: Kind, *, skip: int = 0, times: int = 1, **options: Any) -> Fault:
        """Something befalls the bot's own writes (minting tokens apart)."""
        fault = Fault(kind=kind, method="write", path="^/repos", login=BOT, skip=skip, times=times, **options)
        self.sandbox.api.faults.append(fault)
        return fault

    def writes(self) -> list[tuple[str, str]]:
        return [
            (exchange.method, exchange.path)
            for exchange in self.sandbox.api.log
            if exchange.is_write and exchange.actor == BOT
        ]


@contextlib.asynccontextmanager
async def town(path: Path, seed: Seed | None = None, **options: Any) -> AsyncIterator[Town]:
    """A town for the length of a block; the options are those of `Sandbox.create`."""
    mortal, contract = Mortal(), ContractObserver()
    async with running(path, seed, observer=contract, **options) as sandbox, aiohttp.ClientSession() as session:
        github = GitHubOptions(
            app_id=str(sandbox.app.id),
            private_key=Secret(sandbox.private_key),
            api_url=sandbox.api_url,
            pace=Pace(write_gap=0, notify_gap=0),
            clock=sandbox.world.clock.now,
            sleep=mortal.sleep,
        )
        repo = sandbox.repository
        repository = Repository(
            id=repo.id, owner=repo.owner.login, name=repo.name, installation_id=sandbox.installation.id
        )
        async with connect(github) as connection:
            log = MortalLog(mortal)
            service = GitHubService(connection, await connection.identity(), log)
            yield Town(sandbox, session, github, mortal, log, repository, connection, service)
        assert not sandbox.api.errors, sandbox.api.errors
    contract.assert_clean()
