"""What ends cost abuse and loops, over HTTP: model calls of a day, and a bot that flaps the label."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.comments.budgets import bot_loop, person_used_up, repository_used_up
from bot.jobs.job import JobStatus
from bot.sandbox.model import AccountKind, Role
from bot.store.tables import module_calls
from tests.e2e.town import LABEL, Town, town
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel


async def test_a_person_and_then_the_repository_run_out_of_calls_and_go_on_a_day_later(tmp_path: Path) -> None:
    async with ScriptedModel() as server:
        Author(server)
        settings = {
            "model": "openai/scripted",
            "model_api_base": server.base_url,
            "model_daily_calls_per_person": 2,
            "model_daily_calls_per_repository": 8,
        }
        async with town(tmp_path, f"sqlite:///{tmp_path / 'bot.db'}", **settings) as there:
            first = await there.file()
            assert await there.status(first) is JobStatus.PENDING_HITL
            taken = len(server.requests)
            assert 4 <= taken < 8, "two requests use up the limit of the repository"
            second = await there.file(title="Another")
            assert await there.status(second) is JobStatus.FAILED
            assert len(server.requests) == taken, "refusing costs nothing"
            assert any(person_used_up(2) in words for words in await there.words(second))

            third, fourth = await _ask(there, "sam"), await _ask(there, "morgan")
            assert await there.status(third) is JobStatus.PENDING_HITL
            assert any(repository_used_up(8) in words for words in await there.words(fourth))

            await _a_day_passes(there)
            await there.say("morgan", second, "/skill retry")
            assert await there.status(second) is JobStatus.PENDING_HITL


async def _ask(there: Town, who: str) -> int:
    number = await there.github.as_user(who).open_issue(f"A skill for {who}", "Do a third thing.")
    await there.github.as_user("morgan").label(number, LABEL)
    await there.bot.quiet()
    return number


async def _a_day_passes(there: Town) -> None:

    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
    async with there.bot.service.stores.database.engine.begin() as connection:
        await connection.execute(module_calls.update().values(created_at=yesterday))


async def test_a_bot_that_flaps_the_label_is_told_once_and_then_ignored(there: Town) -> None:
    number = await there.open("Commit messages", "Write commit messages from the staged diff.")
    world = there.github.sandbox.world
    flapper = world.add_account("flapper[bot]", AccountKind.BOT)
    world.tokens.add_personal(flapper)
    there.github.sandbox.repository.roles[flapper.id] = Role.TRIAGE
    bot = there.github.as_user("flapper[bot]")
    for _ in range(8):
        await bot.unlabel(number, LABEL)
        await bot.label(number, LABEL)
    await there.bot.quiet()
    words = await there.words(number)
    assert sum(bot_loop(10, 10) in body for body in words) == 1
    writes = len(there.github.writes())
    for _ in range(3):
        await bot.unlabel(number, LABEL)
        await bot.label(number, LABEL)
        await there.bot.quiet()
    assert len(there.github.writes()) == writes, "nothing is written because of it any more"
    await there.say("morgan", number, "/skill status")
    assert len(there.github.writes()) > writes, "people are heard"
