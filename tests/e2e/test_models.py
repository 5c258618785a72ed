"""Which model a repository may use, and what is shown of what it took."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.jobs.job import JobStatus
from tests.e2e.town import Town, town
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel

CONFIG = ".github/skill-fleet.yml"
TOKEN = "api-token-0123456789"


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as server:
        Author(server)
        yield server


@pytest.fixture
async def there(model: ScriptedModel, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Town]:
    settings = {
        "model": "openai/usual",
        "model_allowed": "openai/large",
        "model_api_base": model.base_url,
        "api_token": TOKEN,
    }
    async with town(tmp_path, sqlite_url, **settings) as made:
        yield made


async def configure(there: Town, text: str) -> None:
    await there.github.as_user("morgan").commit("main", {CONFIG: text}, "Configure requests")
    await there.bot.quiet()


async def test_a_repository_may_choose_among_the_allowed_models_and_no_other(there: Town, model: ScriptedModel) -> None:
    await configure(there, "model: openai/large\n")
    number = await there.to_preview()
    assert {request.body["model"] for request in model.requests} == {"large"}

    status = (await there.words(number))[0]
    assert "What the model took, step by step" in status
    assert "| **Understanding** | " in status
    assert "| writing the draft | 1 | 10 | 5 | price unknown |" in status

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        async with session.get(f"{there.bot.url}/api/jobs/{there.github.repo}/{number}") as answer:
            shown = await answer.json()
        async with session.get(f"{there.bot.url}/metrics") as answer:
            metrics = await answer.text()
    assert shown["usage"]["generation"]["modules"]["GenerateSkillContent"]["prompt_tokens"] == 10
    assert sum(phase["calls"] for phase in shown["usage"].values()) == shown["calls"] == len(model.requests)
    counted = 'skill_fleet_model_tokens_total{kind="prompt",module="GenerateSkillContent",phase="generation"} 10.0'
    assert counted in metrics

    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    address = f"{there.bot.url}/api/jobs/{there.github.repo}/{number}/report"
    allowed = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=allowed) as session, session.get(address) as answer:
        report = await answer.json()
    assert report["validation_report"]["passed"] is True
    assert report["validation_report"]["checks_performed"][-1] == "model_review"
    assert report["quality_assessment"]["overall_score"] >= 0.75

    number = await there.to_preview()
    model.requests.clear()
    await configure(there, "model: openai/huge\n")
    await there.say("morgan", number, "/skill regenerate")
    assert await there.status(number) is JobStatus.FAILED
    said = "\n".join(await there.words(number))
    assert "asks for the model openai/huge, which this service does not allow. Allowed are openai/large." in said
    assert model.requests == []

    await configure(there, "")
    await there.say("morgan", number, "/skill retry")
    assert await there.status(number) is JobStatus.PENDING_HITL
    assert {request.body["model"] for request in model.requests} == {"usual"}
