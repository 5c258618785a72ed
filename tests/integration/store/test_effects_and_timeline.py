"""Effects, timelines and instances on both databases."""

import pytest

from bot.jobs.effects import Done, Published, Refused
from bot.store.stores import Stores
from pipeline.checkpoints import EventType, WorkflowEvent
from tests.jobs import NOON


async def test_the_last_write_of_an_effect_is_remembered_per_job(stores: Stores) -> None:
    assert await stores.effects.find("7:1", "status") is None
    await stores.effects.record("7:1", "status", "show_status", 11, Done(remote_id=11))
    await stores.effects.record("7:1", "status", "show_status", 12, Done(remote_id=12, url="https://x"))
    await stores.effects.record("7:2", "status", "show_status", 13, Refused(code="gone", reason="deleted"))
    found = await stores.effects.find("7:1", "status")
    other = await stores.effects.find("7:2", "status")
    assert found is not None
    assert other is not None
    assert (found.remote_id, found.result) == (12, Done(remote_id=12, url="https://x"))
    assert other.result == Refused(code="gone", reason="deleted")


async def test_a_published_result_comes_back_as_one(stores: Stores) -> None:
    result = Published(pull_number=9, head_sha="0" * 40, url="https://x")
    await stores.effects.record("7:1", "publish:1", "publish", 9, result)
    found = await stores.effects.find("7:1", "publish:1")
    assert found is not None
    assert found.result == result


async def test_a_timeline_is_read_in_order_from_where_one_left_off(stores: Stores) -> None:
    events = [
        WorkflowEvent(type=EventType.PROGRESS, phase="generation", message=f"{n}", at=NOON, seconds=float(n))
        for n in range(5)
    ]
    await stores.timeline.add([("7:1", event) for event in events])
    await stores.timeline.add([("7:2", events[0])])
    entries = await stores.timeline.of("7:1")
    assert [entry.event for entry in entries] == events
    assert [entry.event.message for entry in await stores.timeline.of("7:1", after=entries[2].id)] == ["3", "4"]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_an_instance_is_silent_when_it_stopped_beating(stores: Stores) -> None:
    await stores.instances.enter("a")
    assert await stores.instances.beat("a")
    assert await stores.instances.silent(60) == []
    assert await stores.instances.silent(-1) == ["a"]
    assert not await stores.instances.declare_dead("a", 60)
    assert await stores.instances.declare_dead("a", -1)
    assert not await stores.instances.beat("a"), "the dead stay dead"
    await stores.instances.forget("a")
    assert not await stores.instances.beat("a")
    assert await stores.instances.silent(-1) == []
