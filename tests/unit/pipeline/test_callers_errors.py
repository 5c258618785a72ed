"""Whose error is it? The caller's store speaks for itself; our own mistakes become a failure."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.journey import Journey
from pipeline.models import Usage
from pipeline.runtime import MemoryCallStore, Runtime, StoredResult
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.unit.pipeline.requests import RICH


class Interrupted(Exception):  # noqa: N818 - like the bot's
    pass


class Interrupting(MemoryCallStore):
    async def once(self, call: Any, run: Any) -> StoredResult:
        if call.module == "AnalyzeIntent":
            raise Interrupted
        return await super().once(call, run)


class Broken:
    name = "broken"

    async def answer(self, predictor: object, inputs: Mapping[str, object], spent: Usage) -> StoredResult:
        raise ZeroDivisionError


async def test_an_error_of_the_store_passes_through_and_ends_nothing() -> None:
    world = Runtime(taxonomy=Taxonomy(), calls=Interrupting())
    with pytest.raises(Interrupted):
        await advance(Journey(request=RICH, proceed_on_assumptions=True), world)


async def test_a_mistake_of_ours_is_a_failure_that_can_be_retried() -> None:
    journey = await advance(Journey(request=RICH), Runtime(taxonomy=Taxonomy(), model=Broken()))
    assert journey.failure is not None
    assert journey.failure.code == "internal"
    assert "Zero" not in journey.failure.message


async def test_cancelling_is_not_swallowed() -> None:
    class Slow(MemoryCallStore):
        async def once(self, call: Any, run: Any) -> StoredResult:
            await asyncio.Event().wait()
            return await run()

    task = asyncio.create_task(advance(Journey(request=RICH), Runtime(taxonomy=Taxonomy(), calls=Slow())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
