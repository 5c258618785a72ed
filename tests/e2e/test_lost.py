"""The job row is lost (a database restored or reset): what GitHub holds is enough to go on, or the person is told."""

from sqlalchemy import delete

from bot.jobs.job import JobStatus
from bot.store.tables import jobs
from tests.e2e.town import Town

PATH = "skills/release-notes/SKILL.md"
TONE = 'Add a section "Tone" that says: write for users, not for developers.'


async def _lose(there: Town) -> None:
    async with there.bot.service.stores.database.engine.begin() as connection:
        await connection.execute(delete(jobs))


async def test_a_review_goes_on_from_the_issue_and_the_branch(there: Town) -> None:
    number, pull = await there.to_review()
    before = await there.github.file(PATH, f"skill/issue-{number}")
    assert before is not None
    await _lose(there)
    await there.github.as_user("morgan").comment_on_line(pull["number"], PATH, 1, TONE)
    await there.bot.quiet()
    after = await there.github.file(PATH, f"skill/issue-{number}")
    assert after is not None
    assert "write for users" in after.lower()
    kept = [line for line in before.splitlines() if line.strip()]
    assert [line for line in after.splitlines() if line in kept] == kept
    assert "were lost" in (await there.words(pull["number"]))[0]
    await there.github.as_user("morgan").merge(pull["number"])
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.PROMOTED
    await there.assert_nothing_twice(number)


async def test_a_command_on_the_pull_request_is_enough(there: Town) -> None:
    number, pull = await there.to_review()
    await _lose(there)
    await there.say("morgan", pull["number"], f"/skill refine {TONE}")
    after = await there.github.file(PATH, f"skill/issue-{number}")
    assert after is not None
    assert "write for users" in after.lower()
    words = await there.words(pull["number"])
    assert "were lost" in words[0]
    assert "I pushed a commit for your review" in words[-1]
    morgan = there.github.as_user("morgan")
    await morgan.commit("by-hand", {"notes.md": "Mine.\n"}, "By hand")
    mine = await morgan.open_pull("by-hand", "By hand")
    await there.say("morgan", mine, "/skill status")
    assert await there.words(mine) == [], "it is not ours"
    await there.assert_nothing_twice(number)


async def test_a_conversation_without_notes_says_so_and_can_be_started_again(there: Town) -> None:
    number = await there.file()
    await _lose(there)
    words = len(await there.words(number))
    await there.say("riley", number, "Count the lines of both lists.")
    assert len(await there.words(number)) == words, "ordinary talk on an issue is none of our business"
    await there.say("morgan", number, "/skill start")
    assert await there.status(number) is JobStatus.PENDING_USER_INPUT
    assert any("My notes on this request were lost" in text for text in await there.words(number))
    await there.assert_nothing_twice(number)


async def test_a_maintainer_starts_work_on_any_issue(there: Town) -> None:
    number = await there.open("Update changelog-entry: a tone", TONE, start=False)
    await there.say("sam", number, "/skill start")
    assert await there.bot.find_job(number) is None
    await there.say("morgan", number, "/skill start")
    await there.skip_questions(number)
    preview = (await there.words(number))[-1]
    assert "`skills/changelog-entry`" in preview, "the skill that the title names is changed, where it is"
    assert "write for users" in preview.lower()
