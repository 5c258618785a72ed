"""The first reaction, made before anything is installed: never one too many, and no reason to fail."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.jobs.job import WAITING, JobStatus
from bot.noserver import eyes
from bot.noserver.eyes import Labelled, Said, is_surely_a_request, is_surely_for_us, surely_concerns_nobody
from bot.plain_config import PATH
from bot.sandbox import Seed
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import BOT, LABEL, Town, town

ROOT = Path(__file__).resolve().parents[3]
SKILL = "skills/release-notes/SKILL.md"


def said(body: str, login: str = "sam", comment: int = 50) -> Said:
    return Said(comment=comment, login=login, body=body, repository=1, number=2, pull=False)


def nobody_asks() -> str:
    raise AssertionError("nobody's role is asked for")


def job(status: str = "queued", requester: str = "riley", checkpoint: int = 40) -> dict[str, str]:
    pull = {"path": "skills/release-notes"}
    state = {"status": status, "requester": requester, "checkpoint_comment_id": checkpoint, "pull": pull}
    return {"state": json.dumps(state)}


@pytest.mark.parametrize(("body", "heard"), [("One question:\n/skill status", True), ("> /skill status", False)])
def test_a_command_is_for_us_whoever_says_it(body: str, heard: bool) -> None:
    """What surely is one, is in tests/unit/commands/test_plain.py."""
    assert is_surely_for_us(said(body), job(), nobody_asks) is heard


@pytest.mark.parametrize("status", list(JobStatus))
def test_an_answer_is_what_the_requester_says_while_a_question_is_open(status: JobStatus) -> None:
    asked = status in WAITING or status is JobStatus.EXPIRED
    assert is_surely_for_us(said("Both numbers.", "riley"), job(status), nobody_asks) is asked
    assert not is_surely_for_us(said("Both numbers.", "sam"), job(status), nobody_asks)
    assert not is_surely_for_us(said("Both numbers.", "riley", comment=40), job(status), nobody_asks)


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_line_comment_is_for_us_when_a_writer_says_it_about_the_skill_in_review(status: JobStatus) -> None:
    """As `bot.jobs.review` has it."""
    heard = status in {JobStatus.IN_REVIEW, JobStatus.RUNNING}
    line = replace(said("Shorter."), pull=True, path="skills/release-notes/SKILL.md")
    assert is_surely_for_us(line, job(status), lambda: "maintain") is heard
    assert not is_surely_for_us(line, job(status), lambda: "triage")
    assert not is_surely_for_us(replace(line, path="skills/release-notes-2/SKILL.md"), job(status), nobody_asks)


def test_nothing_has_to_be_installed_for_it() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import bot.noserver.eyes"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)


async def step(here: Town) -> str:
    """What the step says to the newest event."""
    event, payload = here.waiting.pop()
    environ = here.environ(event, payload) | {"INPUT_TOKEN": here.token}
    output = Path(environ["RUNNER_TEMP"]) / "output"
    files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(output.with_name("summary"))}
    assert await asyncio.to_thread(eyes.react, environ | files) == 0
    return output.read_text().splitlines()[1]


async def looked(here: Town, who: str, number: int, text: str) -> tuple[str, set[tuple[str, str]]]:
    """What the step says to a new comment, and the reactions that are there before any other step."""
    comment = await here.github.as_user(who).comment(number, text)
    return await step(here), set(await here.github.reactions(comment))


def at_the_issue(here: Town, number: int) -> list[tuple[str, str]]:
    found = here.github.sandbox.repository.issues[number].reactions
    return [(each.user.login, each.content) for each in found]


@pytest.mark.parametrize(
    ("config", "labels", "sure"),
    [
        ("", ("bug", LABEL.upper()), True),
        ("", ("bug",), False),
        ("label: wish\n", ("Wish",), True),
        ("label: wish\n", (LABEL,), False),
        ("model: a/b\n", (LABEL,), False),  # it is one, but not for sure
    ],
)
def test_only_what_surely_has_the_label_counts_as_a_request(config: str, labels: tuple[str, ...], sure: bool) -> None:
    assert is_surely_a_request(Labelled(labels, repository=1, number=2), config) is sure


@pytest.mark.parametrize(
    ("seen", "config", "nobody"),
    [
        (said("I agree."), None, True),
        (said("Is /skill a command?"), None, False),  # a request whose job was lost may be rebuilt
        (replace(said("/skill start"), pull=True), None, True),
        (replace(said("Shorter."), pull=True, path="skills/a/SKILL.md"), None, False),
        (Labelled((), repository=1, number=2), None, True),
        (Labelled(("bug",), repository=1, number=2), "", True),
        (Labelled(("bug",), repository=1, number=2), "label: Bug", False),
        (Labelled(("bug",), repository=1, number=2), "model: a/b", False),  # not to be known without reading YAML
    ],
)
def test_without_a_job_most_things_concern_nobody(seen: Said | Labelled, config: str | None, nobody: bool) -> None:
    def text() -> str:
        assert config is not None, "the settings are not asked for"
        return config

    assert surely_concerns_nobody(seen, text) is nobody


@pytest.mark.parametrize(("config", "sure"), [("", True), ("model: a/b\n", False)])
async def test_a_request_is_seen_when_its_label_is_put_on(tmp_path: Path, config: str, sure: bool) -> None:
    async with town(tmp_path, Seed(files={PATH: config} if config else {})) as here:
        number = await here.github.as_user("riley").open_issue("A skill", "For release notes.")
        assert (await step(here), at_the_issue(here, number)) == ("", [])
        await here.github.as_user("morgan").label(number, LABEL)
        event = here.waiting[-1]
        eyes_of_ours = [(BOT, "eyes")]
        assert (await step(here), at_the_issue(here, number)) == (("yes", eyes_of_ours) if sure else ("", []))
        await here.run(*event)
        assert at_the_issue(here, number) == eyes_of_ours, "the run reacts, too, and there is never a second one"
        here.waiting.append(event)
        assert await step(here) == "", "its job is there"


async def test_a_comment_is_seen_when_its_job_will_hear_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        nowhere = await here.github.as_user("sam").open_issue("A bug", "It does not work.")
        assert await looked(here, "sam", nowhere, "/skill start") == ("", set())
        assert "no early reaction" not in capsys.readouterr().out, "that there is no state yet is no failure"
        number = await here.file()
        assert await looked(here, "sam", number, "I agree.") == ("", set())
        assert await looked(here, "sam", nowhere, "/skill start") == ("", set())
        assert await looked(here, "riley", number, "Shorter, please.") == ("yes", {(BOT, "eyes")})
        await here.say("morgan", number, "/skill status")  # hears the words before as well
        await here.say("morgan", number, f"/skill approve {await here.digest(number)}")
        pull = (await here.job(number)).pull
        assert pull is not None
        assert await looked(here, "morgan", pull.number, "/skill status") == ("yes", {(BOT, "eyes")})
        await here.github.as_user("morgan").comment_on_line(pull.number, SKILL, 1, "Say it in fewer words.")
        assert await step(here) == "yes"
        (line,) = here.github.sandbox.repository.pulls[0].review_comments
        assert [(each.user.login, each.content) for each in line.reactions] == [(BOT, "eyes")]
        await here.github.as_user("sam").comment_on_line(pull.number, SKILL, 1, "Longer!")
        assert await step(here) == ""
        capsys.readouterr()
        fault = here.github.fault("status", "POST", ".*/reactions", login=BOT, status=502)
        assert await looked(here, "morgan", number, "/skill status") == ("", set())
        assert "no early reaction: HTTPError: HTTP Error 502" in capsys.readouterr().out
        assert not fault.times
        app = {"INPUT_APP_ID": str(here.github.sandbox.app.id), "INPUT_PRIVATE_KEY": here.github.sandbox.private_key}
        here.variables |= app
        eyes_of_the_app = {(here.github.bot_login, "eyes")}
        assert await looked(here, "morgan", number, "/skill status") == ("yes", eyes_of_the_app)
        here.variables["INPUT_PRIVATE_KEY"] = "no key"
        assert await looked(here, "morgan", number, "/skill status") == ("", set())
