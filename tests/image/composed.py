"""The compose files of docs/deploy as they are, by `docker compose`: SQLite, and PostgreSQL with three processes.

They are copied beside the files that they ask for. Laid over them is only what keeps a run apart from others: its own
image, port and network, and images that stand in for those that cannot be fetched.
"""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.chaos.fleet import SECRET, Bot, Life
from tests.dockerfile import PATH
from tests.image.authority import AUTHORITY
from tests.image.engine import IMAGE, SCOPE, Engine
from tests.image.report import Report, WrongError, expect
from tests.image.site import Site, quiet, site
from tests.ports import free_port

DEPLOY = PATH.parent / "docs" / "deploy"
LEASE_SECONDS = 10
OLDEST = (2, 24, 4)
"""Knows `env_file` with `path`, and `!override`."""
USER = 10001


@dataclass
class Project:
    """One compose file, copied, with what it asks for beside it."""

    site: Site
    file: Path
    port: int
    containers: dict[str, Bot] = field(default_factory=dict)
    """The service's containers by id. A container's address is its life, as the model sees it."""

    @property
    def name(self) -> str:
        return f"{SCOPE}-{self.file.stem}".replace(".", "-")

    async def compose(self, *words: str, seconds: float = 120) -> str:
        given = ("compose", "--project-name", self.name, "--file", str(self.file), "--file", str(self.over))
        return (await self.site.engine.run(*given, *words, seconds=seconds)).out

    @property
    def over(self) -> Path:
        return self.file.parent / "over.yaml"

    async def up(self) -> str:
        """Until every service is healthy, as compose sees it."""
        began = time.monotonic()
        await self.compose("up", "--detach", "--no-build", "--wait", seconds=240)
        return f"healthy after {time.monotonic() - began:.0f} s"

    async def look(self) -> None:
        """Take down who runs now."""
        for name in (await self.compose("ps", "--quiet", "skill-fleet")).split():
            if name not in self.containers:
                networks = (await self.site.engine.inspect(name))["NetworkSettings"]["Networks"]
                bot = Bot(name, {}, None, self.site.folder, port=0)
                bot.lives.append(Life(networks[self.site.network]["IPAddress"], time.monotonic()))
                self.containers[name] = bot

    @property
    def bots(self) -> list[Bot]:
        return [*self.containers.values()]

    async def exec(self, service: str, *words: str) -> str:
        return await self.compose("exec", "--no-TTY", service, *words)

    async def kept_log(self) -> None:
        (self.site.folder / "compose.log").write_text(await self.compose("logs", "--no-color"))


