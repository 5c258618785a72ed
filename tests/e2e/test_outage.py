"""One delivery in five never arrives, with or without a trace in GitHub's log: every job ends where it would have."""

import datetime as dt
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.compose import github_options
from bot.github.connection import connect
from bot.github.effects.log import EffectsInMemory
from bot.github.reconcile import Reconciler
from bot.github.service import GitHubService
from bot.jobs.job import JobStatus
from bot.metrics import Metrics
from bot.sandbox.deliveries import DeliveryRule, Mishap
from bot.settings import load
from bot.store.ledger import SqlLedger
from bot.subjects import ACCEPTED
from tests.e2e.town import Town, town
from tests.integration.github.test_effects import SKILL

Heal = Callable[[], Awaitable[int]]


class OneInFive(DeliveryRule):
    """Takes a fifth of all deliveries, by chance that a seed decides."""

    def __init__(self, kind: Mishap, seed: int) -> None:
        super().__init__(kind)
        self._dice = random.Random(seed)

    def takes(self, event: str, action: str | None) -> bool:
        taken = self._dice.random() < 0.2
        self.hits += taken
        return taken


@asynccontextmanager
async def healing(there: Town) -> AsyncIterator[Heal]:
    """What the periodic reconciliation does, when the test wants it."""
    async with connect(github_options(load(**there.bot.settings()), Metrics())) as connection:
        identity = await connection.identity()
        service = GitHubService(connection, identity, EffectsInMemory())
        reconciler = Reconciler(
            connection, identity, SqlLedger(there.bot.service.stores), service.config, ACCEPTED.__contains__
        )

        async def heal() -> int:
            total = 0
            while found := await reconciler.once():
                total += found
                await there.bot.quiet()
            return total

        yield heal


async def journey(there: Town, heal: Heal) -> dict[str, object]:
    """From the form to the merge, healing after each thing a person does; what is to be seen in the end."""

    async def say(who: str, text: str) -> None:
        await there.say(who, number, text)
        await heal()

    number = await there.file(start=False)
    await heal()
    await say("morgan", "/skill start")
    assert await there.status(number) is JobStatus.PENDING_USER_INPUT
    await say("riley", "Count the lines of both lists: the numbers must be the same.")
    assert await there.status(number) is JobStatus.PENDING_HITL
    await say("riley", 'Add a section "Reverts" that says: leave out a revert and what it reverts.')
    await say("morgan", f"/skill approve {await there.open_digest(number)}")
    job = await there.bot.job(number)
    assert job.status is JobStatus.IN_REVIEW, job.ended_reason
    assert job.pull is not None
    morgan = there.github.as_user("morgan")
    path = "skills/release-notes/SKILL.md"
    await morgan.comment_on_line(job.pull.number, path, 1, 'Add a section "Tone" that says: write for users.')
    await there.bot.quiet()
    await heal()
    await morgan.merge(job.pull.number)
    await there.bot.quiet()
    await heal()
    await there.assert_nothing_twice(number)
    return {
        "status": await there.status(number),
        "label": await there.state_label(number),
        "words": [_timeless(body) for body in await there.words(number)],
        "skill": await there.github.file(path),
        "replies": [
            (reply["user"]["login"], _timeless(reply["body"]))
            for reply in await there.github.review_comments(job.pull.number)
        ],
        "pulls": len(await there.github.pulls(state="all")),
        "issue": (await there.github.issue(number))["state"],
    }


def _timeless(body: str) -> str:
    """Without what differs from run to run: hashes, links, times, ids."""
    return re.sub(r"\b[0-9a-f]{7,40}\b|https?://\S+|\d{4}-\d\d-\d\d\S*|\d+ s\b|job=\S+", "…", body)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way is waited for here, so that nothing needs to be given time."""
    monkeypatch.setattr("bot.github.missed.GRACE", dt.timedelta())
    monkeypatch.setattr("bot.github.reconcile.FIRST_PATIENCE", dt.timedelta())
    monkeypatch.setattr("bot.github.reconcile.EVERYTHING_EVERY", dt.timedelta())


@asynccontextmanager
async def place(folder: Path, name: str) -> AsyncIterator[tuple[Town, Heal]]:
    """A town whose bot does not reconcile by itself, and what does it instead."""
    url = f"sqlite:///{folder / f'{name}.db'}"
    async with town(folder / name, url, reconcile_minutes=0) as there, healing(there) as heal:
        yield there, heal


_calm: list[dict[str, object]] = []


async def undisturbed(folder: Path) -> dict[str, object]:
    """What is to be seen in the end when nothing is lost; played once."""
    if not _calm:
        async with place(folder, "calm") as (there, heal):
            _calm.append(await journey(there, heal))
    assert _calm[0]["status"] is JobStatus.PROMOTED
    return _calm[0]


@pytest.mark.parametrize("kind", [Mishap.DROP, Mishap.LOSE])
async def test_losing_a_fifth_of_all_deliveries_changes_no_outcome(kind: Mishap, tmp_path: Path) -> None:
    expected = await undisturbed(tmp_path)
    for seed in range(2):
        async with place(tmp_path, f"{seed}") as (there, heal):
            rule = OneInFive(kind, seed)
            there.github.sandbox.world.courier.rules.append(rule)
            assert await journey(there, heal) == expected, (kind, seed)
            assert rule.hits >= 3


@pytest.mark.parametrize("kind", [Mishap.DROP, Mishap.LOSE])
async def test_losing_everything_until_the_next_round_changes_no_outcome(kind: Mishap, tmp_path: Path) -> None:
    expected = await undisturbed(tmp_path)
    async with place(tmp_path, "lost") as (there, heal):
        rule = DeliveryRule(kind, times=10_000)
        there.github.sandbox.world.courier.rules.append(rule)

        async def heal_with_working_hook() -> int:
            rule.times = 0
            found = await heal()
            rule.times = 10_000
            return found

        assert await journey(there, heal_with_working_hook) == expected


async def test_a_button_whose_press_was_not_delivered_works_when_it_is_sent_again(tmp_path: Path) -> None:
    async with place(tmp_path, "press") as (there, heal):
        morgan = there.github.as_user("morgan")
        await morgan.commit("by-hand", {"skills/release-notes/SKILL.md": f"\n{SKILL}"}, "Add a skill")
        number = await morgan.open_pull("by-hand", "A skill by hand")
        await there.bot.quiet()
        head = (await there.github.pull(number))["head"]["sha"]
        [before] = await there.github.check_runs(head)
        there.github.sandbox.world.courier.rules.append(DeliveryRule(Mishap.DROP, event="check_run", times=2))
        await morgan.press(before["id"], "fix")
        await morgan.press(before["id"], "revalidate")
        await there.bot.quiet()
        assert await there.github.review_comments(number) == []
        assert [run["id"] for run in await there.github.check_runs(head)] == [before["id"]]
        await heal()
        assert len(await there.github.review_comments(number)) == 1, "what *Fix* suggests"
        assert [run["id"] for run in await there.github.check_runs(head)] != [before["id"]], "checked anew"
