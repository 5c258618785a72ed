import os
import stat
from pathlib import Path

import pytest

from bot.setup.exchange import NewApp
from bot.setup.files import AlreadyConfiguredError, Target, UnwritableError, refuse_if_configured, write_files
from bot.setup.hosts import github_host

APP = NewApp.model_validate({"id": 42, "slug": "bot", "pem": "KEY\nKEY", "webhook_secret": "s3cret-s3cret-s3cret"})


def test_both_files_are_readable_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_files(Target(tmp_path), APP, github_host())
    finally:
        os.umask(before)
    for path in (Target(tmp_path).environment, Target(tmp_path).key):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == sorted([Target(tmp_path).environment, Target(tmp_path).key])


def test_the_settings_are_plain_lines_that_name_the_key_file(tmp_path: Path) -> None:
    write_files(Target(tmp_path), APP, github_host())
    assert Target(tmp_path).environment.read_text() == (
        "SKILL_FLEET_GITHUB_APP_ID=42\n"
        f"SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE={tmp_path}/skill-fleet.private-key.pem\n"
        "SKILL_FLEET_WEBHOOK_SECRET=s3cret-s3cret-s3cret\n"
    )
    assert Target(tmp_path).key.read_text() == "KEY\nKEY\n"


def test_another_github_than_the_public_one_is_named_in_the_settings(tmp_path: Path) -> None:
    write_files(Target(tmp_path), APP, github_host("https://ghe.example.com/api/v3"))
    first = Target(tmp_path).environment.read_text().splitlines()[0]
    assert first == "SKILL_FLEET_GITHUB_API_URL=https://ghe.example.com/api/v3"


@pytest.mark.parametrize("name", ["environment", "key"])
def test_a_file_that_is_there_is_never_replaced(tmp_path: Path, name: str) -> None:
    path: Path = getattr(Target(tmp_path), name)
    path.write_text("mine")
    with pytest.raises(AlreadyConfiguredError, match=path.name):
        refuse_if_configured(Target(tmp_path), {})
    with pytest.raises(AlreadyConfiguredError, match=path.name):
        write_files(Target(tmp_path), APP, github_host())
    assert path.read_text() == "mine"


def test_a_dangling_link_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    Target(tmp_path).key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AlreadyConfiguredError):
        refuse_if_configured(Target(tmp_path), {})
    with pytest.raises(AlreadyConfiguredError):
        write_files(Target(tmp_path), APP, github_host())
    assert not (tmp_path / "elsewhere").exists()


def test_an_app_in_the_environment_counts_as_configured(tmp_path: Path) -> None:
    with pytest.raises(AlreadyConfiguredError, match="SKILL_FLEET_GITHUB_APP_ID"):
        refuse_if_configured(Target(tmp_path), {"SKILL_FLEET_GITHUB_APP_ID": "7"})


def test_a_folder_that_cannot_take_the_files_is_found_out_before_an_app_is_made(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="not a folder"):
        refuse_if_configured(Target(tmp_path / "missing"), {})
    with pytest.raises(UnwritableError, match="--folder"):
        refuse_if_configured(Target(Path("/proc")), {})
    blank = tmp_path / "with blank"
    blank.mkdir()
    with pytest.raises(UnwritableError, match="characters"):
        refuse_if_configured(Target(blank), {})
    fine = tmp_path / "fine"
    fine.mkdir()
    refuse_if_configured(Target(fine), {})
    assert list(fine.iterdir()) == []


def test_a_secret_that_a_settings_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    odd = NewApp.model_validate({"id": 1, "slug": "bot", "pem": "KEY", "webhook_secret": "x\nSKILL_FLEET_HOST=0.0.0.0"})
    with pytest.raises(UnwritableError, match="WEBHOOK_SECRET"):
        write_files(Target(tmp_path), odd, github_host())
    assert list(tmp_path.iterdir()) == []
