"""Canaries: secrets planted in the settings, the environment, the request and the model's answers never leave."""

import copy
import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.comments.credentials import NOTE
from bot.credentials import register_settings
from bot.jobs.job import JobStatus
from tests.e2e.town import FORM, TITLE, Town, town
from tests.scripted_author import DEFAULTS, Author
from tests.scripted_model import Request, ScriptedModel, reply_json

MODEL_KEY = "canary-of-the-model-7Qm2Zx9Lw4Rt8Vn3"
ENVIRONMENT = "canary-of-the-environment-Kd5Jf0GcTaEuo1"
PASSWORD = "canary-of-an-address-P6Ys1Hd5"
PASTED = "ghp_" + "b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcPaEuo"
LONG = "ghs_" + "_".join(["1234567", "eyJhbGciOi.x7Y9zQm2Zx9Lw4Rt8Vn3Mp6Ys1Hd5Jf0GcPaEuoKd5Jf0Gc" * 9])
CLOUD = "AKIA" + "Q7ZL9WX4RT8VN3MP"
OWN = (MODEL_KEY, ENVIRONMENT, PASSWORD)
ALL = (*OWN, PASTED, LONG, CLOUD)
SPILL = "Use " + ", ".join(ALL) + "."


@pytest.fixture
async def server() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as running:
        yield running


def _talkative(author: Author) -> None:
    """Everything the model writes holds every canary, as if it had been made to."""

    def spill(name: str) -> Any:
        def answer(request: Request) -> Any:
            usual = DEFAULTS[name]
            value = usual(request) if callable(usual) else usual
            assert isinstance(value, dict)
            return reply_json(_spilled(copy.deepcopy(value)))

        return answer

    for name in ("GatherRequirements", "GenerateSkillContent"):
        author.answers[name] = spill(name)


def _spilled(value: Any) -> Any:
    """The same answer with the canaries behind each longer text of it."""
    if isinstance(value, dict):
        return {key: _spilled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spilled(item) for item in value]
    return f"{value}\n\n{SPILL}\n" if isinstance(value, str) and len(value) > 200 else value


async def test_no_canary_leaves_in_any_request_file_log_or_row(
    server: ScriptedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bot")
    monkeypatch.setenv("SOME_PROVIDER_API_KEY", ENVIRONMENT)
    _talkative(author := Author(server))
    settings = {
        "model": "openai/scripted",
        "model_api_base": server.base_url,
        "model_api_key": MODEL_KEY,
    }
    url = f"sqlite:///{tmp_path / 'bot.db'}"
    with capture_logs() as events:
        async with town(tmp_path, url, **settings) as there:
            register_settings({"address": f"https://user:{PASSWORD}@models.example/"}, {})
            number = await _journey(there)
            job = await there.bot.job(number)
            assert (job.status, bool(job.pull)) == (JobStatus.PROMOTED, True)
            assert job.pull
            sent = [json.dumps(each.body, ensure_ascii=False) for each in there.github.writes()]
            words = await there.words(number)
            skill = await there.github.file(f"{job.pull.path}/SKILL.md") or ""
        assert skill
    assert author.asked.count("GenerateSkillContent") == 1
    asked = [json.dumps(request.body, ensure_ascii=False) for request in server.requests]
    outside = {
        "requests to GitHub": "\n".join(sent),
        "requests to the model": "\n".join(asked),
        "log": caplog.text + str(events),
        "the skill": skill,
    }
    found = [(where, canary[:12]) for where, text in outside.items() for canary in ALL if canary in text]
    assert found == []
    assert not [word for word in ("List the pull requests", "pdfplumber", "/skill start") if word in outside["log"]]
    _every_decision_has_its_line(events, author)
    assert "[redacted]" in outside["requests to GitHub"]
    assert "[redacted]" in skill
    assert any(NOTE in body for body in words), "people are told, in one sentence"
    rows = "\n".join(map(str, sqlite3.connect(tmp_path / "bot.db").iterdump()))
    assert [canary for canary in OWN if canary in rows] == []


def _every_decision_has_its_line(events: list[Any], author: Author) -> None:
    decisions = [event for event in events if event["event"] == "decision"]
    moves = [each["status"] for each in decisions if each["status"] != each["was"]]
    assert moves == ["queued", "running", "pending_hitl", "running", "in_review", "promoted"]
    start = next(each for each in decisions if each["status"] == "running")
    assert (start["about"], start["by"], start["role"]) == ("Commented", "morgan", "admin")
    assert {event["module"] for event in events if event["event"] == "module ended"} >= set(author.asked)
    assert [event["phase"] for event in events if event["event"] == "phase ended"] == [
        "understanding",
        "generation",
        "validation",
    ]


async def _journey(there: Town) -> int:
    riley = there.github.as_user("riley")
    number = await riley.submit_form({**FORM, "constraints": f"Log in with {PASTED} or {LONG}."}, f"{TITLE} {CLOUD}")
    await there.bot.quiet()
    await there.say("morgan", number, "/skill start")
    await there.skip_questions(number)
    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    job = await there.bot.job(number)
    assert job.pull is not None, job.ended_reason
    await there.github.as_user("morgan").merge(job.pull.number)
    await there.bot.quiet()
    return number
