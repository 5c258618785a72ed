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
