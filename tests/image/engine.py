"""The container engine that is at hand, by its command line: docker, or podman with the same words.

Everything made here carries one name (`SCOPE`), so that `sweep` finds what an earlier run left behind.
"""

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCOPE = "skill-fleet-image-run"
IMAGE = "skill-fleet:image-run"
NAMES = ("docker", "podman")


class EngineError(Exception):
    """The engine is missing, or a command of it failed; the message says which and why."""


@dataclass(frozen=True)
class Output:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Engine:
    program: str

    @property
    def is_podman(self) -> bool:
        return Path(self.program).name == "podman"

    async def run(self, *words: str, seconds: float = 120, check: bool = True, cwd: Path | None = None) -> Output:
        child = await asyncio.create_subprocess_exec(
            self.program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=cwd
        )
        try:
            async with asyncio.timeout(seconds):
                out, err = (text.decode(errors="replace") for text in await child.communicate())
        except TimeoutError:
            child.kill()
            await child.wait()
            raise EngineError(f"{self._said(words)} took more than {seconds:.0f} s") from None
        assert child.returncode is not None
        if check and child.returncode != 0:
            raise EngineError(f"{self._said(words)} ended with {child.returncode}: {(err or out).strip()[-2_000:]}")
        return Output(child.returncode, out, err)

    async def inspect(self, name: str, kind: str = "container") -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads((await self.run(kind, "inspect", name)).out)
        return found[0]

    async def build(self, dockerfile: Path, context: Path, arguments: Mapping[str, str]) -> None:
        # Podman's own format has no HEALTHCHECK.
        form = ["--format", "docker"] if self.is_podman else []
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        words = ["build", *form, "--file", str(dockerfile), "--tag", IMAGE, *given, str(context)]
        await self.run(*words, seconds=1_800)

    async def sweep(self, *, image: bool) -> None:
        """Take away what was made, or left behind by a run that was killed."""
        for kind, words in (("container", ("rm", "--force", "--volumes")), ("volume", ("rm",)), ("network", ("rm",))):
            listing = await self.run(
                kind, "ls", "--quiet", *(["--all"] if kind == "container" else []), "--filter", f"label={SCOPE}"
            )
            if names := listing.out.split():
                await self.run(kind, *words, *names, check=False)
        if image:
            await self.run("image", "rm", "--force", IMAGE, check=False)

    def _said(self, words: tuple[str, ...]) -> str:
        return f"`{Path(self.program).name} {' '.join(words)[:200]}`"


async def find(wanted: str) -> Engine:
    """The engine of this name, or the first that answers. Raises EngineError that names what was tried."""
    tried: list[str] = []
    for name in [wanted] if wanted else NAMES:
        program = shutil.which(name)
        if program is None:
            tried.append(f"{name} is not installed")
            continue
        engine = Engine(program)
        answer = await engine.run("info", check=False)
        if answer.status == 0:
            return engine
        tried.append(f"{name} does not answer: {answer.err.strip().splitlines()[-1][:200] if answer.err else '-'}")
    raise EngineError(
        f"there is no container engine: {'; '.join(tried)}. Start one, or name it: make image-run ENGINE=...; "
        "`make image-replay` proves the build's steps without one"
    )
