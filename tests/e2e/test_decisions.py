"""Who decides: code owners, permissions that change in the middle, several people at once."""

from bot.jobs.job import JobStatus
from tests.e2e.town import Town


async def test_a_code_owner_approves_and_is_asked_to_review(there: Town) -> None:
    owners = "skills/ @riley @nobody-here\n"
    await there.github.as_user("morgan").commit("main", {".github/CODEOWNERS": owners})
    number = await there.to_preview()
    await there.say("sam", number, f"/skill approve {await there.open_digest(number)}")
    assert await there.status(number) is JobStatus.PENDING_HITL
    await there.say("riley", number, f"/skill approve {await there.open_digest(number)}")
    assert await there.status(number) is JobStatus.IN_REVIEW
    [pull] = await there.github.pulls()
    assert [person["login"] for person in pull["requested_reviewers"]] == ["riley"]


async def test_a_command_on_the_pull_request_refines_it_and_a_deleted_branch_can_be_brought_back(there: Town) -> None:
    number, pull = await there.to_review()
    branch = f"skill/issue-{number}"
    await there.say("morgan", pull["number"], '/skill refine Add a section "Tone" that says: write for users.')
    assert (await there.github.pull(pull["number"]))["commits"] == 2
    assert "write for users" in (await there.words(pull["number"]))[-1].lower()

    await there.github.as_user("morgan").delete_branch(branch)
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.REJECTED
    await there.say("morgan", number, "/skill retry")
    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    assert await there.status(number) is JobStatus.IN_REVIEW
    text = await there.github.file("skills/release-notes/SKILL.md", branch)
    assert text is not None
    assert "write for users" in text.lower()
    await there.assert_nothing_twice(number)