def prepare(here: Site, file: str, port: int, stand_ins: Mapping[str, str]) -> Project:
    """Copy the folder; write the files that the head of the compose file names, and what is laid over."""
    folder = here.folder / "deploy"
    shutil.copytree(DEPLOY, folder)
    project = Project(here, folder / file, port)
    settings = {
        **here.settings(),
        "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
        "SKILL_FLEET_LEASE_SECONDS": str(LEASE_SECONDS),
        "SSL_CERT_FILE": "/authority.pem",
    }
    (folder / "skill-fleet.env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    shutil.copy(here.key_file, folder / "skill-fleet.private-key.pem")
    (folder / "postgres-password").write_text("a-password\n")
    (folder / "database-url").write_text("postgresql://skill_fleet:a-password@postgres/skill_fleet\n")
    shutil.copy(here.folder / AUTHORITY, folder / AUTHORITY)
    _readable(folder, "skill-fleet.private-key.pem", "database-url")
    (folder / AUTHORITY).chmod(0o444)
    document = yaml.safe_load(project.file.read_text())
    project.over.write_text(overlay(document, folder / AUTHORITY, here.network, port, stand_ins))
    return project


def _readable(folder: Path, *names: str) -> None:
    """For user 10001 alone, as the files say; for everybody where that takes root."""
    for name in names:
        if os.geteuid() == 0:
            os.chown(folder / name, USER, USER)
            (folder / name).chmod(0o400)
        else:
            (folder / name).chmod(0o444)


def overlay(document: dict[str, Any], authority: Path, network: str, port: int, stand_ins: Mapping[str, str]) -> str:
    """The YAML that is laid over a compose file; what the file publishes is replaced, not added to."""
    public = next(name for name, service in document["services"].items() if "ports" in service)
    services: dict[str, dict[str, Any]] = {
        "skill-fleet": {"image": IMAGE, "volumes": [f"{authority}:/authority.pem:ro"]},
        **{name: {"image": image} for name, image in stand_ins.items() if image and name in document["services"]},
    }
    services.setdefault(public, {})["ports"] = "HERE"
    outside = "outside" if "outside" in document.get("networks", {}) else "default"
    laid = {"services": services, "networks": {outside: {"external": True, "name": network}}}
    return yaml.safe_dump(laid, sort_keys=False).replace("HERE", f'!override ["127.0.0.1:{port}:8080"]')


@asynccontextmanager
async def _project(
    engine: Engine, folder: Path, file: str, stand_ins: Mapping[str, str], report: Report
) -> AsyncIterator[Project]:
    port = free_port()
    async with site(engine, folder, port) as here:
        project = prepare(here, file, port, stand_ins)
        try:
            yield project
        finally:
            if report.failed:
                await project.kept_log()
            await project.compose("down", "--volumes", "--timeout", "5")


async def _play(report: Report, steps: Sequence[tuple[str, Any]]) -> None:
    for sentence, step in steps:
        if not await report.check(sentence, step):
            return


async def has_compose(engine: Engine) -> str:
    answer = await engine.run("compose", "version", "--short", check=False)
    said = answer.out.strip().removeprefix("v")
    numbers = tuple(int(part) for part in said.partition("-")[0].partition("+")[0].split(".") if part.isdecimal())
    if answer.status != 0 or numbers < OLDEST:
        raise WrongError(
            f"needs `{Path(engine.program).name} compose` {'.'.join(map(str, OLDEST))} or newer, "
            f"not {said or 'none'}; leave these parts out by PARTS='still alone'"
        )
    return said


async def one(engine: Engine, folder: Path, report: Report) -> None:
    if not await report.check("compose is there", lambda: has_compose(engine)):
        return
    async with _project(engine, folder, "compose.yaml", {}, report) as project:
        here = project.site

        async def works() -> str:
            await project.look()
            here.file_requests(2)
            return await here.all_ended()

        async def dies() -> str:
            """As by the kernel, which the restart policy answers; not by `docker kill`, which means to stop."""
            [container] = project.containers
            before = (await engine.inspect(container))["RestartCount"]
            await project.exec("skill-fleet", "python", "-c", "import os; os.kill(1, 9) or os.kill(1, 15)")
            async with asyncio.timeout(60):
                while (await engine.inspect(container))["RestartCount"] == before:
                    await asyncio.sleep(0.2)
            await here.ready(project.port)
            return "ready again"

        async def anew() -> None:
            """A new container on the old volume knows the requests."""
            await project.compose("down")
            await project.up()
            listing = await project.exec("skill-fleet", "skill-fleet", "jobs", "list")
            for request in here.people:
                expect(f"#{request.number}" in listing, True, f"#{request.number} in the list")

        async def stops() -> None:
            await project.compose("stop")
            [name] = (await project.compose("ps", "--all", "--quiet", "skill-fleet")).split()
            expect((await engine.inspect(name))["State"]["ExitCode"], 0, "exit status")

        await _play(
            report,
            (
                ("`docker compose up` ends with the service healthy", project.up),
                ("requests come from the form to the merge", works),
                ("a process that ends by itself is started again", dies),
                ("`docker compose down` and `up` keep what it knows", anew),
                ("`docker compose stop` ends it with 0", stops),
            ),
        )


async def three(engine: Engine, folder: Path, stand_ins: Mapping[str, str], report: Report) -> None:
    if not await report.check("compose is there", lambda: has_compose(engine)):
        return
    async with _project(engine, folder, "compose.postgres.yaml", stand_ins, report) as project:
        here = project.site
        victims: list[str] = []

        async def replicas() -> str:
            await project.look()
            expect(len(project.containers), 3, "processes")
            for path, wanted in (("/livez", 200), ("/readyz", 200), ("/metrics", 404), ("/api/jobs", 404)):
                async with here.session.get(f"http://127.0.0.1:{project.port}{path}") as answer:
                    expect(answer.status, wanted, f"{path} through the proxy")
            return "3, behind a proxy that passes on /webhook, /livez and /readyz alone"

        async def killed() -> str:
            here.model.answers_in(1.0, 2.0)
            here.file_requests(4)
            await here.model.until_asked()
            victim = here.model.under_way()[0].life
            name = next(name for name, bot in project.containers.items() if bot.lives[0].name == victim)
            project.containers[name].lives[0].cut.append(time.monotonic())
            under_way = len(here.model.under_way(victim))
            await engine.run("kill", name)
            victims.append(victim)
            here.model.answers_in(0.2, 0.5)
            return f"{under_way} of its model calls under way"

        async def shared() -> str:
            asked = {bot.lives[0].name: 0 for bot in project.bots}
            for ask in here.model.asks:
                asked[ask.life] += 1
            if not all(asked.values()):
                raise WrongError(f"model calls by process: {sorted(asked.values())}")
            return f"model calls {', '.join(map(str, sorted(asked.values())))}"

        async def judged() -> str:
            await quiet(lambda *words: project.exec("skill-fleet", *words))
            [name] = (await project.compose("ps", "--quiet", "postgres")).split()
            [network] = (await engine.inspect(name))["NetworkSettings"]["Networks"].values()
            return await here.judged(
                f"postgresql://skill_fleet:a-password@{network['IPAddress']}/skill_fleet", project.bots
            )

        async def stops() -> str:
            names = (await project.compose("ps", "--quiet", "skill-fleet")).split()
            await project.compose("stop")
            states = [(await engine.inspect(name))["State"]["ExitCode"] for name in names]
            expect(states, [0] * len(states), "exit statuses")
            return f"{len(states)} of them"

        await _play(
            report,
            (
                ("`docker compose up` ends with database, processes and proxy healthy", project.up),
                ("three processes share the work behind one address", replicas),
                ("one is killed for good in the middle of work", killed),
                ("the others carry every request from the form to its end", here.all_ended),
                ("each of the three took a part", shared),
                ("nothing is lost or doubled; only what the kill took was asked again", judged),
                ("`docker compose stop` ends them with 0", stops),
            ),
        )
