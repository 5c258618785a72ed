"""The processes of the chaos run: the sandbox, the bots as a user starts them, and one address in front of the bots.

`Life` is one process of a bot from start to death; what the judge needs to know of it is kept.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.contract import observing
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
SECRET = "chaos-secret-0123456789"


@dataclass
class Life:
    """Times are `time.monotonic()`. `cut` are the instants at which its work was interrupted: killed or frozen."""

    name: str
    born: float
    cut: list[float] = field(default_factory=list)
    status: int | None = None


@dataclass
class Bot:
    """One place where a bot runs; dead ones are started again, as any supervisor does.

    Whoever starts, kills or stops it holds `changing`: between the death of one process and the start of the next
    nobody else takes it for one that died by itself.
    """

    name: str
    environment: Mapping[str, str]
    model_url: Any
    folder: Path
    port: int = field(default_factory=free_port)
    lives: list[Life] = field(default_factory=list)
    child: asyncio.subprocess.Process | None = None
    frozen: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def is_alive(self) -> bool:
        return self.child is not None and self.child.returncode is None

    async def start(self) -> None:
        life = Life(f"{self.name}-{len(self.lives) + 1}", time.monotonic())
        self.lives.append(life)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SKILL_FLEET_")},
            **self.environment,
            "SKILL_FLEET_PORT": str(self.port),
            "SKILL_FLEET_MODEL_API_BASE": self.model_url(life.name),
        }
        with self.log.open("ab") as log:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=environment, stdout=log, stderr=log, cwd=ROOT
            )

    async def wait_until_ready(self, session: aiohttp.ClientSession, seconds: float = 300) -> bool:
        """False when it died before. Where the machine is loaded an answer takes seconds, too."""
        async with asyncio.timeout(seconds):
            while self.is_alive:
                with suppress(aiohttp.ClientError, OSError, TimeoutError):
                    url, limit = f"http://127.0.0.1:{self.port}/readyz", aiohttp.ClientTimeout(total=60)
                    async with session.get(url, timeout=limit) as response:
                        if response.status == 200:
                            return True
                await asyncio.sleep(0.05)
        return False

    async def kill(self) -> bool:
        """At once, without any farewell. False when it was dead already."""
        assert self.child is not None
        lives = self.child.returncode is None
        if lives:
            self.lives[-1].cut.append(time.monotonic())
            self.child.send_signal(signal.SIGKILL)
        self.lives[-1].status = await self.child.wait()
        self.frozen = False
        return lives and self.lives[-1].status == -signal.SIGKILL

    def freeze(self) -> None:
        assert self.child is not None
        self.lives[-1].cut.append(time.monotonic())
        self.child.send_signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        assert self.child is not None
        self.frozen = False
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGCONT)

    async def stop(self, seconds: float = 60) -> int:
        """As a deploy does. The exit status."""
        assert self.child is not None
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
        async with asyncio.timeout(seconds):
            self.lives[-1].status = await self.child.wait()
        return self.lives[-1].status


class Balancer:
    """One address for several bots: each connection goes to the next that takes it, like a service in a cluster."""

    def __init__(self, bots: list[Bot]) -> None:
        self._bots = bots
        self._turn = 0
        self._server: asyncio.Server | None = None
        self.port = free_port()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._bots:
            self._turn = (self._turn + 1) % len(self._bots)
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self._bots[self._turn].port)
            except OSError:
                continue
            await asyncio.gather(_pour(reader, back), _pour(there, writer))
            return
        writer.close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.CancelledError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()
    sink.close()


class Sandbox:
    """GitHub, as `skill-fleet sandbox` runs it, in a process of its own."""

    def __init__(self, folder: Path, webhook_port: int, *options: str) -> None:
        self._folder, self._webhook = folder, f"http://127.0.0.1:{webhook_port}/webhook"
        self._options = options
        self._child: asyncio.subprocess.Process | None = None
        self._observed = ExitStack()
        self.connection: dict[str, Any] = {}

    async def start(self) -> None:
        words = ["sandbox", "--json", "--port", "0", "--state-dir", str(self._folder / "github")]
        words += ["--webhook-url", self._webhook, "--webhook-secret", SECRET, *self._options]
        environment = self._observed.enter_context(observing(os.environ, self._folder / "contract.log"))
        command = [sys.executable, "-m", "bot", *words]
        with (self._folder / "sandbox.log").open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=ROOT
            )
        assert self._child.stdout is not None
        self.connection = json.loads(await asyncio.wait_for(self._child.stdout.readline(), 60))

    async def close(self) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()
            await self._child.wait()
            self._observed.close()  # raises when anything broke GitHub's contract
