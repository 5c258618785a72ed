"""The action without a server as a runner downloads it, and a runner for it."""

import shutil
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from pipeline.skills.action.environment import create, layout
from tests.integration.action.runner import Runner, environment

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ("requirements-image.lock", ".ci/requirements-uv.txt")


def downloaded(folder: Path) -> Path:
    """What `uses: OWNER/REPO/run@v1` brings: the repository; the action is in its folder `run`."""
    for name in ("bot", "pipeline", "run"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LOCKS:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder / "run"


def runner(action: Path, root: Path, variables: Mapping[str, str], token: str) -> Runner:
    """A machine without a checkout. Of `variables` those that every run has are the runner's."""
    workspace, temporary = root / "workspace", root / "_temp"
    for folder in (workspace, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in variables.items() if name.startswith("GITHUB_")}
    return Runner(action, workspace, temporary, root / "_cache", environment() | kept, token)


def already_installed(machine: Runner) -> None:
    """An environment with the packages of these tests, where the action would take long to make its own."""
    places = layout(str(machine.temporary), *(machine.action.parent / name for name in LOCKS))
    create(places.venv)
    (site,) = places.venv.glob("lib/python*/site-packages")
    (site / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    places.complete.touch()
