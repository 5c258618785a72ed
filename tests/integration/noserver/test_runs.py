"""What two runs, a killed run, a lost race or an old state may do to a request: nothing."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.github.client import Transport
from bot.jobs.job import JobStatus
from bot.noserver import database
from bot.noserver.books import LEASE_SECONDS, open_keys
from bot.noserver.reach import REF
from bot.noserver.ref import StateRef
from bot.noserver.state import StateError
from bot.repo_config import PATH, InvalidConfigError
from bot.sandbox import Seed
from tests.e2e.town import FORM, TITLE
from tests.integration.noserver.town import BOT, LABEL, Town, town

STRAIGHT = Seed(files={".github/skill-fleet.yml": "pipeline:\n  max_question_rounds: 0\n"})
"""From the start to the preview in one run."""


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The runner is gone: nothing of this run reaches the outside any more."""


class Reaper:
    """Kills the run at its n-th write: to GitHub right after it was applied, or to the state before or after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.dead = False
        call, push = Transport.call, StateRef._push
        reaper = self

        async def mortal_call(transport: Any, request: Any, *args: Any) -> Any:
            reaper.check()
            answer = await call(transport, request, *args)
            if request.writes:
                reaper.count()
            return answer

        def mortal_push(ref: Any, *args: Any) -> Any:
            reaper.check()
            reaper.count()
            snapshot = push(ref, *args)
            reaper.count()
            return snapshot

        monkeypatch.setattr(Transport, "call", mortal_call)
        monkeypatch.setattr(StateRef, "_push", mortal_push)

    def check(self) -> None:
        if self.dead:
            raise Killed

    def count(self) -> None:
        if self.left is not None:
            self.left -= 1
            self.dead = self.left < 0
            self.check()


async def survive(work: Awaitable[Any]) -> bool:
    """Did it end by itself?"""
    try:
        await work
    except (Killed, BaseExceptionGroup):
        return False
    return True


async def killed_again_and_again(here: Town, reaper: Reaper, number: int, words: str) -> int:
    """The run for these words, and those that go on with it, die later and later; how many it took until one lived."""
    await here.github.as_user("morgan").comment(number, words)
    event = here.waiting.popleft()
    for deaths in range(200):
        reaper.left, reaper.dead = deaths, False
        scheduled = deaths % 2 == 1
        survived = await survive(here.run("schedule") if scheduled else here.run(*event))
        reaper.left, reaper.dead = None, False
        here.later(LEASE_SECONDS + 1)
        if survived and not scheduled:
            return deaths
    raise AssertionError("it never came to an end")


@pytest.mark.timeout(600)  # some forty runs, one after the other
async def test_a_run_killed_at_any_write_is_continued_and_nothing_is_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file(start=False)
        reaper = Reaper(monkeypatch)
        assert await killed_again_and_again(here, reaper, number, "/skill start") >= 8
        assert (await here.job(number)).status is JobStatus.PENDING_HITL
        approval = f"/skill approve {await here.digest(number)}"
        assert await killed_again_and_again(here, reaper, number, approval) >= 8
        job = await here.job(number)
        assert job.status is JobStatus.IN_REVIEW
        assert len(await here.github.pulls()) == 1
        await here.assert_nothing_twice(number)
        assert job.pull is not None
        (run,) = await here.github.check_runs(job.pull.head_sha)
        assert run["status"] == "completed"


async def test_of_two_runs_at_once_on_one_request_neither_loses_what_was_said(tmp_path: Path) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        shown = await here.digest(number)
        said = [
            await here.github.as_user("riley").comment(number, "Also mention the contributors."),
            await here.github.as_user("riley").comment(number, "Add a section about the tone."),
        ]
        first, second = here.waiting
        here.waiting.clear()
        await asyncio.gather(here.run(*first), here.run(*second))
        assert await here.digest(number) != shown
        assert (BOT, "rocket") in await here.github.reactions(said[0]), "the first counts"
        assert any("say it again" in each for each in await here.words(number)), "who was second is told"
        assert {f"issue_comment:{each}" for each in said} <= await here.heard(number)
        await here.assert_nothing_twice(number)
        assert not open_keys((await here.books()).everything())
        assert (await here.books()).leases == {}


async def test_an_event_whose_run_was_cancelled_is_heard_by_the_next(tmp_path: Path) -> None:
    """GitHub cancels a waiting run of a concurrency group when another one comes."""
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        shown = await here.digest(number)
        await here.github.as_user("riley").comment(number, "Also mention the contributors.")
        here.waiting.clear()
        later = await here.say("sam", number, "A remark by somebody else.")
        assert await here.digest(number) != shown
        assert await here.github.reactions(later) == []


async def test_the_schedule_hears_what_no_run_was_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request, an approval and a merge whose workflow runs never happened; a conflict is said by a push's own run."""
    monkeypatch.setattr("bot.noserver.round.GRACE", timedelta(0))
    async with town(tmp_path, STRAIGHT) as here:

        async def unheard() -> None:
            here.waiting.clear()
            await here.run("schedule")

        morgan = here.github.as_user("morgan")
        number = await here.github.as_user("riley").submit_form(FORM, TITLE)
        await unheard()
        assert (await here.job(number)).status is JobStatus.QUEUED
        await morgan.comment(number, "/skill start")
        await unheard()
        approval = await morgan.comment(number, f"/skill approve {await here.digest(number)}")
        await unheard()
        assert (BOT, "rocket") in await here.github.reactions(approval)
        job = await here.job(number)
        assert job.status is JobStatus.IN_REVIEW, job.ended_reason
        assert job.pull is not None

        path = "skills/release-notes/SKILL.md"
        await morgan.commit("main", {path: "By hand.\n"}, "Write the same skill")
        here.waiting.clear()
        await here.run("push")
        [said] = await here.words(job.pull.number)
        assert "cannot be merged as it is" in said
        await morgan.commit("main", {path: None}, "Take it away again")

        await morgan.merge(job.pull.number)
        await unheard()
        assert (await here.job(number)).status is JobStatus.PROMOTED
        await here.assert_nothing_twice(number)


