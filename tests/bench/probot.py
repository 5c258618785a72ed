"""Probot as a peer for intake, installed by npm into a folder of its own (`SKILL_FLEET_BENCH_PROBOT` keeps it)."""

import json
import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = {"probot": "14.3.2", "better-sqlite3": "12.4.1"}
FOLDER = "SKILL_FLEET_BENCH_PROBOT"


def install(folder: Path) -> Path | None:
    """The program to run with Node; None when Node is not here or the packages cannot be had."""
    folder = Path(os.environ.get(FOLDER) or folder / "probot")
    if shutil.which("node") is None or shutil.which("npm") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "server.mjs"
    shutil.copy(Path(__file__).with_suffix(".mjs"), program)
    if not (folder / "node_modules" / "probot").exists():
        (folder / "package.json").write_text(json.dumps({"private": True, "type": "module", "dependencies": PACKAGES}))
        command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL).returncode:
            return None
    return program
