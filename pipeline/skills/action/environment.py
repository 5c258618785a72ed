"""Prepares the Action's own virtual environment, outside the workspace. Standard library only.

`prepare` says where packages are cached and under which key; `install` fills the environment from the lock file. Every
package is checked against the lock's hashes on every run, also when it comes from the cache: the cache is not trusted.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.skills.action.commands import CommandFileError, error, set_outputs

LOCK = Path(__file__).resolve().parents[3] / "requirements-validate.lock"


class SetupError(Exception):
    """The environment cannot be built; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are: downloaded packages, the environment, and the key both are known by."""

    key: str
    packages: Path
    venv: Path

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def complete(self) -> Path:
        """There only once everything is installed, so that a second use in the same job does nothing."""
        return self.venv / ".complete"


def layout(temporary: str, *locks: Path) -> Layout:
    """The places for these lock files, interpreter and machine below the runner's temporary folder."""
    if not temporary:
        raise SetupError("RUNNER_TEMP is not set: this runs inside GitHub Actions.")
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks or (LOCK,))).hexdigest()[:20]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = f"skill-fleet-{platform.system()}-{platform.machine()}-{version}-{digest}".lower()
    root = Path(temporary) / "skill-fleet" / key
    return Layout(key=key, packages=root / "packages", venv=root / "venv")


def prepare(environ: Mapping[str, str], *locks: Path) -> int:
    """The step that names the cache: outputs `cache-key` and `packages`. Problems are annotated; the exit status."""

    def work(places: Layout) -> dict[str, str]:
        places.packages.mkdir(parents=True, exist_ok=True)
        return {"cache-key": places.key, "packages": str(places.packages)}

    return _step(environ, locks, work)


def install(environ: Mapping[str, str]) -> int:
    """The step that fills the environment: output `python`. Problems are annotated; the exit status."""
    return installed(environ, fill)


def installed(environ: Mapping[str, str], fill: Callable[[Layout], None], *locks: Path) -> int:
    """As `install`, with another way to fill a new environment from other lock files. Once in a job is enough."""

    def work(places: Layout) -> dict[str, str]:
        if not places.complete.exists():
            create(places.venv)
            fill(places)
            places.complete.touch()
        return {"python": str(places.python)}

    return _step(environ, locks, work)


def _step(environ: Mapping[str, str], locks: Sequence[Path], work: Callable[[Layout], dict[str, str]]) -> int:
    try:
        set_outputs(environ, work(layout(environ.get("RUNNER_TEMP", ""), *locks)))
    except (SetupError, CommandFileError, OSError) as problem:
        sys.stdout.write(error(str(problem)))
        return 2
    return 0


def fill(places: Layout) -> None:
    """Installs the lock file into an empty environment, from the cache or the index. Raises SetupError."""
    if not (any(places.packages.glob("*.whl")) and _from_folder(places)):
        download(places, LOCK, what="the validator's packages")
        if not _from_folder(places):
            raise SetupError("The packages that were just downloaded cannot be installed; pip's words are in the log.")


def create(venv: Path) -> None:
    """An empty environment without pip. Raises SetupError."""
    _run([sys.executable, "-I", "-m", "venv", "--without-pip", "--clear", str(venv)], "create an environment")


def download(places: Layout, lock: Path, *, what: str) -> None:
    """Puts a lock file's packages where the cache has them. Raises SetupError."""
    command = [sys.executable, "-I", "-m", "pip", *_PIP, "download", *_LOCKED, "-d", str(places.packages)]
    _run([*command, "-r", str(lock)], f"download {what}")


def status(command: Sequence[str]) -> int:
    """Runs a program in the temporary folder, its output in this step's log."""
    sys.stdout.flush()
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode


_PIP = ("--disable-pip-version-check", "--no-input", "--quiet")
_LOCKED = ("--require-hashes", "--no-deps", "--only-binary=:all:")


def _from_folder(places: Layout) -> bool:
    command = [sys.executable, "-I", "-m", "pip", *_PIP, "--python", str(places.python), "install", *_LOCKED]
    command += ["--no-index", "--find-links", str(places.packages), "-r", str(LOCK)]
    return status(command) == 0


def _run(command: Sequence[str], purpose: str) -> None:
    if status(command) != 0:
        raise SetupError(
            f"Could not {purpose}; the words of the tool are in the log above. On a runner without pip, venv or a way "
            "to the package index, leave the input python-version at its default or set PIP_INDEX_URL for the job."
        )
