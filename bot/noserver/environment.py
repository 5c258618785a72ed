"""Prepares the environment that the bot runs in, as the validation Action does, but with uv. Standard library only.

Every package is checked against the lock's hashes on every run, also when it comes from the cache, and so is uv itself
before it is started: the cache is not trusted.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.skills.action import environment
from pipeline.skills.action.environment import Layout, SetupError

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-image.lock"
UV_LOCK = ROOT / ".ci" / "requirements-uv.txt"


def prepare(environ: Mapping[str, str]) -> int:
    """The step that names the cache; its exit status."""
    return environment.prepare(environ, LOCK, UV_LOCK)


def install(environ: Mapping[str, str]) -> int:
    """The step that fills the environment; its exit status."""
    return environment.installed(environ, fill, LOCK, UV_LOCK)


def fill(places: Layout) -> None:
    """Installs the lock file into an empty environment, from the cache or the index. Raises SetupError."""
    uv = _uv(places)
    if uv is None or _install(uv, places) != 0:
        for lock in (UV_LOCK, LOCK):
            environment.download(places, lock, what="the bot's packages")
        uv = _uv(places)
        if uv is None or _install(uv, places) != 0:
            raise SetupError("The packages that were just downloaded cannot be installed; uv's words are in the log.")


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
    return environment.status([*command, "--python", str(places.python), "-r", str(LOCK)])
