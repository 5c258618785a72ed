from pathlib import Path

import pytest
from sqlalchemy import text

from bot.doctor.local import check_app_id, check_database, check_key, check_settings, configured_model
from bot.doctor.report import Level
from bot.settings import Settings
from bot.store.database import migrate, open_database
from tests.integration.setup.keys import private_key

SECRET = "0123456789abcdef0123"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("SKILL_FLEET_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", SECRET)


def make(**values: object) -> Settings:
    return Settings.model_validate({"webhook_secret": SECRET, **values})


def test_a_misspelt_variable_is_named_with_the_one_that_was_meant() -> None:
    settings, (line,) = check_settings({"SKILL_FLEET_GITHUB_APPID": "1", "SKILL_FLEET_WEBHOOK_SECRET": SECRET})
    assert settings is not None
    assert line.level is Level.WARN
    assert line.message == "SKILL_FLEET_GITHUB_APPID is not a setting; it is ignored"
    assert line.fix == "Did you mean SKILL_FLEET_GITHUB_APP_ID?"


def test_a_variable_that_resembles_none_points_at_the_table() -> None:
    _, (line,) = check_settings({"SKILL_FLEET_QQQ": "1"})
    assert "docs/configuration.md" in line.fix


def test_every_setting_that_cannot_be_used_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_PORT", "eighty")
    monkeypatch.setenv("SKILL_FLEET_WORKERS", "0")
    settings, lines = check_settings({})
    assert settings is None
    assert {line.level for line in lines} == {Level.PROBLEM}
    assert any("SKILL_FLEET_PORT" in line.message for line in lines)
    assert any("SKILL_FLEET_WORKERS" in line.message for line in lines)


def test_two_secrets_are_pointed_out_so_that_a_rotation_gets_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", f"{SECRET},{SECRET}x")
    _, lines = check_settings({})
    assert [line.check for line in lines if line.level is Level.WARN] == ["webhook secret"]


def test_an_unset_app_leads_to_setup() -> None:
    assert check_app_id(make()).level is Level.PROBLEM
    assert "skill-fleet setup" in check_app_id(make()).fix
    assert check_app_id(make(github_app_id="7")).level is Level.OK


def test_the_private_key_has_to_parse(tmp_path: Path) -> None:
    assert check_key(make()).level is Level.PROBLEM
    assert check_key(make(github_private_key="nonsense")).level is Level.PROBLEM
    assert "nonsense" not in check_key(make(github_private_key="nonsense")).message
    assert check_key(make(github_private_key=private_key())).level is Level.OK


def test_a_key_that_everybody_may_read_is_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(private_key())
    path.chmod(0o644)
    assert "chmod 600" in check_key(make(github_private_key_file=str(path))).fix
    path.chmod(0o600)
    assert check_key(make(github_private_key_file=str(path))).level is Level.OK


async def test_a_database_that_does_not_exist_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    line = await check_database(make(database_url=f"sqlite:///{path}"))
    assert line.level is Level.OK
    assert not path.exists()


async def test_a_folder_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    line = await check_database(make(database_url=f"sqlite:///{tmp_path}/missing/bot.db"))
    assert line.level is Level.PROBLEM
    assert "does not exist" in line.message


@pytest.mark.parametrize(
    ("revision", "level", "words"),
    [
        (None, Level.OK, "at revision"),
        ("", Level.OK, "empty"),
        ("0000", Level.WARN, "migrates by itself"),
        ("9999", Level.PROBLEM, "newer"),
    ],
)
async def test_the_schema_is_compared_with_this_version(
    database_url: str, revision: str | None, level: Level, words: str
) -> None:
    database = open_database(database_url)
    if revision != "":
        await migrate(database)
    async with database.engine.begin() as connection:
        if revision:
            await connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
    await database.close()
    line = await check_database(make(database_url=database_url))
    assert line.level is level
    assert words in line.message + line.fix


async def test_a_database_that_does_not_answer_is_a_problem_that_shows_no_password() -> None:
    line = await check_database(make(database_url="postgresql://bot:hunter2@127.0.0.1:1/bot?connect_timeout=2"))
    assert line.level is Level.PROBLEM
    assert "hunter2" not in line.message


@pytest.mark.parametrize(
    ("values", "level", "usable"),
    [
        ({}, Level.OK, False),
        ({"model": "openai/gpt-5-mini"}, Level.OK, True),
        ({"model": "gpt"}, Level.PROBLEM, False),
        ({"model": "x"}, Level.PROBLEM, False),
    ],
)
def test_the_model_is_judged_by_its_name_before_it_is_called(
    values: dict[str, str], level: Level, usable: bool
) -> None:
    chosen, line = configured_model(make(**values))
    assert line.level is level
    assert (chosen is not None) is usable
