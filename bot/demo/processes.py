"""The two processes of the demo: the sandbox and the bot, started as a user would start them, talking HTTP."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_START_SECONDS = 180.0  # the first start after an installation compiles thousands of modules
_STOP_SECONDS = 40.0


class DidNotStartError(Exception):
    """A process ended or stayed silent instead of getting ready; the message holds the end of its log."""


@dataclass(frozen=True)
class Running:
    """Where everything is."""

    sandbox_url: str
    bot_url: str
    repository: str
    tokens: Mapping[str, str]
    directory: Path
    bot_environment: Mapping[str, str]


@contextmanager
def started(directory: Path) -> Iterator[Running]:
    """Sandbox and bot, ready; both are stopped at the end. State and logs are below `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    bot_port, secret = _free_port(), secrets.token_hex(20)
    bot_url = f"http://127.0.0.1:{bot_port}"
    with _Process("sandbox", directory) as sandbox:
        options = {
            "--port": "0",
            "--state-dir": str(directory / "github"),
            "--webhook-url": f"{bot_url}/webhook",
            "--webhook-secret": secret,
        }
        sandbox.start(["sandbox", "--json", *(word for option in options.items() for word in option)], {})
        connection = json.loads(sandbox.first_line())
        environment = bot_environment(connection, secret, bot_port, directory)
        with _Process("bot", directory) as bot:
            bot.start(["serve"], environment)
            bot.wait_until_ready(f"{bot_url}/readyz")
            yield Running(
                sandbox_url=connection["url"],
                bot_url=bot_url,
                repository=connection["repositories"][0],
                tokens=connection["people"],
                directory=directory,
                bot_environment=environment,
            )


def bot_environment(connection: Mapping[str, object], secret: str, port: int, directory: Path) -> dict[str, str]:
    """The settings of a bot that serves this sandbox. A model configured outside stays configured."""
    app = connection["app"]
    assert isinstance(app, Mapping)
    return {
        "SKILL_FLEET_GITHUB_API_URL": str(connection["api_url"]),
        "SKILL_FLEET_GITHUB_APP_ID": str(app["id"]),
        "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": str(app["private_key_file"]),
        "SKILL_FLEET_GITHUB_PACING": "off",
        "SKILL_FLEET_WEBHOOK_SECRET": secret,
        "SKILL_FLEET_DATABASE_URL": f"sqlite:///{directory / 'skill-fleet.db'}",
        "SKILL_FLEET_HOST": "127.0.0.1",
        "SKILL_FLEET_PORT": str(port),
        "SKILL_FLEET_LOG_FORMAT": "json",
    }


class _Process:
    """One `skill-fleet` command with its output in a log file."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def start(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )

    def first_line(self) -> str:
        for _ in self._waiting():
            line, newline, _ = self.log.read_text().partition("\n")
            if newline:
                return line
        raise self._silent()

    def wait_until_ready(self, url: str) -> None:
        for _ in self._waiting():
            try:
                with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
                    if answer.status == 200:
                        return
            except (URLError, ConnectionError, TimeoutError):
                continue
        raise self._silent()

    def _waiting(self) -> Iterator[None]:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise self._silent()
            yield
            time.sleep(0.1)

    def _silent(self) -> DidNotStartError:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return DidNotStartError(f"the {self.name} did not start; the end of {self.log}:\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
