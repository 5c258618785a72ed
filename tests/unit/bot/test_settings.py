"""Settings: what is accepted, and how a refusal reads."""

from pathlib import Path

import pytest

from bot.settings import SettingsError, load, load_database_url, unknown_variables

SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in os.environ:
        if name.startswith("SKILL_FLEET_"):
            monkeypatch.delenv(name)


def test_a_secret_is_all_that_has_to_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", SECRET)
    settings = load()
    assert settings.webhook_secrets == (SECRET.encode(),)
    assert settings.database_url == "sqlite:///skill-fleet.db"


def test_several_secrets_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", f"{SECRET}, {SECRET}new")
    assert load().webhook_secrets == (SECRET.encode(), f"{SECRET}new".encode())


@pytest.mark.parametrize("secret", ["", "short", f"{SECRET},short", " , "])
@pytest.mark.parametrize(
    ("host", "dev", "ok"),
    [
        ("0.0.0.0", False, False),
        ("127.0.0.1", False, False),
        ("0.0.0.0", True, False),
        ("127.0.0.1", True, True),
        ("::1", True, True),
        ("localhost", True, True),
    ],
)
def test_a_weak_secret_is_only_tolerated_on_loopback_in_explicit_development(
    secret: str, host: str, dev: bool, ok: bool
) -> None:
    if ok:
        load(webhook_secret=secret, host=host, insecure_dev=dev)
    else:
        with pytest.raises(SettingsError, match=r"SKILL_FLEET_(WEBHOOK_SECRET|INSECURE_DEV): "):
            load(webhook_secret=secret, host=host, insecure_dev=dev)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DATABASE_URL", "mysql://x", "must be sqlite"),
        ("DATABASE_URL", "sqlite:///:memory:", "must be sqlite"),
        ("DATABASE_URL", "postgresql://u:p@host:port/x", "must be sqlite"),
        ("PORT", "eighty", "valid integer"),
        ("GITHUB_API_URL", "api.github.com", "must start with https"),
        ("WORKERS", "0", "greater than or equal to 1"),
        ("GITHUB_PRIVATE_KEY_FILE", "/nowhere/key.pem", "cannot read /nowhere/key.pem"),
    ],
)
def test_a_refusal_names_the_variable_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv(f"SKILL_FLEET_{name}", value)
    with pytest.raises(SettingsError, match=f"SKILL_FLEET_{name}: .*{reason}"):
        load()


def test_every_problem_is_told_at_once_and_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_PORT", "x")
    monkeypatch.setenv("SKILL_FLEET_WORKERS", "x")
    with pytest.raises(SettingsError) as error:
        load(webhook_secret=SECRET)
    assert str(error.value).count("\n") == 1
    assert SECRET not in str(error.value)
    assert SECRET not in repr(load(webhook_secret=SECRET, port=1, workers=1))


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    for name, text in (("hook", f"{SECRET}\n{SECRET}2\n"), ("key", "-----BEGIN\nx\n"), ("model", "sk-1\n")):
        (tmp_path / name).write_text(text)
    settings = load(
        webhook_secret_file=tmp_path / "hook",
        github_private_key_file=tmp_path / "key",
        model_api_key_file=tmp_path / "model",
    )
    assert settings.webhook_secrets == (SECRET.encode(), f"{SECRET}2".encode())
    assert settings.github_private_key.get_secret_value() == "-----BEGIN\nx"
    assert settings.model_api_key.get_secret_value() == "sk-1"


def test_commands_read_the_database_s_address_where_the_service_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Inside a container `skill-fleet jobs list` has to find what `serve` uses: the image names a SQLite file, too."""
    file = tmp_path / "database-url"
    file.write_text("postgresql://someone@postgres/jobs\n")
    monkeypatch.setenv("SKILL_FLEET_DATABASE_URL", "sqlite:////data/skill-fleet.db")
    assert load_database_url() == "sqlite:////data/skill-fleet.db"
    monkeypatch.setenv("SKILL_FLEET_DATABASE_URL_FILE", str(file))
    assert load_database_url() == load(webhook_secret=SECRET).database_url == "postgresql://someone@postgres/jobs"
    assert load_database_url("sqlite:///other.db") == "sqlite:///other.db"
    monkeypatch.setenv("SKILL_FLEET_DATABASE_URL_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match=r"SKILL_FLEET_DATABASE_URL_FILE: cannot read .*gone"):
        load_database_url()


def test_a_misspelt_variable_is_noticed() -> None:
    assert unknown_variables({"SKILL_FLEET_WEBHOOK_SECRETS": "x", "SKILL_FLEET_PORT": "1", "HOME": "/"}) == [
        "SKILL_FLEET_WEBHOOK_SECRETS"
    ]
