"""`python -m tests.faults.noserver`, part of `make faults`: a workflow run dies after each of its writes in turn.

For every write of the run that starts a request, and of the run that an approval starts, there is a town of its own.
The run dies right there, the schedule goes on from what is left, and the end must be that of a run that lived. Exit 1
otherwise.
"""

import asyncio
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from bot.jobs.job import JobStatus
from bot.logs import configure_logs
from bot.noserver.books import LEASE_SECONDS
from tests.integration.noserver.test_runs import STRAIGHT, Reaper, survive
from tests.integration.noserver.town import Town, town

ENDS = {"start": JobStatus.PENDING_HITL, "approve": JobStatus.IN_REVIEW}


async def killed(here: Town, reaper: Reaper, verb: str, deaths: int) -> bool:
    """Did the run die at that write? Raises AssertionError when the end is not what it should be."""
    number = await here.file(start=verb == "approve")
    words = f"/skill approve {await here.digest(number)}" if verb == "approve" else "/skill start"
    await here.github.as_user("morgan").comment(number, words)
    reaper.left = deaths
    lived = await survive(here.run(*here.waiting.popleft()))
    reaper.left, reaper.dead = None, False
    here.later(LEASE_SECONDS + 1)
    await here.run("schedule")
    job = await here.job(number)
    assert job.status is ENDS[verb], (job.status, job.ended_reason)
    await here.assert_nothing_twice(number)
    pulls = await here.github.pulls()
    assert len(pulls) == (verb == "approve")
    for pull in pulls:
        (run,) = await here.github.check_runs(pull["head"]["sha"])
        assert run["status"] == "completed"
    return not lived


async def everywhere(verb: str) -> tuple[int, int]:
    """How many deaths there were, and how many of them changed the end."""
    deaths = bad = 0
    while True:
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            patch.setattr("bot.noserver.round.GRACE", timedelta(0))
            async with town(Path(folder), STRAIGHT) as here:
                try:
                    if not await killed(here, Reaper(patch), verb, deaths):
                        return deaths, bad
                except Exception as error:
                    bad += 1
                    print(f"{verb}, write {deaths + 1}: {type(error).__name__}: {error}", flush=True)
        deaths += 1


def main() -> int:
    configure_logs("ERROR", "console")
    wrong = 0
    for verb in ENDS:
        deaths, bad = asyncio.run(everywhere(verb))
        print(
            f"/skill {verb}: a run without a server killed after each of {deaths} writes, {bad} ends differ", flush=True
        )
        wrong += bad
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
