"""One request's whole life, as the state holds it in the end: made once, for those who look at the state alone."""

import asyncio

import pytest

from bot.jobs.job import JobStatus
from bot.noserver.state import KeyState
from tests.integration.noserver.town import Town, town

PATH = "skills/release-notes/SKILL.md"


async def live(here: Town) -> int:
    """Everything that can become of a request, in one go; its number."""
    number = await here.to_preview()
    await here.say("riley", number, "Also mention the contributors.")
    await here.say("morgan", number, f"/skill approve {await here.digest(number)}")
    job = await here.job(number)
    assert job.pull is not None, job.ended_reason
    wish = 'Add a section "Tone" that says: write for users, not for developers.'
    await here.github.as_user("morgan").comment_on_line(job.pull.number, PATH, 1, wish)
    await here.settle()
    await here.github.as_user("morgan").merge(job.pull.number)
    await here.settle()
    assert (await here.job(number)).status is JobStatus.PROMOTED
    return number


@pytest.fixture(scope="session")
def a_whole_life(tmp_path_factory: pytest.TempPathFactory) -> KeyState:
    async def lived() -> KeyState:
        async with town(tmp_path_factory.mktemp("life")) as here:
            await live(here)
            (known,) = (await here.books()).everything()
            return known

    return asyncio.run(lived())
