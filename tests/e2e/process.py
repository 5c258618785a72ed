"""The bot as a process of its own, to be killed, stopped and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.town import SECRET
from tests.github_sandbox import GitHub
from tests.scripted_author import DEFAULTS, Author
from tests.scripted_model import Request, reply_json

ROOT = Path(__file__).parents[2]


@dataclass
class Process:
    """The bot as a user starts it."""

    environment: dict[str, str]
    port: int
    log: Path
    root: Path = ROOT
    """Whose code it runs."""
    child: asyncio.subprocess.Process | None = None
    kills: int = 0

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "serve", env=self.environment, stdout=log, stderr=log, cwd=self.root
            )
        async with asyncio.timeout(120), aiohttp.ClientSession() as session:
            while True:
                assert self.child.returncode is None, self.log.read_text()[-3_000:]
                with suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        """At once, without any farewell."""
        assert self.child is not None
        if self.child.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.child.pid, signal.SIGKILL)
                self.kills += 1

    async def end(self) -> None:
        self.kill()
        if self.child is not None:
            await self.child.wait()

    async def restart(self) -> None:
        assert self.child is not None
        await self.child.wait()
        await self.start()


async def killed_at_call(process: Process, author: Author, module: str, order: Awaitable[object]) -> None:
    """Give the order; the bot that asks the model for this module because of it dies before the answer arrives."""
    cut = asyncio.Event()

    def cut_off(request: Request) -> Any:
        process.kill()
        cut.set()
        return reply_json(DEFAULTS[module])

    author.answers[module] = cut_off
    await order
    await asyncio.wait_for(cut.wait(), 120)
    author.answers[module] = DEFAULTS[module]


async def until_labelled(github: GitHub, number: int, label: str) -> None:
    async def there() -> bool:
        return label in await github.labels(number)

    await github.until(there, 90, f"{label} on #{number}")


def environment(github: GitHub, model_url: str, port: int, folder: Path) -> dict[str, str]:
    """Of a bot that serves this GitHub with a scripted model and keeps its state in the folder."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SKILL_FLEET_")},
        "SKILL_FLEET_GITHUB_API_URL": github.sandbox.api_url,
        "SKILL_FLEET_GITHUB_APP_ID": str(github.sandbox.app.id),
        "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": str(github.sandbox.private_key_file),
        "SKILL_FLEET_GITHUB_PACING": "off",
        "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
        "SKILL_FLEET_DATABASE_URL": f"sqlite:///{folder / 'bot.db'}",
        "SKILL_FLEET_PORT": str(port),
        "SKILL_FLEET_MODEL": "openai/scripted",
        "SKILL_FLEET_MODEL_API_BASE": model_url,
        "SKILL_FLEET_MODEL_API_KEY": "scripted-key",
        "SKILL_FLEET_LOG_FORMAT": "json",
    }
