"""Prepares the environment that the bot runs in, as the validation Action does, but with uv. Standard library only.

Every package is checked against the lock's hashes on every run, also when it comes from the cache, and so is uv itself
before it is started: the cache is not trusted.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.skills.action.commands import CommandFileError, escape_data, set_outputs
from pipeline.skills.action.environment import Layout, SetupError, create, layout

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-image.lock"
UV_LOCK = ROOT / ".ci" / "requirements-uv.txt"
_PIP = ("--disable-pip-version-check", "--no-input", "--quiet")
_LOCKED = ("--require-hashes", "--no-deps", "--only-binary=:all:")


def step(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs `prepare` or `install`; problems become an error annotation and exit status 2."""
    try:
        places = layout(environ.get("RUNNER_TEMP", ""), LOCK, UV_LOCK)
        if list(words) == ["prepare"]:
            places.packages.mkdir(parents=True, exist_ok=True)
            set_outputs(environ, {"cache-key": places.key, "packages": str(places.packages)})
        elif list(words) == ["install"]:
            install(places)
            set_outputs(environ, {"python": str(places.python)})
        else:
            raise SetupError(f"there is no step called {' '.join(words) or 'nothing'}")
    except (SetupError, CommandFileError, OSError, zipfile.BadZipFile) as error:
        sys.stdout.write(f"::error title=Skill Fleet::{escape_data(str(error))}\n")
        return 2
    return 0


def install(places: Layout) -> None:
    """Fills the environment from the lock file. Does nothing when that was done before. Raises SetupError."""
    if places.complete.exists():
        return
    create(places.venv)
    uv = _uv(places)
    if uv is None or _install(uv, places) != 0:
        _download(places)
        uv = _uv(places)
        if uv is None or _install(uv, places) != 0:
            raise SetupError("The packages that were just downloaded cannot be installed; uv's words are in the log.")
    places.complete.touch()


def _download(places: Layout) -> None:
    for lock in (UV_LOCK, LOCK):
        command = [sys.executable, "-I", "-m", "pip", *_PIP, "download", *_LOCKED, "-d", str(places.packages)]
        if _status([*command, "-r", str(lock)]) != 0:
            raise SetupError(
                "Could not download the bot's packages; pip's words are in the log above. On a runner without pip or "
                "a way to the package index, set PIP_INDEX_URL for the job."
            )


def _uv(places: Layout) -> Path | None:
    """uv's program out of its wheel, if the wheel is there and is the one that the lock names."""
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", UV_LOCK.read_text()))
    for wheel in sorted(places.packages.glob("uv-*.whl")):
        data = wheel.read_bytes()
        if hashlib.sha256(data).hexdigest() not in hashes:
            continue
        target = places.venv / ("uv.exe" if os.name == "nt" else "uv")
        with zipfile.ZipFile(wheel) as archive:
            name = next(name for name in archive.namelist() if re.fullmatch(r"uv-[^/]+\.data/scripts/uv(\.exe)?", name))
            target.write_bytes(archive.read(name))
        target.chmod(target.stat().st_mode | stat.S_IXUSR)
        return target
    return None


def _install(uv: Path, places: Layout) -> int:
    command = [str(uv), "pip", "install", "--quiet", "--no-config", "--offline", "--no-cache", "--no-index"]
    command += ["--find-links", str(places.packages), "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    return _status([*command, "--python", str(places.python), "-r", str(LOCK)])


def _status(command: Sequence[str]) -> int:
    """Runs a program with its output in this step's log."""
    sys.stdout.flush()
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
