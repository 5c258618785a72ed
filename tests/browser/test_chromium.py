"""Without a browser the tests say so: skipped on a person's machine, failed where nothing may be skipped."""

import shutil

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
