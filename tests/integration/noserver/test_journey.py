"""A request's whole life where nothing runs between two events."""

from pathlib import Path

from bot.jobs.job import JobStatus
from tests.integration.noserver.town import BOT, town


async def test_a_request_goes_all_the_way_one_workflow_run_after_the_other(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        number = await here.to_preview()
        before = await here.digest(number)
        await here.say("riley", number, "Also mention the contributors.")
        assert await here.digest(number) != before
        comment = await here.say("morgan", number, f"/skill approve {await here.digest(number)}")
        assert (BOT, "eyes") in await here.github.reactions(comment)
        job = await here.job(number)
        assert job.status is JobStatus.IN_REVIEW, job.ended_reason
        assert job.pull is not None
        pull = await here.github.pull(job.pull.number)
        assert pull["user"]["login"] == BOT
        (run,) = await here.github.check_runs(pull["head"]["sha"])
        assert (run["status"], run["app"]["slug"]) == ("completed", "github-actions")
        assert here.github.sandbox.repository.runs[-1].actions == [], "pressing them would start nothing"
        wish = 'Add a section "Tone" that says: write for users, not for developers.'
        await here.github.as_user("morgan").comment_on_line(pull["number"], "skills/release-notes/SKILL.md", 1, wish)
        await here.settle()
        assert (await here.github.pull(pull["number"]))["head"]["sha"] != pull["head"]["sha"]
        await here.github.as_user("morgan").merge(pull["number"])
        await here.settle()
        assert (await here.job(number)).status is JobStatus.PROMOTED
        assert (await here.github.issue(number))["state"] == "closed"
        assert not [ended.failed for ended in here.ended if ended.failed]
