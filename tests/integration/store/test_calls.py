"""Paid calls are stored before they are used, on both databases."""

import asyncio

import pytest

from bot.store.stores import Stores
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
