"""A machine on which the Action is installed once; every test gets a project and a workspace of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.action.project import Project
from tests.integration.action.runner import Runner, environment

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def action(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a runner downloads for `uses:`, without what the Action has no business with."""
    folder = tmp_path_factory.mktemp("_actions") / "skill-fleet"
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("action.yml", "requirements-validate.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's temporary folder; shared, so that the packages are installed once."""
    return tmp_path_factory.mktemp("_temp")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "hub")


@pytest.fixture
def machine(action: Path, temporary: Path, tmp_path: Path) -> Callable[..., Runner]:
    """Builds a runner for a workspace; words given by name are more environment."""

    def build(workspace: Path, **environ: str) -> Runner:
        return Runner(action, workspace, temporary, tmp_path / "cache", environment() | environ)

    return build
