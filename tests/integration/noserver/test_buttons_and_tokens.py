"""With an App, by its key or by its token: its check run has buttons, and pressing one starts a workflow run."""

from pathlib import Path
from typing import Any

import pytest

from bot.jobs.job import JobStatus
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import BOT, Town, town

PATH = "skills/release-notes/SKILL.md"


def with_key(here: Town) -> None:
    sandbox = here.github.sandbox
    here.settings |= {"github_app_id": str(sandbox.app.id), "github_private_key_file": sandbox.private_key_file}


def with_token(here: Town) -> None:
    """As `actions/create-github-app-token` gives one."""
    sandbox = here.github.sandbox
    one = frozenset({sandbox.repository.id})
    permissions = dict(sandbox.installation.permissions)
    here.token = sandbox.world.tokens.add_installation(sandbox.installation, permissions, one).token


async def check(here: Town, number: int) -> dict[str, Any]:
    head = (await here.github.pull(number))["head"]["sha"]
    (run,) = await here.github.check_runs(head)
    return run


@pytest.mark.parametrize("given", [with_key, with_token])
async def test_the_buttons_of_an_apps_check_run_work(tmp_path: Path, given: Any) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        given(here)
        number = await here.file()
        await here.say("morgan", number, "/skill approve")
        job = await here.job(number)
        assert job.status is JobStatus.IN_REVIEW, job.ended_reason
        if given is with_key:
            assert job.repository.installation_id == here.github.sandbox.installation.id
        assert job.pull is not None
        pull, branch = job.pull.number, job.pull.branch
        assert (await here.github.pull(pull))["user"]["login"] == here.github.bot_login
        published = await here.github.file(PATH, branch)
        assert published is not None

        morgan = here.github.as_user("morgan")
        await morgan.commit(branch, {PATH: f"\n{published}"}, "Oops")
        await here.settle()
        broken = await check(here, pull)
        assert (broken["conclusion"], broken["app"]["slug"]) == ("failure", here.github.sandbox.app.slug)
        await morgan.press(broken["id"], "fix")
        await here.settle()
        assert await here.github.file(PATH, branch) == published
        mended = await check(here, pull)
        assert mended["conclusion"] == "success"

        await morgan.press(mended["id"], "revalidate")
        await here.settle()
        again = await check(here, pull)
        assert again["conclusion"] == "success"
        assert (again["id"], again["completed_at"]) != (mended["id"], mended["completed_at"])
        assert not [ended.failed for ended in here.ended if ended.failed]
        assert not here.github.writes(BOT), "the workflow's own token only keeps the state"
        stored = "".join([here.github.sandbox.repository.git.read(sha).decode() for sha in await here.blobs()])
        assert here.token not in stored
        assert here.github.sandbox.private_key.splitlines()[5] not in stored
