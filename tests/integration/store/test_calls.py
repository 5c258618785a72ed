"""Paid calls are stored before they are used, on both databases."""

import asyncio
from datetime import date

import pytest
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import Database
from bot.store.stores import Stores
from bot.store.together import Batch
from pipeline.models import Usage
from pipeline.runtime import ModuleCall, StoredResult

CALL = ModuleCall(phase="understanding", module="AnalyzeIntent", key="k" * 64)


def answer(text: str) -> StoredResult:
    return StoredResult(outputs={"text": text, "list": [1, None]}, usage=Usage(calls=1, cost_usd=0.5), model="m")


async def test_the_same_question_of_the_same_job_is_asked_once(stores: Stores) -> None:
    asked: list[str] = []

    async def run() -> StoredResult:
        asked.append("x")
        return answer(f"{len(asked)}")

    first = await stores.calls("7:1").once(CALL, run)
    again = await stores.calls("7:1").once(CALL, run)
    other = await stores.calls("7:2").once(CALL, run)
    assert first == again == answer("1")
    assert other == answer("2")
    assert len(asked) == 2


async def test_a_failed_call_is_not_stored(stores: Stores) -> None:
    async def fail() -> StoredResult:
        raise ConnectionError

    async def succeed() -> StoredResult:
        return answer("ok")

    with pytest.raises(ConnectionError):
        await stores.calls("7:1").once(CALL, fail)
    assert await stores.calls("7:1").once(CALL, succeed) == answer("ok")


async def test_when_two_ask_at_once_both_use_the_answer_that_was_stored_first(stores: Stores) -> None:
    barrier = asyncio.Barrier(2)

    async def run(text: str) -> StoredResult:
        await barrier.wait()
        return answer(text)

    both = await asyncio.gather(*(stores.calls("7:1").once(CALL, lambda t=t: run(t)) for t in "ab"))  # type: ignore[misc]
    assert both[0] == both[1]


def commits_of(database: Database) -> list[str]:
    """Grows with each transaction that is committed from now on."""
    seen: list[str] = []
    event.listen(database.direct, "commit", lambda connection: seen.append("commit"))
    return seen


def another(number: int) -> ModuleCall:
    return CALL.model_copy(update={"key": f"{number:064}"})


async def test_answers_that_come_together_become_durable_together(stores: Stores) -> None:
    async def run() -> StoredResult:
        return answer("x")

    commits = commits_of(stores.database)
    await asyncio.gather(*(stores.calls(f"7:{number}").once(another(number), run) for number in range(40)))
    assert len(commits) <= 10
    for number in range(40):
        assert await stores.paid.find(f"7:{number}", another(number).key) == answer("x")
    paid = {figure.count for figure in await stores.history.days(date.min) if figure.figure == "paid"}
    assert paid == {40}, "each is counted once"


async def test_the_same_question_twice_in_one_transaction_has_one_answer(stores: Stores) -> None:
    first, second = await asyncio.gather(
        *(stores.paid.add("7:1", CALL, answer(text), 0.1) for text in ("first", "second"))
    )
    assert (first, second) == (True, False)
    assert await stores.paid.find("7:1", CALL.key) == answer("first")


async def test_who_cannot_store_is_told_and_the_next_can(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(batch: Batch) -> None:
        raise SQLAlchemyError("the disk is full")

    monkeypatch.setattr(Batch, "end", broken)
    told = await asyncio.gather(
        *(stores.paid.add("7:1", another(n), answer("x"), 0) for n in range(3)), return_exceptions=True
    )
    assert [str(error) for error in told] == ["the disk is full"] * 3
    monkeypatch.undo()
    assert await stores.paid.add("7:1", CALL, answer("x"), 0)


async def test_who_stops_waiting_leaves_a_stored_answer(stores: Stores) -> None:
    waiting = asyncio.create_task(stores.paid.add("7:1", CALL, answer("x"), 0))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await stores.paid.add("7:1", another(1), answer("y"), 0)
    assert await stores.paid.find("7:1", CALL.key) == answer("x")


async def test_a_writer_that_is_cancelled_leaves_nobody_waiting(stores: Stores) -> None:
    waiting = asyncio.create_task(stores.paid.add("7:1", CALL, answer("x"), 0))
    await asyncio.sleep(0)
    writing = stores.paid._together._writing
    assert writing is not None
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await stores.paid.add("7:1", another(1), answer("y"), 0)
