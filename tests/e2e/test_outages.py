"""An hour without GitHub, without names, without the model; a clock that is set; an event that always fails; a move.

The clock is the tests': an hour passes in as many looks as the bot takes in an hour.
"""

import asyncio
import dataclasses
import datetime as dt
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot import advancing, compose
from bot.cli import main
from bot.jobs import advance
from bot.jobs.job import JobStatus
from bot.store.inbox import SET_ASIDE, InboxEntry, NewEvent
from tests.e2e.town import Town, town
from tests.scripted_author import Author
from tests.scripted_model import Reply, Request, ScriptedModel


class Clock:
    """The bot's clock, as far ahead of the real one as the test says."""

    def __init__(self) -> None:
        self.ahead = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    options = compose.github_options

    async def no_pause(seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(advancing, "_now", clock)
    monkeypatch.setattr(compose, "github_options", lambda *them: dataclasses.replace(options(*them), sleep=no_pause))
    return clock


@pytest.fixture
async def there(clock: Clock, tmp_path: Path, sqlite_url: str) -> AsyncIterator[Town]:
    async with town(tmp_path, sqlite_url, reconcile_minutes=0) as made:
        made.bot.service.dispatcher.clock = clock
        yield made


async def failing(there: Town, seconds: float = 30) -> InboxEntry:
    """The event that waits for something, once its task has ended."""
    async with asyncio.timeout(seconds):
        while True:
            found = [entry for entry in await there.bot.service.stores.inbox.list_entries() if entry.error]
            if found and not there.bot.service.engine.running:
                return found[-1]
            await asyncio.sleep(0.02)


async def an_hour(there: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let an hour pass in which everything fails; how often the bot tried meanwhile."""
    service = there.bot.service
    note, noted = service.stores.inbox.note_failure, asyncio.Queue[dt.datetime]()

    async def noting(*them: Any, **more: Any) -> dt.datetime:
        again = await note(*them, **more)
        noted.put_nowait(again)
        return again

    monkeypatch.setattr(service.stores.inbox, "note_failure", noting)
    await failing(there)
    due = await service.stores.inbox.next_due()
    end, tries = clock() + dt.timedelta(hours=1), 0
    while due is not None and due < end:
        clock.ahead += max(due - clock(), dt.timedelta())
        service.dispatcher.look_at(due)
        due = await asyncio.wait_for(noted.get(), 60)
        tries += 1
    await failing(there)
    return tries


async def told_by_the_command(there: Town, number: int) -> dict[str, Any]:
    """What `skill-fleet jobs show` says about the job while the service runs."""
    words = ["jobs", "show", f"{there.github.repo}#{number}", "--database", there.bot.database_url]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *words, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    shown, _ = await process.communicate()
    told: dict[str, Any] = json.loads(shown)
    return told


def _github_answers_503(there: Town, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    fault = there.github.fault("status", method="*", status=503, times=1_000_000)

    def mend() -> None:
        fault.times = 0

    return mend


def _no_name_resolves(there: Town, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    resolve, ours = aiohttp.TCPConnector._resolve_host, there.github.session.connector
    down = [True]

    async def fail(self: Any, host: str, port: int, **options: Any) -> Any:
        if down[0] and self is not ours and port == int(there.github.sandbox.url.rpartition(":")[2]):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await resolve(self, host, port, **options)

    monkeypatch.setattr(aiohttp.TCPConnector, "_resolve_host", fail)
    monkeypatch.setattr(aiohttp.TCPConnector, "_get", lambda *_: _nothing())  # no connection is left open
    return lambda: down.__setitem__(0, False)


async def _nothing() -> None:
    return None


@pytest.mark.parametrize("outage", [_github_answers_503, _no_name_resolves])
async def test_an_hour_without_github_delays_an_approval_and_nothing_else(
    there: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch, outage: Callable[..., Callable[[], None]]
) -> None:
    number = await there.to_preview()
    digest = await there.open_digest(number)
    mend = outage(there, monkeypatch)
    await there.github.as_user("morgan").comment(number, f"/skill approve {digest}")
    waiting = await failing(there)
    assert "TransientError" in str(waiting.error)
    tries = await an_hour(there, clock, monkeypatch)
    assert 10 < tries < 40, "often enough to be back soon, seldom enough not to be in the way"
    [said] = (await told_by_the_command(there, number))["waits_for"]
    assert "TransientError" in said["reason"]
    mend()
    clock.ahead += dt.timedelta(minutes=5)
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.IN_REVIEW
    await there.assert_nothing_twice(number)


async def test_an_hour_without_the_model_is_said_and_waited_out(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sqlite_url: str
) -> None:
    async with ScriptedModel() as model:
        Author(model)
        away: list[bool] = [True]

        def refuse(request: Request) -> Reply | None:
            return Reply(status=503, error={"message": "overloaded", "type": "x"}) if away else None

        model.rules.append(refuse)
        settings = {"model": "openai/scripted", "model_api_base": model.base_url, "model_retries": 0}
        async with town(tmp_path, sqlite_url, reconcile_minutes=0, **settings) as there:
            there.bot.service.dispatcher.clock = clock
            number = await there.file(start=False)
            await there.github.as_user("morgan").comment(number, "/skill start")
            await failing(there)
            [status] = [body for body in await there.words(number) if body.startswith("### Skill request")]
            assert "**Understanding**: waiting. The provider of openai/scripted has a problem of its own." in status
            assert 10 < await an_hour(there, clock, monkeypatch) < 40
            assert await there.status(number) is JobStatus.RUNNING
            away.clear()
            clock.ahead += dt.timedelta(minutes=5)
            await there.bot.quiet()
            await there.skip_questions(number)
            assert await there.state_label(number) == "needs-decision"
            await there.assert_nothing_twice(number)


async def set_aside(there: Town, clock: Clock) -> list[InboxEntry]:
    """The events that nobody tries any more, once there are some."""
    stores = there.bot.service.stores
    async with asyncio.timeout(120):
        while not (aside := await stores.inbox.list_entries(state=SET_ASIDE)):
            if (due := await stores.inbox.next_due()) is not None:
                clock.ahead += max(due - clock(), dt.timedelta())
                there.bot.service.dispatcher.look_at(due)
            await asyncio.sleep(0.05)
    return aside


async def test_a_poison_and_a_damaged_event_are_set_aside_alone_and_a_retry_revives_the_first(
    there: Town, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await there.to_preview()
    decide = advance.decide

    def broken(job: Any, event: Any, facts: Any) -> Any:
        if "poison" in str(event):
            raise ZeroDivisionError("a bug of ours")
        return decide(job, event, facts)

    monkeypatch.setattr(advance, "decide", broken)
    riley, stores = there.github.as_user("riley"), there.bot.service.stores
    there.bot.service.dispatcher.max_attempts = 3
    await riley.comment(number, "Add the poison to the list.")
    await failing(there)
    await riley.comment(number, "/skill status")
    [poison] = await set_aside(there, clock)
    await there.bot.quiet()
    assert poison.error is not None and "ZeroDivisionError: a bug of ours" in poison.error
    assert await there.status(number) is JobStatus.PENDING_HITL, "only the poison was set aside"
    handled = [entry for entry in await stores.inbox.list_entries(state="all") if b"/skill status" in entry.body]
    assert handled[0].done_by not in (None, SET_ASIDE), "what was said after it was heard"

    shown = await told_by_the_command(there, number)
    assert [entry["inbox"] for entry in shown["set_aside"]] == [poison.id]
    monkeypatch.setattr(advance, "decide", decide)
    words = ["jobs", "retry", f"{there.github.repo}#{number}", "--database", there.bot.database_url]
    assert await asyncio.to_thread(main, words) == 0
    await there.bot.quiet()
    revived = await stores.inbox.entry(poison.id)
    assert revived is not None and revived.done_by not in (None, SET_ASIDE)

    key = (await there.bot.job(number)).key
    there.bot.service.dispatcher.stored(
        await stores.inbox.add([NewEvent("damaged", key, "issue_comment", "created", b'{"action": "crea\xff')])
    )
    await riley.comment(number, "/skill status")
    [damaged] = await set_aside(there, clock)
    assert damaged.error is not None and "its stored payload is damaged" in damaged.error
    await there.bot.quiet()


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_is_set_by_an_hour_stops_nothing(there: Town, clock: Clock, hours: int) -> None:
    number = await there.to_preview()
    fault = there.github.fault("status", method="*", status=503, times=1_000_000)
    digest = await there.open_digest(number)
    await there.github.as_user("morgan").comment(number, f"/skill approve {digest}")
    await failing(there)
    clock.ahead += dt.timedelta(hours=hours)
    fault.times = 0
    await there.bot.quiet(30)
    assert await there.status(number) is JobStatus.IN_REVIEW, "no reminder, no expiry, no waiting for an hour to pass"
    await there.assert_nothing_twice(number)


@pytest.mark.postgres
async def test_waiting_requests_move_from_sqlite_to_postgresql_and_go_on(
    tmp_path: Path, sqlite_url: str, postgres_url: str
) -> None:
    async with town(tmp_path, sqlite_url, reconcile_minutes=0) as there:
        asked = await there.file(name="", purpose="release notes", when="release notes", examples="", constraints="")
        previewed = await there.to_preview()
        assert await there.status(asked) is JobStatus.PENDING_USER_INPUT
        await there.bot.stop()
        export = str(tmp_path / "moved.jsonl.gz")
        assert await asyncio.to_thread(main, ["jobs", "export", export, "--database", sqlite_url]) == 0
        assert await asyncio.to_thread(main, ["jobs", "import", export, "--database", postgres_url]) == 0
        there.bot.database_url = postgres_url
        await there.bot.start()
        await there.say("morgan", previewed, f"/skill approve {await there.open_digest(previewed)}")
        assert await there.status(previewed) is JobStatus.IN_REVIEW
        await there.say("riley", asked, "/skill skip")
        assert await there.status(asked) is not JobStatus.PENDING_USER_INPUT
        for number in (asked, previewed):
            await there.assert_nothing_twice(number)


OTHER_SKILL = {
    "skills/counting-sheep/SKILL.md": "---\nname: counting-sheep\n"
    "description: Counts sheep. Use when somebody cannot sleep.\n---\n\n# Counting sheep\n\nCount them.\n"
}


class Hiccup:
    """From the moment at which the bot has made a write on, GitHub answers it 503 on some path."""

    def __init__(self, there: Town, made: str, words: str, fails: str) -> None:
        """`made`: the end of the write's path; `words`: in its body; `fails`: the path."""
        self._there, self._before = there, there.github.sandbox.api.observer
        self._made, self._words, self._fails = made, words, fails
        self.fault: Any = None
        there.github.sandbox.api.observer = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._before, name)

    def answered(self, exchange: Any) -> None:
        self._before.answered(exchange)
        made = exchange.method == "POST" and exchange.path.endswith(self._made) and self._words in str(exchange.body)
        if self.fault is None and made:
            self.fault = self._there.github.fault("status", method="*", path=self._fails, status=503, times=1_000_000)


@pytest.mark.parametrize("meanwhile", [{}, OTHER_SKILL], ids=["nothing_else_happens", "another_skill_is_merged"])
async def test_an_approval_counts_although_the_task_that_showed_the_preview_failed_after_it(
    there: Town, clock: Clock, meanwhile: dict[str, str]
) -> None:
    number = await there.file()
    assert await there.status(number) is JobStatus.PENDING_USER_INPUT
    hiccup = Hiccup(there, "/comments", "/skill approve", fails="/labels")
    await there.github.as_user("riley").comment(number, "/skill skip")
    await failing(there)
    assert await there.status(number) is JobStatus.RUNNING, "the preview is to be seen, and nobody has noted it"
    if meanwhile:  # the phase, run again, would ask something else: the skills that are there are part of the question
        await there.github.as_user("morgan").commit("main", meanwhile, "Add another skill")
    await there.github.as_user("morgan").comment(number, f"/skill approve {await there.open_digest(number)}")
    await there.github.settle()
    hiccup.fault.times = 0
    clock.ahead += dt.timedelta(minutes=5)
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.IN_REVIEW
    assert not [body for body in await there.words(number) if "does nothing at the moment" in body]
    await there.assert_nothing_twice(number)


@pytest.mark.parametrize("does", ["merges", "asks for a change"])
async def test_what_people_do_with_a_pull_request_counts_although_the_task_that_opened_it_failed_after_it(
    there: Town, clock: Clock, does: str
) -> None:
    """The job knows of none: neither why its issue is closed, nor what the remarks are about."""
    number = await there.to_preview()
    hiccup, morgan = Hiccup(there, "/pulls", "", fails="/labels"), there.github.as_user("morgan")
    await morgan.comment(number, f"/skill approve {await there.open_digest(number)}")
    await failing(there)
    assert (await there.bot.job(number)).pull is None, "it is to be seen, and nobody has noted it"
    [pull] = await there.github.pulls()
    if does == "merges":
        await morgan.merge(pull["number"])
    else:
        line = ("skills/release-notes/SKILL.md", 1, "Please say that the notes are for customers.")
        await morgan.review(pull["number"], comments=[line])
    await there.github.settle()
    hiccup.fault.times = 0
    clock.ahead += dt.timedelta(minutes=5)
    await there.bot.quiet()
    assert await there.status(number) is (JobStatus.PROMOTED if does == "merges" else JobStatus.IN_REVIEW)
    assert (await there.github.pull(pull["number"]))["commits"] == (1 if does == "merges" else 2)
    await there.assert_nothing_twice(number)


async def test_a_refinement_is_made_once_although_the_task_that_pushed_it_failed_after_it(
    there: Town, clock: Clock
) -> None:
    """Its commit is on the branch, and nobody has noted it: it is ours all the same, and no work of people."""
    number, pull = await there.to_review()
    hiccup = Hiccup(there, "/check-runs", "", fails="/replies")
    line = ("skills/release-notes/SKILL.md", 1, "Please say that the notes are for customers.")
    await there.github.as_user("morgan").review(pull["number"], comments=[line])
    await failing(there)
    assert (await there.github.pull(pull["number"]))["commits"] == 2, "it is to be seen, and nobody has noted it"
    assert await there.status(number) is JobStatus.RUNNING
    pushed = (await there.github.pull(pull["number"]))["head"]["sha"]
    hiccup.fault.times = 0
    clock.ahead += dt.timedelta(minutes=5)
    await there.bot.quiet()
    job = await there.bot.job(number)
    assert job.status is JobStatus.IN_REVIEW
    assert (await there.github.pull(pull["number"]))["head"]["sha"] == pushed
    assert job.journey.edited_by_people == []
    assert len([each for each in await there.github.review_comments(pull["number"]) if each.get("in_reply_to_id")]) == 1
