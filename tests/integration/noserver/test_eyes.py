"""The first reaction, made before anything is installed: never one too many, and no reason to fail."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import grammar
from bot.jobs.job import WAITING, JobStatus
from bot.noserver import eyes
from bot.noserver.eyes import Said, is_surely_for_us
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import BOT, Town, town

ROOT = Path(__file__).resolve().parents[3]


def said(body: str, login: str = "sam", comment: int = 50) -> Said:
    return Said(comment=comment, login=login, body=body, repository=1, number=2, pull=False)


def job(status: str = "queued", requester: str = "riley", checkpoint: int = 40) -> dict[str, str]:
    return {"state": json.dumps({"status": status, "requester": requester, "checkpoint_comment_id": checkpoint})}


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        ("/skill start", True),
        ("/skill", True),
        ("\r\n/Skill  approve `0123abcd`\r\n\r\nThank you!", True),
        ("/skill refine Make it shorter.\n\n- and simpler\n", True),
        ("/skill start now", False),
        ("/skill refine\nMake it shorter.", False),  # it is one, but not for sure
        ("/skill approve\n---", False),  # a heading
        ("    /skill approve", False),  # code
        ("> /skill approve", False),
        ("```\n/skill approve\n```", False),
        ("Please do not /skill approve", False),
        ("/skillful", False),
        ("", False),
    ],
)
def test_only_what_surely_is_a_command_counts_as_one(body: str, heard: bool) -> None:
    assert is_surely_for_us(said(body), job()) is heard


_PIECES = [
    *(
        "/skill",
        "/SKILL",
        " approve",
        " refine",
        " rename",
        " a-name",
        " 0123abcd",
        " text",
        "\n",
        "\r\n",
        "\r",
        "    ",
    ),
    *("---", "===", "|", "```", ">", "- ", "\t", "\x0b", "\x0c", "\x1c", "\u2028", "\u00a0", "\0", "[a]: b", "<!--"),
    *("-->", "*", "`", "\\", "On a day, X wrote:", "From: x"),
]


@given(
    st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=10).map(lambda parts: "/skill" + "".join(parts))
)
def test_what_counts_as_a_command_is_one_for_the_bot(body: str) -> None:
    if is_surely_for_us(said(body), job()):
        assert grammar.parse(body, BOT).commands


@pytest.mark.parametrize("status", list(JobStatus))
def test_an_answer_is_what_the_requester_says_while_a_question_is_open(status: JobStatus) -> None:
    asked = status in WAITING or status is JobStatus.EXPIRED
    assert is_surely_for_us(said("Both numbers.", "riley"), job(status)) is asked
    assert not is_surely_for_us(said("Both numbers.", "sam"), job(status))
    assert not is_surely_for_us(said("Both numbers.", "riley", comment=40), job(status))


def test_nothing_has_to_be_installed_for_it() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import bot.noserver.eyes"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)


async def looked(here: Town, who: str, number: int, text: str) -> tuple[str, set[tuple[str, str]]]:
    """What the step said to a new comment, and the reactions that are there before any other step."""
    comment = await here.github.as_user(who).comment(number, text)
    event, payload = here.waiting.pop()
    environ = here.environ(event, payload) | {"INPUT_TOKEN": here.token}
    output = Path(environ["RUNNER_TEMP"]) / "output"
    assert await asyncio.to_thread(eyes.react, environ | {"GITHUB_OUTPUT": str(output)}) == 0
    return output.read_text().splitlines()[1], set(await here.github.reactions(comment))


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
