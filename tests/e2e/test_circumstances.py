"""What becomes of a request when its surroundings change under it: defined in `docs/design.md`, shown over HTTP.

Where there is a place to say it, people get one sentence; where there is none, nothing is written and nothing fails.
"""

import datetime as dt

import pytest

from bot.jobs.job import JobStatus
from tests.e2e.town import Town

PATH = "skills/release-notes/SKILL.md"


async def _installation(there: Town, action: str) -> None:
    await there.github.control(f"/installations/{there.github.sandbox.installation.id}/{action}", {}, "morgan")
    await there.bot.quiet()


async def _nothing_failed(there: Town) -> None:
    stores = there.bot.service.stores
    assert [row.error for row in await stores.inbox.list_entries(state="all") if row.error] == []
    assert (await stores.inbox.backlog()).set_aside == 0


async def test_an_issue_that_goes_away_ends_its_work_and_its_open_pull_request_is_told(there: Town) -> None:
    waiting = await there.file()
    other = await there.github.control("/repositories", {"owner": "acme", "name": "elsewhere"}, "morgan")
    assert other["full_name"] == "acme/elsewhere"
    writes = len(there.github.writes())
    await there.github.as_user("morgan").transfer_issue(waiting, "acme/elsewhere")
    await there.bot.quiet()
    assert await there.status(waiting) is JobStatus.CANCELLED
    assert len(there.github.writes()) == writes, "there is no place left where it could be said"

    number, pull = await there.to_review()
    await there.github.as_user("morgan").delete_issue(number)
    await there.bot.quiet()
    said = await there.words(pull["number"])
    assert len(said) == 1
    assert "The issue was deleted." in said[0]
    await there.github.as_user("morgan").merge(pull["number"])
    await there.bot.quiet()
    assert await there.github.file(PATH) is not None
    assert await there.words(pull["number"]) == said, "the skill is in, and nothing more is said about it"
    await _nothing_failed(there)


async def test_a_locked_conversation_gets_its_question_when_it_is_unlocked(there: Town) -> None:
    number = await there.file(start=False)
    morgan = there.github.as_user("morgan")
    await morgan.lock(number)
    before = await there.words(number)
    await there.say("morgan", number, "/skill start")
    assert await there.words(number) == before, "nothing can be said or changed while it is locked"
    assert await there.state_label(number) == "needs-answer", "labels can be put on"
    await morgan.delete(f"{morgan.repo}/issues/{number}/lock")
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.PENDING_USER_INPUT
    words = await there.words(number)
    assert len(words) == len(before) + 1
    assert "question" in words[-1]
    [status] = [body for body in words if body.startswith("### Skill request")]
    assert "· waiting for an answer" in status, "what the lock kept from being shown is shown"
    await there.assert_nothing_twice(number)
    await _nothing_failed(there)


async def test_a_renamed_repository_changes_nothing(there: Town) -> None:
    number = await there.to_preview()
    admin = there.github.as_user("morgan")
    await admin.patch(admin.repo, {"name": "handbook"})
    there.github.repo = "acme/handbook"
    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    job = await there.bot.job(number)
    assert (job.status, job.repository.name) == (JobStatus.IN_REVIEW, "handbook")
    assert job.pull is not None
    await there.github.as_user("morgan").merge(job.pull.number)
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.PROMOTED
    await there.assert_nothing_twice(number)
    await _nothing_failed(there)


@pytest.mark.parametrize(("leave", "come_back"), [("archive", "unarchive"), ("suspend", "unsuspend")])
async def test_a_request_ends_silently_where_nothing_can_be_written_and_goes_on_by_retry(
    there: Town, leave: str, come_back: str
) -> None:
    async def do(action: str) -> None:
        if action.endswith("archive"):
            admin = there.github.as_user("morgan")
            await admin.patch(admin.repo, {"archived": action == "archive"})
            await there.bot.quiet()
        else:
            await _installation(there, action)

    number = await there.to_preview()
    words = await there.words(number)
    await do(leave)
    assert await there.status(number) is JobStatus.CANCELLED
    assert await there.words(number) == words
    await do(come_back)
    await there.say("morgan", number, "/skill retry")
    assert await there.status(number) is JobStatus.PENDING_HITL
    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    assert await there.status(number) is JobStatus.IN_REVIEW
    await there.assert_nothing_twice(number)
    await _nothing_failed(there)


async def test_who_lost_a_permission_is_told_once_and_an_uninstalled_app_is_silent(
    there: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.github.service.ROLE_LIFE", dt.timedelta())
    number = await there.to_preview()
    digest = await there.open_digest(number)
    repo = there.github.repo
    await there.github.control(f"/repositories/{repo}/roles/morgan", {"role": "read"}, "morgan", "PUT")
    words = len(await there.words(number))
    for _ in range(2):
        await there.say("morgan", number, f"/skill approve {digest}")
    assert await there.status(number) is JobStatus.PENDING_HITL
    told = (await there.words(number))[words:]
    assert len(told) == 1
    assert "@morgan" in told[0]

    await _installation(there, "uninstall")
    assert await there.status(number) is JobStatus.CANCELLED
    await _nothing_failed(there)
