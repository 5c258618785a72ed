"""One container on SQLite, started as docs/operations.md says; stopped and killed in the middle of work."""

import asyncio
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.fleet import SECRET, Bot, Life
from tests.image.authority import AUTHORITY
from tests.image.engine import IMAGE, SCOPE, Engine
from tests.image.report import Report, WrongError, expect
from tests.image.site import Site, quiet, site

REQUESTS = 3
STOP_SECONDS = 40
"""Given to the container, as docs/operations.md says: `docker stop` waits longer than the drain."""
BACKUP = "import sqlite3; sqlite3.connect('skill-fleet.db').execute(\"VACUUM INTO 'backup.db'\")"
TOKEN = "a-token-of-the-api-0123456789"


@dataclass
class Container:
    """The containers that follow one another on one volume; each is a life of the same bot."""

    site: Site
    bot: Bot
    volume: str
    name: str = ""

    async def start(self, *words: str, **settings: str) -> float:
        """A new one. Seconds until it was ready."""
        life = Life(f"alone-{len(self.bot.lives) + 1}", time.monotonic())
        self.bot.lives.append(life)
        self.name = f"{SCOPE}-{life.name}"
        environment = {
            **self.site.settings(),
            "SKILL_FLEET_MODEL_API_BASE": self.site.model.near_url(life.name),
            "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": "/run/secrets/private-key.pem",
            "SKILL_FLEET_WEBHOOK_SECRET_FILE": "/run/secrets/webhook-secret",
            "SKILL_FLEET_API_TOKEN_FILE": "/run/secrets/api-token",
            **settings,
        }
        given = [word for pair in environment.items() for word in ("--env", "=".join(pair))]
        secrets = self.site.folder / "secrets"
        began = time.monotonic()
        await self.site.engine.run(
            *("run", "--detach", "--name", self.name, "--label", SCOPE, "--network", self.site.network),
            *("--restart", "unless-stopped", "--stop-timeout", str(STOP_SECONDS)),
            *("--publish", f"127.0.0.1:{self.bot.port}:8080", "--volume", f"{self.volume}:/data"),
            *("--volume", f"{secrets}:/run/secrets:ro", "--read-only", "--tmpfs", "/tmp:size=64m,mode=1777"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "256", "--memory", "768m"),
            *(*given, *words, IMAGE),
        )
        await self.site.ready(self.bot.port)
        return time.monotonic() - began

    async def exec(self, *words: str, check: bool = True) -> str:
        return (await self.site.engine.run("exec", self.name, *words, check=check)).out

    async def stop(self) -> tuple[int, float]:
        """As a deploy does. Exit status and seconds."""
        began = time.monotonic()
        await self.site.engine.run("stop", self.name, seconds=STOP_SECONDS + 60)
        seconds = time.monotonic() - began
        state = (await self.site.engine.inspect(self.name))["State"]
        self.bot.lives[-1].status = status = int(state["ExitCode"])
        return status, seconds

    async def health(self) -> str:
        state = (await self.site.engine.inspect(self.name))["State"]
        return str((state.get("Health") or state.get("Healthcheck") or {}).get("Status", "none"))

    async def until_health(self, wanted: str, seconds: float) -> float:
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while await self.health() != wanted:
                if self.site.engine.is_podman:  # its own timer needs systemd
                    await self.site.engine.run("healthcheck", "run", self.name, check=False)
                await asyncio.sleep(0.5)
        return time.monotonic() - began


async def live(engine: Engine, folder: Path, report: Report) -> None:
    bot = Bot("alone", {}, None, folder)
    async with site(engine, folder, bot.port) as here:
        await engine.run("volume", "create", "--label", SCOPE, f"{SCOPE}-data")
        _write_secrets(here)
        await _Course(here, Container(here, bot, f"{SCOPE}-data"), report).run()


def _write_secrets(here: Site) -> None:
    """As files that user 10001 can read and that are nobody else's."""
    folder = here.folder / "secrets"
    folder.mkdir(mode=0o755)
    for name, text in (
        ("private-key.pem", here.key_file.read_text()),
        ("webhook-secret", f"{SECRET}\n"),
        ("api-token", f"{TOKEN}\n"),
        (AUTHORITY, (here.folder / AUTHORITY).read_text()),
    ):
        file = folder / name
        file.write_text(text)
        if os.geteuid() == 0:
            os.chown(file, 10001, 10001)
            file.chmod(0o400)
        else:
            file.chmod(0o444)


