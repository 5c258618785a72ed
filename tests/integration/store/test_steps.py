"""Records of steps: durable, the first one stands, gone when the task has ended; on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.store.stores import Stores


async def test_records_of_a_task_are_its_own_until_it_ends(stores: Stores) -> None:
    assert await stores.steps.add("ev:1", {"load:0": "a", "effect:0": "b"}) == {}
    assert await stores.steps.add("ev:2", {"load:0": "c"}) == {}
    assert await stores.steps.of("ev:1") == {"load:0": "a", "effect:0": "b"}
    await stores.steps.forget("ev:1")
    assert await stores.steps.of("ev:1") == {}
    assert await stores.steps.of("ev:2") == {"load:0": "c"}


async def test_what_another_process_recorded_first_stands(stores: Stores) -> None:
    await stores.steps.add("ev:1", {"load:0": "theirs", "effect:0": "the same"})
    found = await stores.steps.add("ev:1", {"load:0": "ours", "effect:0": "the same", "effect:1": "new"})
    assert found == {"load:0": "theirs"}
    assert await stores.steps.of("ev:1") == {"load:0": "theirs", "effect:0": "the same", "effect:1": "new"}


async def test_one_that_cannot_be_stored_takes_no_neighbour_along(stores: Stores) -> None:
    outcomes = await asyncio.gather(
        stores.steps.add("ev:1", {"load:0": "a"}),
        stores.steps.add("ev:2", {"load:0": None}),  # type: ignore[dict-item]
        stores.steps.add("ev:3", {"load:0": "c"}),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert (await stores.steps.of("ev:1"), await stores.steps.of("ev:3")) == ({"load:0": "a"}, {"load:0": "c"})


async def test_retention_forgets_what_a_crash_left_behind(stores: Stores) -> None:
    await stores.steps.add("ev:1", {"load:0": "a"})
    assert await stores.retain(datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert await stores.retain(datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert await stores.steps.of("ev:1") == {}
