"""One request from the form to the merge, with trouble at chosen writes, and all that can be seen of it in the end.

The real service, over HTTP, in this process. What takes time only to be polite (a wait before a retry) takes none here.
Previews have so little room that each leaves a file on a branch of its own, which the merge takes away again.
"""

import asyncio
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bot.compose import github_options
from bot.github.client import Answer, Transport
from bot.github.connection import GitHubOptions
from bot.github.errors import Request
from bot.jobs.effects import EffectResult
from bot.jobs.job import JobStatus
from bot.sandbox.faults import Fault, Kind
from bot.store.effects import Effects
from tests.e2e.town import FORM, TITLE, Town, town

KINDS = tuple(Kind)
"""What may befall a write on its way: every kind that the sandbox knows. Others are `KILL` and `DEATH`."""
KILL = "kill"
"""The process ends right after the n-th write, before anything is made of its answer."""
DEATH = "death"
"""The process ends right before the n-th record of an effect, all of whose writes were made."""
PATH = "skills/release-notes/SKILL.md"
PREVIEW_ROOM = 3_000
DELAY = 0.05


@dataclass
class Deaths:
    """Ends the process (as far as its work is concerned) before chosen records of effects and after chosen writes."""

    at: frozenset[int] = frozenset()
    after: frozenset[int] = frozenset()
    records: int = 0
    writes: int = 0
    died: int = 0
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    graves: list[asyncio.Event] = field(default_factory=list)
    """What the tasks of dead processes wait for. Collected as garbage, they would come back to life for a moment, in
    the middle of whatever runs then, and a query of the living would get the answer to theirs."""

    async def record(self, log: Effects, *values: Any) -> None:
        self.records += 1
        if self.records in self.at:
            await self._die()
        await _record(log, *values)

    async def write(self, transport: Transport, request: Request, *values: Any) -> Answer:
        if request.method == "GET" or not request.template.startswith("/repos"):
            return await _CALL(transport, request, *values)
        nth, self.writes = self.writes, self.writes + 1
        answer = await _CALL(transport, request, *values)
        if nth in self.after:
            await self._die()
        return answer

    async def _die(self) -> None:
        self.died += 1
        self.dead.set()
        self.graves.append(asyncio.Event())
        await self.graves[-1].wait()


async def _record(log: Effects, job_key: str, key: str, kind: str, remote_id: int, result: EffectResult) -> None:
    await _RECORD(log, job_key, key, kind, remote_id, result)


_RECORD, _CALL = Effects.record, Transport.call


@dataclass
class Outcome:
    """What people see in the end, how many writes and records it took, and whether all the trouble came."""

    picture: str
    writes: int
    records: int
    struck: int


async def played(
    folder: Path,
    faults: Mapping[int, Kind] | None = None,
    deaths: frozenset[int] = frozenset(),
    kills: frozenset[int] = frozenset(),
) -> Outcome:
    """The journey with these faults and kills at these writes (counted from 0) and deaths at these records (from 1)."""
    # The first rule that takes a write hides it from those behind it: they count one less for each rule before them.
    planned = [
        Fault(kind=kind, method="write", path="^/repos", skip=nth - before, seconds=DELAY)
        for before, (nth, kind) in enumerate(sorted((faults or {}).items()))
    ]
    async with _place(folder, Deaths(deaths, kills)) as (there, mortal):
        for fault in planned:
            fault.login = there.github.bot_login
        there.github.sandbox.api.faults.extend(planned)
        await _play(there, mortal)
        return Outcome(
            picture=_timeless(json.dumps(there.github.picture(), indent=1, ensure_ascii=False, default=str)),
            writes=sum(each.path.startswith("/repos") for each in there.github.writes()),
            records=mortal.records,
            struck=sum(fault.hits for fault in planned) + mortal.died,
        )


@asynccontextmanager
async def _place(folder: Path, mortal: Deaths) -> AsyncIterator[tuple[Town, Deaths]]:
    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    def impatient(*values: Any) -> GitHubOptions:
        return dataclasses.replace(github_options(*values), sleep=at_once)

    async def record(log: Effects, *values: Any) -> None:
        await mortal.record(log, *values)

    async def call(transport: Transport, *values: Any) -> Answer:
        return await mortal.write(transport, *values)

    with ExitStack() as stack:
        stack.enter_context(patch("bot.compose.github_options", impatient))
        stack.enter_context(patch("bot.store.inbox.POSTPONED", timedelta()))
        stack.enter_context(patch.object(Effects, "record", record))
        stack.enter_context(patch.object(Transport, "call", call))
        stack.enter_context(patch("bot.comments.preview.ROOM", PREVIEW_ROOM))
        url = f"sqlite:///{folder / 'bot.db'}"
        folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
        async with town(folder, url, reconcile_minutes=0, drain_seconds=0) as there:
            yield there, mortal


async def _play(there: Town, mortal: Deaths) -> None:
    async def rest() -> None:
        """Until nothing runs; a process that died is started again."""
        async with asyncio.timeout(90):
            calm = 0
            while calm < 3:
                await there.github.settle()
                if mortal.dead.is_set():
                    mortal.dead.clear()
                    await there.bot.stop()
                    await there.bot.start()
                calm = 0 if await there.bot._busy() else calm + 1
                await asyncio.sleep(0.02)

    async def say(who: str, text: str) -> None:
        await there.github.as_user(who).comment(number, text)
        await rest()

    riley, morgan = there.github.as_user("riley"), there.github.as_user("morgan")
    number = await riley.submit_form(FORM, TITLE)
    await rest()
    await say("morgan", "/skill start")
    await say("riley", "Count the lines of both lists: the numbers must be the same.")
    await say("riley", 'Add a section "Reverts" that says: leave out a revert and what it reverts.')
    await say("morgan", f"/skill approve {await there.open_digest(number)}")
    job = await there.bot.job(number)
    assert job.status is JobStatus.IN_REVIEW, (job.status, job.ended_reason)
    assert job.pull is not None
    await morgan.comment_on_line(job.pull.number, PATH, 1, 'Add a section "Tone" that says: write for users.')
    await rest()
    head = (await there.github.pull(job.pull.number))["head"]["sha"]
    [run] = await there.github.check_runs(head)
    await morgan.press(run["id"], "revalidate")
    await rest()
    await morgan.merge(job.pull.number)
    await rest()
    assert await there.status(number) is JobStatus.PROMOTED
    await there.assert_nothing_twice(number)


def _timeless(text: str) -> str:
    """Without what differs from run to run: commits, addresses, times."""
    return re.sub(r"\b[0-9a-f]{7,40}\b|https?://[^\s\")]+|\d{4}-\d\d-\d\d[T0-9:.Z+-]*|\b\d+ s\b", "…", text)