async def test_the_schedule_starts_reminds_and_expires(tmp_path: Path) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        await here.change_job(number, remind_at=LONG_AGO)
        await here.run("schedule")
        reminded = await here.job(number)
        assert reminded.status is JobStatus.PENDING_HITL
        assert "riley" in (await here.words(number))[-1]
        await here.change_job(number, expire_at=LONG_AGO)
        await here.run("workflow_dispatch")
        assert (await here.job(number)).status is JobStatus.EXPIRED
        commit = here.commit
        assert (await here.run("schedule")).said == "nothing to do"
        assert (await here.run("push")).said == "nothing to do", "a push is a reason to look after everything"
        assert here.commit == commit


@pytest.mark.parametrize(
    ("event", "payload", "said"),
    [
        ("issue_comment", {"action": "created", "sender": {"type": "Bot"}}, "changes no request"),
        ("issues", {"action": "pinned"}, "changes no request"),
        ("pull_request", {"action": "closed", "number": 3}, "forks may write nothing"),
    ],
)
async def test_what_changes_nothing_asks_github_nothing(
    tmp_path: Path, event: str, payload: dict[str, Any], said: str
) -> None:
    async with town(tmp_path) as here:
        repository = {"id": here.github.sandbox.repository.id, "name": "skills", "owner": {"login": "acme"}}
        pull = {"number": 3, "head": {"ref": "skill/issue-1", "sha": "0" * 40, "repo": {"id": 99}}}
        ended = await here.run(event, {"repository": repository, "pull_request": pull, **payload})
        assert said in ended.said
        assert not here.github.sandbox.api.log
        assert here.commit == ""


