"""The composite's steps, run as a runner runs them; and what never reaches a shell."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from bot.jobs.job import JobStatus
from bot.noserver import environment
from bot.noserver.eyes import NO_REQUEST
from bot.repo_config import InvalidConfigError
from pipeline.skills.action.environment import layout
from tests.integration.noserver.composite import already_installed, downloaded, runner
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import BOT, town

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "workflows" / "skill-fleet.yml"


async def test_the_composite_hears_an_approval_and_opens_the_pull_request(tmp_path: Path) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        comment = await here.github.as_user("morgan").comment(number, "/skill approve\n\n$(touch pwned) `touch pwned`")
        event, payload = here.waiting.popleft()
        machine = runner(
            downloaded(tmp_path / "action"), tmp_path / "machine", here.environ(event, payload), here.token
        )
        already_installed(machine)
        trap = "raise SystemExit('imported')\n"
        for name in ("yaml.py", "git.py", "sitecustomize.py", "bot.py"):
            (machine.workspace / name).write_text(trap)
        inputs = {"model": "", "model-api-key": "canary; touch pwned"}
        run = await asyncio.to_thread(machine.run, event, payload, inputs)
        assert run.status == 0, run.log
        assert run.outputs["said"] == f"{here.github.repo}#{number}: in_review"
        assert run.shown("notice") == [run.outputs["said"]]
        assert "in_review" in run.summary
        assert run.steps["react"] == {"reacted": "yes", "unconcerned": ""}
        assert (BOT, "eyes") in await here.github.reactions(comment)
        assert (await here.job(number)).status is JobStatus.IN_REVIEW
        assert here.token not in run.log
        assert "canary" not in run.log
        assert not list((tmp_path / "machine").rglob("pwned"))
        assert sorted(path.name for path in machine.workspace.iterdir()) == sorted(
            ["yaml.py", "git.py", "sitecustomize.py", "bot.py"]
        )


async def test_talk_about_other_things_ends_before_anything_is_installed(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        number = await here.github.as_user("sam").open_issue("A bug", "It does not work.")
        await here.github.as_user("riley").comment(number, "Does it work on another machine?")
        for event, payload in list(here.waiting):
            machine = runner(
                downloaded(tmp_path / event / "action"), tmp_path / event, here.environ(event, payload), here.token
            )
            run = await asyncio.to_thread(machine.run, event, payload)
            assert run.status == 0, run.log
            assert sorted(run.steps) == ["python", "react"]
            assert NO_REQUEST in run.summary
            assert (await here.run(event, payload)).said == NO_REQUEST, "the whole program says the same"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"app-id": "1"}, "app-id and private-key belong together"),
        ({"token": ""}, "the input token is empty"),
    ],
)
def test_a_workflow_that_is_not_set_up_right_is_told_what_to_do(
    inputs: dict[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from bot.noserver.command import run

    monkeypatch.chdir(tmp_path)
    given = {"token": "a-token-of-a-run", **inputs}
    environ = {f"INPUT_{name.replace('-', '_').upper()}": value for name, value in given.items()}
    variables = {
        "GITHUB_REPOSITORY": "acme/skills",
        "GITHUB_REPOSITORY_ID": "1",
        "GITHUB_RUN_ID": "2",
        "GITHUB_RUN_ATTEMPT": "1",
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "GITHUB_SERVER_URL": "http://127.0.0.1:9",
        "GITHUB_GRAPHQL_URL": "http://127.0.0.1:9/graphql",
        "GITHUB_EVENT_NAME": "schedule",
        "RUNNER_TEMP": str(tmp_path),
    }
    assert run({**variables, **environ}) == 2
    assert said in capsys.readouterr().out


def test_settings_that_cannot_be_used_are_an_error_with_their_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bot.noserver import command

    async def refuse(*_: object) -> None:
        raise InvalidConfigError(["Line 1: unknown setting `nonsense`."])

    monkeypatch.setattr(command, "perform", refuse)
    assert command.run({"INPUT_TOKEN": "a-token-of-a-run", "GITHUB_API_URL": "http://127.0.0.1:9"}) == 2
    assert capsys.readouterr().out.startswith("::error title=Skill Fleet::.github/skill-fleet.yml: Line 1: unknown")


def test_no_expression_stands_in_a_shell_command() -> None:
    definition = yaml.safe_load((ROOT / "run" / "action.yml").read_text())
    scripts = [step["run"] for step in definition["runs"]["steps"] if "run" in step]
    assert len(scripts) == 4
    assert not [script for script in scripts if "${{" in script]
    assert not [step for step in definition["runs"]["steps"] if "checkout" in step.get("uses", "")]


def test_the_documented_workflow_is_the_one_that_is_linted() -> None:
    document = (ROOT / "docs" / "no-server.md").read_text()
    (shown,) = re.findall(r"```yaml\n(name: Skill Fleet\n.*?)```", document, re.DOTALL)
    written = EXAMPLE.read_text()
    assert shown == written[written.index("name: Skill Fleet") :]


def test_every_event_of_the_documented_workflow_is_one_that_the_bot_keeps() -> None:
    from bot.subjects import ACCEPTED

    events = yaml.safe_load(EXAMPLE.read_text())[True]
    kept = {name: set(each["types"]) for name, each in events.items() if each and "types" in each}
    heard = {name: set(actions) for name, actions in ACCEPTED.items() if name in kept}
    assert kept == heard
    assert {"schedule", "workflow_dispatch"} <= set(events)


def test_a_uv_that_is_not_the_one_of_the_lock_is_not_started(tmp_path: Path) -> None:
    """The cache is not trusted: what lies there may be anybody's."""
    places = layout(str(tmp_path), environment.LOCK, environment.UV_LOCK)
    places.packages.mkdir(parents=True)
    places.venv.mkdir()
    with ZipFile(places.packages / "uv-0.13.9-py3-none-linux.whl", "w") as wheel:
        wheel.writestr("uv-0.13.9.data/scripts/uv", "#!/bin/sh\ntouch pwned\n")
    assert environment._uv(places) is None
    assert not list(places.venv.iterdir())


def test_a_run_loads_little_before_its_first_reaction_and_never_what_only_servers_and_apps_need() -> None:
    """Loading is most of what a run spends: its packages come without bytecode."""
    heavy = {"sqlalchemy", "alembic", "dbos", "dspy", "prometheus_client", "jinja2", "numpy"}
    spared = {"dbos", "psycopg", "jinja2", "jwt", "cryptography", "dspy", "openai", "alembic", "aiohttp.web"}
    program = f"import sys, bot.noserver.command; print({heavy} & set(sys.modules)); import bot.noserver.desk; "
    program += f"print({spared} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "set()\nset()\n", "")
