"""The doctor against the sandbox: everything well, and one thing wrong at a time."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.cli import main
from bot.doctor.command import examine
from bot.doctor.installations import MAX_REPOSITORIES
from bot.doctor.remote import HookConfig, judge_deliveries, judge_hook
from bot.doctor.report import Level, Line
from bot.github.models import HookDelivery
from bot.sandbox.ops import installations as ops
from bot.setup.files import Target
from bot.setup.hosts import github_host
from bot.setup.manifest import EVENTS, manifest, required_permissions
from bot.setup.server import Plan, serve
from tests.github_sandbox import GitHub, github_sandbox
from tests.integration.setup.test_setup import Visit, press_the_button
from tests.scripted_model import ScriptedModel, reply_json

WEBHOOK = "https://bot.example/webhook"
SECRET = "0123456789abcdef0123"


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHub]:
    async with github_sandbox(tmp_path / "sandbox", webhook_url=WEBHOOK, webhook_secret=SECRET) as github:
        app = github.sandbox.app
        app.events = list(EVENTS)
        yield github


@pytest.fixture
def environ(github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SKILL_FLEET_"):
            monkeypatch.delenv(name)
    sandbox = github.sandbox
    monkeypatch.setenv("SKILL_FLEET_GITHUB_API_URL", sandbox.api_url)
    monkeypatch.setenv("SKILL_FLEET_GITHUB_APP_ID", str(sandbox.app.id))
    monkeypatch.setenv("SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE", str(sandbox.private_key_file))
    monkeypatch.setenv("SKILL_FLEET_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("SKILL_FLEET_DATABASE_URL", f"sqlite:///{tmp_path}/bot.db")


async def look(url: str = WEBHOOK, call_model: bool = False) -> dict[str, Line]:
    """The worst line of each check."""
    lines = await examine(os.environ, expected_webhook=url, call_model=call_model)
    order = [Level.OK, Level.WARN, Level.PROBLEM]
    worst: dict[str, Line] = {}
    for line in lines:
        if line.check not in worst or order.index(line.level) > order.index(worst[line.check].level):
            worst[line.check] = line
    return worst


@pytest.mark.usefixtures("environ")
async def test_a_good_set_up_has_nothing_to_repair() -> None:
    found = await look()
    assert {name: line.level for name, line in found.items()} == dict.fromkeys(found, Level.OK), found
    assert list(found) == [
        "settings",
        "app id",
        "private key",
        "database",
        "model",
        "clock",
        "app",
        "app permissions",
        "webhook",
        "deliveries",
        "installation acme",
        "acme/skills",
    ]


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("spoil", "check", "level", "words"),
    [
        (
            lambda s: ops.grant(s.world, s.installation, {"issues": "read"}, s.world.account("morgan")),
            "installation acme",
            Level.PROBLEM,
            "/organizations/acme/settings/installations/{installation}/permissions/update",
        ),
        (
            lambda s: ops.suspend(s.world, s.installation, s.world.account("morgan")),
            "installation acme",
            Level.WARN,
            "suspended",
        ),
        (
            lambda s: ops.uninstall(s.world, s.installation, s.world.account("morgan")),
            "installations",
            Level.WARN,
            "installations/new",
        ),
        (lambda s: s.app.permissions.pop("checks"), "app permissions", Level.PROBLEM, "checks: write"),
        (lambda s: s.app.permissions.update(workflows="write"), "app permissions", Level.WARN, "workflows: write"),
        (lambda s: s.app.events.remove("issues"), "app events", Level.PROBLEM, "issues"),
        (
            lambda s: setattr(s.app, "webhook_url", "https://old.example/webhook"),
            "webhook",
            Level.PROBLEM,
            "old.example",
        ),
        (lambda s: setattr(s.app, "webhook_url", ""), "webhook", Level.PROBLEM, "no webhook address"),
        (lambda s: setattr(s.app, "webhook_secret", ""), "webhook", Level.PROBLEM, "signs nothing"),
        (lambda s: s.world.clock.advance(20), "clock", Level.WARN, "NTP"),
        (lambda s: s.world.clock.advance(-3600), "clock", Level.PROBLEM, "NTP"),
        (lambda s: s.repository.labels.clear(), "acme/skills", Level.WARN, "gh label create 'skill-request'"),
        (lambda s: s.world.apps.clear(), "app", Level.PROBLEM, "SKILL_FLEET_GITHUB_APP_ID"),
    ],
)
async def test_one_thing_wrong_is_one_line_with_what_to_do(
    github: GitHub, spoil: Callable[..., object], check: str, level: Level, words: str
) -> None:
    installation = github.sandbox.installation.id
    spoil(github.sandbox)
    line = (await look())[check]
    assert line.level is level
    assert words.format(installation=installation) in f"{line.message} {line.fix}"
    assert line.fix


@pytest.mark.usefixtures("environ")
async def test_a_repository_with_a_broken_configuration_is_named_with_the_line(github: GitHub) -> None:
    await github.as_user("morgan").commit("main", {".github/skill-fleet.yml": "lable: x\n"})
    line = (await look())["acme/skills"]
    assert line.level is Level.PROBLEM
    assert "Line 1" in line.message
    assert "`label`" in line.message


@pytest.mark.usefixtures("environ")
async def test_a_key_of_another_app_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.integration.setup.keys import private_key

    monkeypatch.delenv("SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE")
    monkeypatch.setenv("SKILL_FLEET_GITHUB_PRIVATE_KEY", private_key())
    line = (await look())["app"]
    assert line.level is Level.PROBLEM
    assert "do not belong together" in line.fix


@pytest.mark.usefixtures("environ")
async def test_a_github_that_cannot_be_reached_is_said_and_nothing_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKILL_FLEET_GITHUB_API_URL", "http://127.0.0.1:9")
    found = await look()
    assert found["github"].level is Level.PROBLEM
    assert "app" not in found


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("path", "check", "level"),
    [
        ("/app$", "app", Level.PROBLEM),
        ("/app/hook/config", "webhook", Level.PROBLEM),
        ("/app/hook/deliveries", "deliveries", Level.WARN),
        ("/app/installations$", "installations", Level.PROBLEM),
        ("/access_tokens", "repositories of acme", Level.PROBLEM),
        ("/installation/repositories", "repositories of acme", Level.PROBLEM),
        ("/labels/", "repositories of acme", Level.PROBLEM),
    ],
)
async def test_what_github_does_not_answer_is_a_line_and_never_a_traceback(
    github: GitHub, path: str, check: str, level: Level
) -> None:
    github.fault("status", method="*", path=path, times=20, status=502, login="*")
    line = (await look())[check]
    assert line.level is level
    assert line.fix


@pytest.mark.usefixtures("environ")
async def test_archived_repositories_are_left_out_and_many_are_not_all_looked_at(github: GitHub) -> None:
    sandbox = github.sandbox
    morgan = sandbox.world.account("morgan")
    assert morgan is not None
    ops.archive(sandbox.world, sandbox.repository, morgan)
    assert "Choose repositories" in (await look())["repositories of acme"].fix
    for number in range(MAX_REPOSITORIES + 1):
        ops.create_repository(sandbox.world, sandbox.repository.owner, f"more-{number}")
    found = await look()
    assert "acme/skills" not in found
    assert len([name for name in found if name.startswith("acme/more-")]) == MAX_REPOSITORIES
    assert found["repositories of acme"].message == f"there are more; {MAX_REPOSITORIES} were looked at"


@pytest.mark.usefixtures("environ")
async def test_an_address_that_is_no_rest_root_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_GITHUB_API_URL", "https://github.com")
    line = (await look())["github"]
    assert line.level is Level.PROBLEM
    assert "https://api.github.com" in line.message


@pytest.mark.usefixtures("environ")
async def test_settings_that_cannot_be_loaded_are_all_there_is_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_PORT", "tcp://10.0.0.1:8080")
    found = await look()
    assert list(found) == ["settings"]
    assert "SKILL_FLEET_PORT" in found["settings"].message


GOOD_HOOK = HookConfig(url=WEBHOOK, content_type="json", insecure_ssl="0", secret="********")


@pytest.mark.parametrize(
    ("change", "expected", "level", "words"),
    [
        ({}, WEBHOOK, Level.OK, WEBHOOK),
        ({}, "", Level.OK, WEBHOOK),
        ({}, "https://other.example/webhook", Level.PROBLEM, "not to https://other.example/webhook"),
        ({"url": "https://bot.example/hook"}, "", Level.WARN, "/webhook"),
        ({"url": "http://bot.example/webhook"}, "", Level.PROBLEM, "not https"),
        ({"url": "http://127.0.0.1/webhook"}, "", Level.OK, "127.0.0.1"),
        ({"url": ""}, "", Level.PROBLEM, "no webhook address"),
        ({"content_type": "form"}, "", Level.PROBLEM, "application/json"),
        ({"insecure_ssl": "1"}, "", Level.PROBLEM, "certificate"),
        ({"insecure_ssl": 1}, "", Level.PROBLEM, "certificate"),
        ({"secret": ""}, "", Level.PROBLEM, "signs nothing"),
    ],
)
def test_the_webhook_is_judged(change: dict[str, object], expected: str, level: Level, words: str) -> None:
    (line,) = judge_hook(GOOD_HOOK.model_copy(update=change), expected)
    assert line.level is level
    assert words in f"{line.message} {line.fix}"


@pytest.mark.usefixtures("environ")
async def test_the_model_is_called_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedModel() as model:
        monkeypatch.setenv("SKILL_FLEET_MODEL", "openai/some-model")
        monkeypatch.setenv("SKILL_FLEET_MODEL_API_BASE", model.base_url)
        monkeypatch.setenv("SKILL_FLEET_MODEL_API_KEY", "sk-test-test-test-test-test")
        assert (await look())["model"].level is Level.OK
        assert model.requests == []
        model.queue.append(reply_json({"ready": True}))
        line = (await look(call_model=True))["model"]
        assert line.level is Level.OK
        assert "answers (15 tokens)" in line.message
        line = (await look(call_model=True))["model"]
        assert line.level is Level.PROBLEM
        assert "sk-test" not in line.message


@pytest.mark.usefixtures("environ")
async def test_the_command_prints_json_and_its_exit_status_tells(
    github: GitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "ok"
    github.sandbox.app.webhook_secret = ""
    assert await asyncio.to_thread(main, ["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "problem  webhook" in printed
    assert "1 to repair" in printed
    assert SECRET not in printed
    assert await asyncio.to_thread(main, ["doctor", "--url", "ftp://x"]) == 2


@pytest.mark.usefixtures("environ")
async def test_what_setup_leaves_behind_is_what_the_doctor_wants(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole road: manifest page, GitHub, exchange, files, installation, doctor."""
    sandbox = github.sandbox
    target = Target(tmp_path)
    printed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def make(redirect_url: str) -> object:
        return manifest(name="My Fleet", homepage="https://bot.example", webhook_url=WEBHOOK, redirect_url=redirect_url)

    plan = Plan(github_host(sandbox.api_url), "acme", make, target)  # type: ignore[arg-type]
    running = asyncio.create_task(serve(plan, 0, printed.set_result))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        back = await press_the_button(browser, Visit(running, await printed))
        async with browser.get(back) as response:
            assert response.status == 200
    new = await running
    assert new.slug == "my-fleet"
    for line in target.environment.read_text().splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    assert (await look())["installations"].level is Level.WARN
    app = sandbox.world.apps[new.id]
    assert app.permissions == required_permissions()
    organization = sandbox.world.account("acme")
    assert organization is not None
    ops.install(sandbox.world, app, organization, organization)
    # Nothing listens at bot.example, so the delivery about the installation fails.
    found = await look()
    assert {line.level for name, line in found.items() if name != "deliveries"} == {Level.OK}, found


def delivery(number: int, status: int, guid: str = "") -> HookDelivery:
    from datetime import UTC, datetime

    return HookDelivery(
        id=number,
        guid=guid or str(number),
        delivered_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC) - timedelta(minutes=number),
        status_code=status,
    )


def test_a_delivery_that_was_accepted_on_a_later_try_counts_as_accepted() -> None:
    assert judge_deliveries([delivery(1, 202, "a"), delivery(2, 503, "a")]).level is Level.OK
    line = judge_deliveries([delivery(1, 202), delivery(2, 401), delivery(3, 0)])
    assert line.level is Level.WARN
    assert line.message == "2 of the last 3 were not accepted, the latest at 2026-01-02 03:02 UTC: 401 (wrong secret)"
    assert replace(line, level=Level.OK).check == "deliveries"