@dataclass
class _Course:
    """What happens to it, in order; each step stands on the one before."""

    site: Site
    container: Container
    report: Report

    async def run(self) -> None:
        steps = (
            ("it starts with its secrets in files, on an empty volume, confined", self._start),
            ("the health check turns it healthy by the image's own timing", self._healthy),
            ("`skill-fleet doctor` inside finds nothing to repair", self._doctor),
            ("SIGTERM in the middle of work drains: no model call is cut off, and it ends with 0", self._drain),
            ("another container on the same volume goes on", self._again),
            ("SIGTERM while the model takes longer than the drain ends with 0 in time", self._impatient),
            ("SIGKILL in the middle of work; another container goes on", self._kill),
            ("every request came from the form to the merge", self.site.all_ended),
            ("the jobs are listed inside, and on /api with the token from its file", self._listed),
            ("the backup of docs/operations.md works inside, and nothing is lost or doubled", self._judged),
            ("its log is JSON lines without the secrets", self._logs),
            ("a process that hangs turns unhealthy, and healthy again", self._unhealthy),
        )
        for sentence, step in steps:
            if not await self.report.check(sentence, step):
                (self.site.folder / "containers.log").write_text(await self._all_logs())
                return

    async def _start(self) -> str:
        seconds = await self.container.start()
        mounts = {each["Destination"] for each in (await self._inspect())["Mounts"]}
        expect(mounts - {"/tmp"}, {"/data", "/run/secrets"}, "mounts")
        return f"ready after {seconds:.1f} s"

    async def _healthy(self) -> str:
        return f"after {await self.container.until_health('healthy', 60):.0f} s more"

    async def _doctor(self) -> None:
        answer = json.loads(await self.container.exec("skill-fleet", "doctor", "--json", check=False))
        bad = [line for line in answer["lines"] if line["level"] == "problem"] if "lines" in answer else answer
        expect(bad, [], "problems")

    async def _drain(self) -> str:
        self.site.file_requests(REQUESTS)
        self.site.model.answers_in(1.5, 2.5)
        await self.site.model.until_asked("alone-1")
        under_way = len(self.site.model.under_way("alone-1"))
        status, seconds = await self.container.stop()
        expect(status, 0, "exit status")
        expect(len(self.site.model.under_way("alone-1")), 0, "calls cut off")
        return f"{under_way} under way, {seconds:.1f} s"

    async def _again(self) -> str:
        seconds = await self.container.start(SKILL_FLEET_DRAIN_SECONDS="2")
        self.site.model.answers_in(20, 20)
        await self.site.model.until_asked("alone-2")
        return f"ready after {seconds:.1f} s"

    async def _impatient(self) -> str:
        self.container.bot.lives[-1].cut.append(time.monotonic() + 2)
        status, seconds = await self.container.stop()
        expect(status, 0, "exit status")
        if seconds > 10:
            raise WrongError(f"it took {seconds:.1f} s with a drain of 2 s")
        self.container.bot.lives[-1].cut.append(time.monotonic())
        return f"{seconds:.1f} s with a drain of 2 s"

    async def _kill(self) -> str:
        self.site.model.answers_in(0.3, 0.6)
        await self.container.start()
        await self.site.model.until_asked("alone-3")
        self.container.bot.lives[-1].cut.append(time.monotonic())
        await self.site.engine.run("kill", self.container.name)
        expect((await self._inspect())["State"]["ExitCode"], 137, "exit status")
        return f"ready after {await self.container.start():.1f} s"

    async def _listed(self) -> None:
        listing = await self.container.exec("skill-fleet", "jobs", "list")
        for request in self.site.people:
            expect(f"#{request.number}" in listing, True, f"#{request.number} in the list")
        url, headers = f"http://127.0.0.1:{self.container.bot.port}/api/jobs", {"Authorization": f"Bearer {TOKEN}"}
        async with self.site.session.get(url) as refused, self.site.session.get(url, headers=headers) as answer:
            expect((refused.status, answer.status), (401, 200), "answers without and with the token")

    async def _judged(self) -> str:
        await quiet(self.container.exec)
        await self.container.exec("python", "-c", BACKUP)
        copy = self.site.folder / "backup.db"
        await self.site.engine.run("cp", f"{self.container.name}:/data/backup.db", str(copy))
        return await self.site.judged(f"sqlite:///{copy}", [self.container.bot])

    async def _logs(self) -> str:
        text = await self._all_logs()
        lines = text.splitlines()
        for line in lines:
            if not isinstance(json.loads(line), dict):
                raise WrongError(f"not a line of JSON: {line[:200]}")
        for secret in (SECRET, TOKEN, "BEGIN RSA", "scripted-key"):
            expect(secret in text, False, f"{secret[:6]}... in the log")
        return f"{len(lines)} lines"

    async def _unhealthy(self) -> str:
        await self.container.stop()
        await self.container.start("--health-interval", "1s", "--health-timeout", "1s", "--health-retries", "2")
        await self.container.until_health("healthy", 30)
        await self.site.engine.run("kill", "--signal", "STOP", self.container.name)
        down = await self.container.until_health("unhealthy", 90)
        await self.site.engine.run("kill", "--signal", "CONT", self.container.name)
        up = await self.container.until_health("healthy", 90)
        status, _ = await self.container.stop()
        expect(status, 0, "exit status")
        return f"after {down:.0f} s, {up:.0f} s"

    async def _inspect(self) -> dict[str, object]:
        return await self.site.engine.inspect(self.container.name)

    async def _all_logs(self) -> str:
        names = [f"{SCOPE}-{life.name}" for life in self.container.bot.lives]
        outputs = [await self.site.engine.run("logs", name, check=False) for name in names]
        return "".join(output.out + output.err for output in outputs)
