"""Without a browser the tests say so: skipped on a person's machine, failed where nothing may be skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.chromium import find


@pytest.mark.parametrize(
    ("in_ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)], ids=["anywhere", "in CI"]
)
def test_a_missing_chromium_is_said_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, in_ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("SKILL_FLEET_CI", in_ci)
    with pytest.raises(outcome, match="apt-get install chromium"):
        find()


_ROOT = Path(__file__).parents[2]


def test_a_run_without_a_browser_ends_with_what_was_skipped_and_how_to_get_one(tmp_path: Path) -> None:
    """With the settings of `make test`, on a machine on which no program is found."""
    test = tmp_path / "test_something.py"
    test.write_text("from tests.browser.chromium import find\n\n\ndef test_something() -> None:\n    find()\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", _ROOT / "pyproject.toml", test]
    environment = {key: value for key, value in os.environ.items() if key != "SKILL_FLEET_CI"} | {"PATH": ""}
    done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "1 skipped" in done.stdout.splitlines()[-1]
    assert "no Chromium on this machine; install one (Debian and Ubuntu: apt-get install chromium)" in done.stdout


def test_continuous_integration_installs_a_browser_and_allows_no_skipping() -> None:
    script = (_ROOT / ".ci" / "run").read_text()
    assert script.index("export SKILL_FLEET_CI=1") < script.index("make --no-print-directory test")
    install = script.index("--no-install-recommends chromium")
    assert install < script.index("make --no-print-directory test")


def test_the_pictures_of_the_readme_are_there_and_small() -> None:
    readme = (_ROOT / "README.md").read_text()
    assert len(readme.splitlines()) < 250
    for name in ("sandbox.png", "job.png", "jobs.png"):
        assert f"docs/images/{name}" in readme
        assert (_ROOT / "docs" / "images" / name).stat().st_size < 150_000
