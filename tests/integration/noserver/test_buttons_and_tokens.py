"""With an App, by its key or by its token: its check run has buttons, and pressing one starts a workflow run."""

from pathlib import Path
from typing import Any

from bot.jobs.job import JobStatus
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import BOT, Town, town

PATH = "skills/release-notes/SKILL.md"


async def check(here: Town, number: int) -> dict[str, Any]:
    head = (await here.github.pull(number))["head"]["sha"]
    (run,) = await here.github.check_runs(head)
    return run


async def in_review(here: Town) -> int:
    """A request whose pull request is the App's; the number of the pull request."""
    number = await here.file()
    await here.say("morgan", number, "/skill approve")
    job = await here.job(number)
    assert job.status is JobStatus.IN_REVIEW, job.ended_reason
    assert job.pull is not None
    assert (await here.github.pull(job.pull.number))["user"]["login"] == here.github.bot_login
    return job.pull.number


async def assert_the_workflow_only_kept_the_state(here: Town) -> None:
    assert not [ended.failed for ended in here.ended if ended.failed]
    assert not here.github.writes(BOT)
    stored = "".join([here.github.sandbox.repository.git.read(sha).decode() for sha in await here.blobs()])
    assert here.token not in stored
    assert here.github.sandbox.private_key.splitlines()[5] not in stored


async def test_with_an_apps_token_its_bot_does_everything(tmp_path: Path) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        sandbox = here.github.sandbox
        one, permissions = frozenset({sandbox.repository.id}), dict(sandbox.installation.permissions)
        here.token = sandbox.world.tokens.add_installation(sandbox.installation, permissions, one).token
        assert (await check(here, await in_review(here)))["app"]["slug"] == sandbox.app.slug
        await assert_the_workflow_only_kept_the_state(here)


async def test_with_an_apps_key_its_bot_speaks_and_the_buttons_of_its_check_run_work(tmp_path: Path) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        sandbox = here.github.sandbox
        here.settings |= {"github_app_id": str(sandbox.app.id), "github_private_key_file": sandbox.private_key_file}
        pull = await in_review(here)
        (known,) = (await here.books()).everything()
        assert (known.job or {})["installation_id"] == sandbox.installation.id
        branch = (await here.github.pull(pull))["head"]["ref"]
        published = await here.github.file(PATH, branch)
        assert published is not None

        morgan = here.github.as_user("morgan")
        await morgan.commit(branch, {PATH: f"\n{published}"}, "Oops")
        await here.settle()
        broken = await check(here, pull)
        assert (broken["conclusion"], broken["app"]["slug"]) == ("failure", sandbox.app.slug)
        await morgan.press(broken["id"], "fix")
        await here.settle()
        assert await here.github.file(PATH, branch) == published
        mended = await check(here, pull)
        assert mended["conclusion"] == "success"

        await morgan.press(mended["id"], "revalidate")
        await here.settle()
        again = await check(here, pull)
        assert again["conclusion"] == "success"
        assert again["id"] != mended["id"]
        await assert_the_workflow_only_kept_the_state(here)
