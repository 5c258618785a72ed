"""The state ref itself, with git and without GitHub: races, leases, size, versions."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from git import Repo
from hypothesis import example, given
from hypothesis import strategies as st

from bot.noserver import database, state
from bot.noserver.books import Books, LeaseLostError
from bot.noserver.desk import migrated
from bot.noserver.reach import REF
from bot.noserver.ref import StateRef
from bot.noserver.state import KeyState, Row, StateError
from bot.operate.archive import TABLES
from bot.store.database import create, latest_revision, open_database
from bot.store.stores import Stores
from bot.store.tables import daily_figures

KEY = "800000001:1"
Open = Callable[..., Books]


@pytest.fixture
def remote(tmp_path: Path) -> Repo:
    return Repo.init(tmp_path / "remote.git", bare=True)


@pytest.fixture
def books(remote: Repo, tmp_path: Path) -> Iterator[Open]:
    """Opens the books of one more run, at a time of its own."""
    opened: list[StateRef] = []

    def open_books(run: str, now: float = 1000.0, revision: str = latest_revision()) -> Books:
        ref = StateRef(tmp_path / run, str(remote.git_dir), None, sleep=lambda _: None)
        opened.append(ref)
        return Books(ref, run, revision, lambda: now)

    yield open_books
    for ref in opened:
        ref.close()


def event(delivery: str, **columns: str | int) -> Row:
    return {"id": 1, "delivery": delivery, "key": KEY, "event": "issue_comment", "body": "{}", **columns}


def heard(*deliveries: str, key: str = KEY) -> KeyState:
    return KeyState(key, {"inbox": tuple(event(each) for each in deliveries)})


def deliveries(known: KeyState) -> list[str]:
    return [str(row["delivery"]) for row in known.of("inbox")]


async def test_who_loses_the_race_puts_its_event_on_top_of_the_winner_s(books: Open, remote: Repo) -> None:
    """Both read the same state; one writes first. As often as somebody is faster."""
    ours, theirs = books("ours"), books("theirs")
    await ours.look()
    await theirs.look()
    for turn in range(5):
        await theirs.take({KEY: heard(f"theirs-{turn}")})
    await ours.take({KEY: heard("ours")})
    await theirs.take({KEY: heard("theirs-late")})
    late = books("reader")
    await late.look()
    assert deliveries(late.read(KEY)) == [*(f"theirs-{turn}" for turn in range(5)), "ours", "theirs-late"]
    (commit,) = remote.iter_commits(REF)
    assert commit.parents == ()


async def test_a_ref_that_moves_between_reading_and_pushing_is_read_again(
    books: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = books("ours"), books("theirs")
    push, meddled = StateRef._push, []

    def meddling(ref: StateRef, *arguments: object) -> object:
        if ref is ours.ref and len(meddled) < 3:
            meddled.append(len(meddled))
            theirs.ref.change(lambda snapshot: {f"1/{len(meddled)}.jsonl": state.render(KeyState(f"1:{len(meddled)}"))})
        return push(ref, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(StateRef, "_push", meddling)
    await ours.take({KEY: heard("ours")})
    assert {each.key for each in ours.everything()} == {KEY, "1:1", "1:2", "1:3"}
    assert meddled == [0, 1, 2]


async def test_a_ref_that_never_holds_still_is_given_up(books: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = books("ours"), books("theirs")
    monkeypatch.setattr("bot.noserver.ref.ATTEMPTS", 2)
    push = StateRef._push

    def meddling(ref: StateRef, *arguments: object) -> object:
        if ref is ours.ref:
            theirs.ref.change(lambda snapshot: {"1/1.jsonl": snapshot.commit.encode()})
        return push(ref, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(StateRef, "_push", meddling)
    with pytest.raises(StateError, match="2 times somebody else was faster"):
        await ours.take({KEY: heard("ours")})


async def test_one_run_at_a_time_holds_a_key_and_hears_what_the_others_add(books: Open) -> None:
    first, second = books("first"), books("second", now=1030.0)
    taken = (await first.take({KEY: heard("one")})).states[KEY]
    assert (await second.take({KEY: heard("two")})).busy == {KEY}
    done = replace(taken, rows={"inbox": (event("one", done_by="me"),)})
    news = await first.write({KEY: done}, release=True)
    assert [row["delivery"] for row in news[KEY]] == ["two"], "there is work left, so the lease stays"
    both = KeyState(KEY, {"inbox": (event("one", done_by="me"), event("two", done_by="me"))})
    assert await first.write({KEY: both}, release=True) == {}
    assert first.leases == {}
    await second.look()
    assert (await second.take({KEY: KeyState(KEY)})).busy == set(), "it was given back"


async def test_a_run_that_was_silent_too_long_may_add_what_it_paid_for_and_nothing_else(books: Open) -> None:
    frozen, living = books("frozen"), books("living", now=2000.0)
    job: Row = {"key": KEY, "state": "before"}
    paid: Row = {"job_key": KEY, "call_key": "abc", "result": "dear"}
    begun = (await frozen.take({KEY: heard("one")})).states[KEY]
    await frozen.write({KEY: replace(begun, rows={**begun.rows, "jobs": (job,)})}, release=False)
    taken = (await living.take({KEY: KeyState(KEY)})).states[KEY]
    await living.write({KEY: replace(taken, rows={**taken.rows, "jobs": ({**job, "state": "after"},)})}, release=True)
    late = replace(begun, rows={**begun.rows, "jobs": ({**job, "state": "late"},), "module_calls": (paid,)})
    with pytest.raises(LeaseLostError):
        await frozen.write({KEY: late}, release=True)
    await living.look()
    known = living.read(KEY)
    assert (known.job or {})["state"] == "after"
    assert known.of("module_calls") == (paid,)


ROWS = st.lists(st.integers(0, 9), unique=True).map(lambda ids: heard(*(f"event-{each}" for each in ids)))


@given(base=ROWS, mine=ROWS, theirs=ROWS)
def test_joining_loses_nothing_and_doubles_nothing(base: KeyState, mine: KeyState, theirs: KeyState) -> None:
    """Each side knows the base and adds; what one of them forgot on purpose (retention) stays forgotten."""
    theirs = theirs.added("inbox", base.of("inbox"))
    for joined in (state.merged(base, mine, theirs), state.with_additions(base, mine, theirs)):
        found = deliveries(joined)
        assert len(found) == len(set(found))
    added = set(deliveries(theirs)) - set(deliveries(base))
    assert set(deliveries(state.merged(base, mine, theirs))) == set(deliveries(mine)) | added


@example(["one\u2028two\x85three\x1efour"])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_rows_come_back_as_they_were_written(texts: list[str]) -> None:
    rows = tuple(event(f"d{number}", body=text, attempts=number) for number, text in enumerate(texts))
    known = KeyState(KEY, {"inbox": rows} if rows else {})
    assert state.parse(state.render(known), "file") == known


@pytest.mark.parametrize("data", [b"", b"[]\n", b"\xff", b'{"key":"1:1"}\n["inbox"]\n'])
def test_a_file_that_nobody_of_us_wrote_is_named(data: bytes) -> None:
    with pytest.raises(StateError, match=r"1/1\.jsonl of the state is not readable"):
        state.parse(data, "1/1.jsonl")


def test_every_table_that_an_export_has_is_in_the_state() -> None:
    assert {table.name for table in TABLES} - set(state.IDENTITY) == {daily_figures.name}
    for table in TABLES:
        if table is not daily_figures:
            assert {*state.IDENTITY[table.name], state.KEY_COLUMN[table.name]} <= set(table.c.keys())


async def test_an_older_state_is_migrated_at_once_and_a_newer_one_refused(books: Open, tmp_path: Path) -> None:
    if latest_revision() == "0001":
        return
    old = books("old", revision="0001")
    await old.look()
    await old.take({KEY: heard("one"), "1:2": heard("two", key="1:2")})
    new = books("new", now=5000.0)
    await new.look()
    assert new.is_of_another_version
    await new.upgrade(lambda rows, revision: {each.key: each for each in rows} if revision == "0001" else {})
    assert not new.is_of_another_version
    assert {each.key for each in new.everything()} == {KEY, "1:2"}
    with pytest.raises(StateError, match="another version"):
        await old.take({KEY: heard("late")})
    await old.look()
    with pytest.raises(StateError, match="update it"):
        await old.upgrade(lambda rows, revision: {})
    columns: Row = {"key": KEY, "status": "queued", "phase": "understanding", "state": "{}", "rev": 1, "last_task": ""}
    ids: Row = {"repo_id": 1, "installation_id": 1, "owner": "a", "name": "b", "issue_number": 1}
    times: Row = {"created_at": "2026-01-01 00:00:00.000000", "updated_at": "2026-01-01 00:00:00.000000"}
    rows = migrated(tmp_path, [KeyState(KEY, {"jobs": ({**columns, **ids, **times},)})], "0001")
    assert (rows[KEY].job or {})["status"] == "queued"


async def test_a_year_of_a_request_a_day_stays_below_5_mb(
    books: Open, remote: Repo, tmp_path: Path, a_whole_life: KeyState
) -> None:
    """Every request as long as a real one, with words of its own; what is older than 30 days is forgotten as ever."""
    dice, now = random.Random(1), datetime.now(UTC)
    year = [_another(a_whole_life, number, now - timedelta(days=number), dice) for number in range(1, 366)]
    opened = open_database(f"sqlite:///{tmp_path}/year.db")
    await create(opened)
    database.fill(opened.path, year)
    while await Stores.over(opened).retain(now - timedelta(days=30)):
        pass
    kept = database.read(opened.path)
    await opened.close()
    assert len(kept) == 365
    assert sum(bool(each.of("inbox")) for each in kept.values()) in (29, 30)
    await books("year").begin(kept)
    alone = sum(len(zlib.compress(state.render(each))) for each in kept.values())
    print(f"a year: {alone / 1e6:.2f} MB with each file compressed alone")
    assert alone < 5_000_000
    assert int(remote.git.count_objects(v=True).partition("size-pack: ")[2].split()[0]) < 5_000


def _another(known: KeyState, number: int, at: datetime, dice: random.Random) -> KeyState:
    """The same life, of another issue, at another time, and one word in six is another one."""
    moment = at.strftime("%Y-%m-%d %H:%M:%S.%f")
    key = f"800000001:{number}"

    def own(value: str | int | float, name: str, table: str) -> str | int | float:
        if name.endswith("_at") or name in ("at", "waiting_since", "status_since"):
            return moment
        if name == state.KEY_COLUMN[table]:
            return key
        if name in ("delivery", "pull_key"):
            return f"{value}:{number}"
        if name not in ("state", "body", "result", "message"):
            return value
        words = str(value).split(" ")
        return " ".join(
            f"{dice.getrandbits(24):x}" if word.isalpha() and dice.random() < 1 / 6 else word for word in words
        )

    rows = {
        table: tuple({name: own(value, name, table) for name, value in row.items() if name != "id"} for row in found)
        for table, found in known.rows.items()
    }
    return KeyState(key, rows)