async def test_talk_about_other_things_leaves_no_trace_in_the_state(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        number = await here.github.as_user("sam").open_issue("A bug", "It does not work.")
        await here.say("sam", number, "Any news?")
        await here.github.as_user("morgan").label(number, "bug")
        await here.settle()
        assert {ended.said for ended in here.ended} == {"this concerns no request"}
        assert here.commit == ""
        assert {each.path for each in here.github.writes(BOT)} == {"/graphql"}, "nothing but who we are"


async def test_a_stranger_spends_nothing(tmp_path: Path) -> None:
    """The label of the form alone starts no work; nor does the word of somebody without the permission."""
    async with town(tmp_path) as here:
        number = await here.file(start=False)
        await here.say("sam", number, "/skill start")
        key = f"{here.github.sandbox.repository.id}:{number}"
        known = (await here.books()).read(key)
        assert known.of("module_calls") == ()
        assert (await here.job(number)).status is JobStatus.QUEUED


async def test_no_secret_reaches_the_state(tmp_path: Path) -> None:
    """Not even one that somebody put where everything is kept."""
    async with town(tmp_path, STRAIGHT, model_api_key="canary-of-the-model-0123456789") as here:
        here.variables["OTHER_API_KEY"] = "canary-of-the-job-0123456789"
        await here.file(purpose=f"Tell canary-of-the-model-0123456789, canary-of-the-job-0123456789 and {here.token}.")
        blobs = [here.github.sandbox.repository.git.read(sha) for sha in await here.blobs()]
        stored = b"\n".join(blobs).decode()
        assert "[redacted]" in stored
        assert not [each for each in (here.token, "canary-of-the") if each in stored]


async def test_a_token_that_may_not_write_is_told_which_permission_is_missing(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        number = await here.github.as_user("riley").open_issue("A skill", "Please.")
        await here.github.as_user("morgan").label(number, LABEL)
        here.token = here.hub.token(here.github.sandbox.repository, {"issues": "write", "contents": "read"})
        with pytest.raises(StateError, match="contents: write"):
            await here.settle()


async def test_what_fails_for_now_is_said_and_done_by_the_next_run(tmp_path: Path) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        fault = here.github.fault("status", "POST", ".*/pulls", login=BOT, times=1_000, status=502)
        await here.say("morgan", number, "/skill approve")
        (reason,) = here.ended[-1].failed.values()
        assert "502" in reason
        assert (await here.job(number)).status is not JobStatus.IN_REVIEW
        fault.times = 0
        await here.say("sam", number, "Thank you.")
        assert not here.ended[-1].failed
        assert (await here.job(number)).status is JobStatus.IN_REVIEW
        assert len(await here.github.pulls()) == 1


async def test_settings_that_cannot_be_used_are_said_and_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.noserver.round.GRACE", timedelta(0))
    async with town(tmp_path, Seed(files={PATH: "nonsense: 1\n"})) as here:
        morgan = here.github.as_user("morgan")

        async def settings(text: str) -> None:
            await morgan.commit("main", {PATH: text}, "Settings")
            here.waiting.clear()

        number = await here.github.as_user("riley").submit_form(FORM, TITLE)
        with pytest.raises(InvalidConfigError, match="Line 1: unknown setting `nonsense`"):
            await here.settle()
        await settings("label: skill-request\n")
        await here.run("schedule")
        assert (await here.job(number)).status is JobStatus.QUEUED
        await settings("label: [\n")
        await here.say("morgan", number, "/skill start")
        assert "not valid YAML" in "".join(here.ended[-1].failed.values())
        assert (await here.job(number)).status is JobStatus.QUEUED
        await settings("")
        await here.say("sam", number, "I agree.")  # the schedule hears it when its time to be tried again has come
        assert (await here.job(number)).status in {JobStatus.PENDING_USER_INPUT, JobStatus.PENDING_HITL}


async def test_a_run_knows_the_rows_of_other_requests_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted over a repository, such as the model calls of a day, is counted over all of them."""
    filled: list[set[str]] = []
    fill = database.fill
    monkeypatch.setattr(
        database, "fill", lambda path, states: (filled.append({e.key for e in states}), fill(path, states))
    )
    async with town(tmp_path, STRAIGHT) as here:
        first, second = await here.file(start=False), await here.file(start=False)
        repository = here.github.sandbox.repository.id
        assert filled[-1] == {f"{repository}:{first}", f"{repository}:{second}"}


async def test_when_the_state_was_deleted_a_request_in_review_is_rebuilt_from_its_pull_request(tmp_path: Path) -> None:
    """As docs/no-server.md says of `git push origin --delete refs/skill-fleet/state`."""
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        await here.say("morgan", number, "/skill approve")
        before = await here.job(number)
        assert before.pull is not None
        here.github.sandbox.repository.git.delete_ref(REF)
        assert here.commit == ""
        await here.say("morgan", number, "/skill status")
        rebuilt = await here.job(number)
        assert rebuilt.pull is not None
        assert (rebuilt.status, rebuilt.pull.number) == (JobStatus.IN_REVIEW, before.pull.number)
