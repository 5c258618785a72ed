"""The inbox table on both databases."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest

from bot.engine.dispatcher import Dispatcher
from bot.engine.tasks import WakeUp
from bot.store.inbox import DUE_AT_ONCE, PATIENT_TRIES, POSTPONED, SET_ASIDE, NewEvent, retry_delay
from bot.store.keys import pull_key
from bot.store.stores import Stores
from tests.jobs import NOON, make_job, make_pull


def event(delivery: str, key: str = "7:1", **changes: object) -> NewEvent:
    values: dict[str, object] = {"event": "issues", "action": "opened", "body": b"{}", "received_at": NOON, **changes}
    return NewEvent(delivery=delivery, key=key, **values)  # type: ignore[arg-type]


async def test_a_delivery_is_stored_once_however_often_it_comes(stores: Stores) -> None:
    new = await stores.inbox.add([event("a"), event("b"), event("a")])
    assert [stored.event.delivery for stored in new] == ["a", "b"]
    assert await stores.inbox.add([event("b"), event("a")]) == []
    assert [row.delivery for row in await stores.inbox.open_rows("7:1")] == ["a", "b"]


async def test_rows_keep_the_order_of_arrival_and_their_bytes(stores: Stores) -> None:
    bodies = [b'{"n":%d,"x":"\xc3\xa9\\u0000"}' % n for n in range(50)]
    await stores.inbox.add([event(f"d{n}", body=body) for n, body in enumerate(bodies)])
    rows = await stores.inbox.open_rows("7:1")
    assert [row.body for row in rows] == bodies
    assert rows[0].received_at == NOON


async def test_open_keys_are_due_after_the_grace_time(stores: Stores) -> None:
    await stores.inbox.add([event("a"), event("b"), event("c", "7:2")])
    assert await stores.inbox.due(NOON) == []
    due = await stores.inbox.due(NOON + timedelta(minutes=1))
    assert [(found.key, found.first_id, found.last_id) for found in due] == [("7:1", 1, 2), ("7:2", 3, 3)]
    assert len(await stores.inbox.untroubled()) == 2
    await stores.inbox.note_failure("7:1", "boom", NOON)
    assert [found.key for found in await stores.inbox.untroubled()] == ["7:2"]
    assert [found.key for found in await stores.inbox.due(NOON + retry_delay(0))] == ["7:1"], (
        "most of what fails once is over"
    )


async def test_each_try_waits_longer_and_remembers_why_the_last_one_failed(stores: Stores) -> None:
    await stores.inbox.add([event("a")])
    now = NOON
    for attempts in range(3):
        await stores.inbox.note_failure("7:1", f"reason {attempts}", now)
        now += retry_delay(attempts)
        [due] = await stores.inbox.due(now)
        assert due.attempts == attempts
        await stores.inbox.count_try("7:1", due.last_id, now, due.attempts)
        assert await stores.inbox.due(now) == []
    [entry] = await stores.inbox.list_entries()
    assert (entry.attempts, entry.error) == (3, "reason 2")
    assert retry_delay(0) == timedelta(seconds=2)
    assert retry_delay(100) == timedelta(hours=1)


async def test_what_waits_for_something_outside_is_looked_at_every_five_minutes_for_a_day(stores: Stores) -> None:
    await stores.inbox.add([event("a")])
    now, tries = NOON, 0
    while now < NOON + timedelta(hours=24):
        [due] = await stores.inbox.due(now + timedelta(hours=1))
        await stores.inbox.count_try("7:1", due.last_id, now, due.attempts)
        again = await stores.inbox.note_failure("7:1", "away", now, patient_tries=9)
        assert again - now <= timedelta(minutes=5)
        now, tries = again, tries + 1
    [due] = await stores.inbox.due(now)
    assert tries > 200
    assert due.attempts == PATIENT_TRIES
    for _ in range(5):
        [due] = await stores.inbox.due(now + timedelta(hours=2))
        await stores.inbox.count_try("7:1", due.last_id, now, due.attempts)
        now = await stores.inbox.note_failure("7:1", "away", now, patient_tries=9)
    [due] = await stores.inbox.due(now)
    assert due.attempts == 10, "after a day it fails like anything else"


async def test_a_row_set_aside_keeps_its_reason_until_it_is_requeued(stores: Stores) -> None:
    await stores.inbox.add([event("a"), event("b")])
    await stores.inbox.note_failure("7:1", "boom", NOON)
    assert [row.id for row in await stores.inbox.set_aside("7:1", 1, "too often", NOON)] == [1]
    assert [row.id for row in await stores.inbox.open_rows("7:1")] == [2]
    [aside] = await stores.inbox.list_entries(state=SET_ASIDE)
    assert (aside.id, aside.error, aside.done_by) == (1, "boom", SET_ASIDE)
    backlog = await stores.inbox.backlog()
    assert (backlog.open, backlog.set_aside, backlog.oldest) == (1, 1, NOON)
    [woken] = await stores.inbox.requeue([1], NOON)
    assert (woken.key, woken.first_id, woken.attempts) == ("7:1", 1, 0)
    assert [row.id for row in await stores.inbox.open_rows("7:1")] == [1, 2]


async def test_an_event_that_fails_is_set_aside_alone_and_the_others_begin_anew(stores: Stores) -> None:
    await stores.inbox.add([event("a"), event("poison"), event("c")])
    for attempts in range(3):
        await stores.inbox.count_try("7:1", 3, NOON, attempts)
        await stores.inbox.note_failure("7:1", "boom", NOON, row=2)
    assert [row.id for row in await stores.inbox.set_aside("7:1", 3, "too often", NOON)] == [2]
    [due] = await stores.inbox.due(NOON)
    assert (due.first_id, due.last_id, due.attempts) == (1, 3, 0)
    assert [entry.error for entry in await stores.inbox.list_entries(state="all")] == [None, "boom", None]


async def test_events_of_a_pull_request_go_to_the_job_that_made_it(stores: Stores) -> None:
    await stores.inbox.add([event("a", pull_key(7, 9)), event("b", pull_key(7, 10)), event("c", pull_key(8, 9))])
    assert await stores.inbox.rekey_pulls(NOON) == set()
    await stores.jobs.save(make_job(4, pull=make_pull(9, 4)), rev=0, done=[], task="t")
    assert await stores.inbox.rekey_pulls(NOON) == {"7:4"}
    assert [row.delivery for row in await stores.inbox.open_rows("7:4")] == ["a"]
    assert [row.delivery for row in await stores.inbox.open_rows(pull_key(7, 10))] == ["b"]


async def test_retention_forgets_what_is_done_and_keeps_what_is_open_or_set_aside(stores: Stores) -> None:
    await stores.inbox.add([event(name) for name in ("open", "done", "aside")])
    await stores.inbox.mark_done([2], "t", NOON)
    await stores.inbox.note_failure("7:1", "boom", NOON)
    await stores.inbox.set_aside("7:1", 3, "x", NOON)
    await stores.inbox.requeue([1], NOON)
    assert await stores.retain(NOON) == 0
    assert await stores.retain(NOON + timedelta(days=1)) == 1
    assert [entry.delivery for entry in await stores.inbox.list_entries(state="all")] == ["aside", "open"]


async def test_what_was_heard_of_a_living_job_is_kept(stores: Stores) -> None:
    await stores.jobs.save(make_job(1), rev=0, done=[], task="t")
    await stores.inbox.add([event("of a living job", "7:1"), event("of nobody", "7:2")])
    await stores.inbox.mark_done([1, 2], "t", NOON)
    await stores.retain(NOON + timedelta(days=1))
    assert [entry.key for entry in await stores.inbox.list_entries(state="all")] == ["7:1"]


async def test_events_of_a_pull_request_that_nobody_claims_are_closed_after_a_while(stores: Stores) -> None:
    key = pull_key(7, 9)
    await stores.inbox.add([event("a", key)])
    assert await stores.inbox.due(NOON + timedelta(minutes=5)) == []
    late = NOON + timedelta(minutes=11)
    assert [found.key for found in await stores.inbox.due(late)] == [key]
    await stores.inbox.close_unclaimed(key, late)
    assert await stores.inbox.open_rows(key) == []


class Woken:
    """The engine, as far as the dispatcher needs it."""

    def __init__(self, busy: Iterable[str] = ()) -> None:
        self.keys: list[str] = []
        self._busy = set(busy)

    async def wake(self, wake_ups: Sequence[WakeUp]) -> None:
        self.keys += [wake_up.key for wake_up in wake_ups]

    async def busy_keys(self) -> set[str]:
        return self._busy

    async def forget_finished(self, before: datetime) -> int:
        return 0


async def test_a_command_on_a_pull_request_is_asked_about_until_it_is_known_whose_it_is(stores: Stores) -> None:
    talk = {"event": "issue_comment", "action": "created"}
    new = [
        event("a", pull_key(7, 9), body=b'"/skill status"', **talk),
        event("b", pull_key(7, 8), body=b'"Nice"', **talk),
    ]
    stored = await stores.inbox.add(new)
    woken, now = Woken(), NOON
    dispatcher = Dispatcher(stores.inbox, stores.jobs, woken, 2, timedelta(days=1), stores.retain, clock=lambda: now)
    dispatcher.stored(stored)
    await dispatcher.dispatch()
    assert woken.keys == [pull_key(7, 9)]
    for _ in range(3):  # GitHub cannot say
        now += timedelta(hours=1)
        await dispatcher.sweep()
    assert woken.keys == [pull_key(7, 9)] * 3
    assert await stores.inbox.open_rows(pull_key(7, 8)) == []
    assert await stores.inbox.open_rows(pull_key(7, 9)) == []


async def test_a_flood_that_waits_for_its_tasks_hides_no_other_event_from_the_sweep(stores: Stores) -> None:
    flood = [f"7:{n}" for n in range(DUE_AT_ONCE)]
    await stores.inbox.add([event(key, key) for key in flood])
    await stores.inbox.add([event("lost", "8:1")])
    woken, now = Woken(busy=flood), NOON + timedelta(minutes=1)
    dispatcher = Dispatcher(stores.inbox, stores.jobs, woken, 2, timedelta(days=1), stores.retain, clock=lambda: now)
    await dispatcher.sweep()
    assert woken.keys == []
    await dispatcher.sweep()
    assert woken.keys == ["8:1"]
    assert {found.attempts for found in await stores.inbox.due(now + POSTPONED)} == {0}, "that was no try"


@pytest.mark.parametrize("body", [b'{"installation": {"i\xff', b"[]", b""])
async def test_a_damaged_event_of_an_installation_holds_up_neither_the_sweep_nor_the_start(
    stores: Stores, body: bytes
) -> None:
    shared = {"key": "installation:3", "event": "installation", "action": "suspend"}
    await stores.jobs.save(make_job(), rev=0, done=[], task="t")
    stored = await stores.inbox.add(
        [
            event("damaged", body=body, **shared),
            event("whole", body=b'{"installation": {"id": 3}}', **shared),
            event("other", "7:2"),
        ]
    )
    woken = Woken()
    dispatcher = Dispatcher(stores.inbox, stores.jobs, woken, 2, timedelta(days=1), stores.retain, clock=lambda: NOON)
    await dispatcher.wake_all_open()
    assert sorted(woken.keys) == ["7:1", "7:2"], "the whole one reached its job"
    [aside] = await stores.inbox.list_entries(state=SET_ASIDE)
    assert aside.id == stored[0].id
    assert aside.error is not None and aside.error.startswith("the stored payload is damaged: ")
    await dispatcher.sweep()


async def test_it_stops_when_something_becomes_due_in_the_very_same_moment(stores: Stores) -> None:
    dispatcher = Dispatcher(stores.inbox, stores.jobs, Woken(), 2, timedelta(days=1), stores.retain, clock=lambda: NOON)
    for turns in range(4):  # of the event loop between the two: one of them is the wrong moment
        await dispatcher.start()
        for _ in range(5):
            await asyncio.sleep(0)  # the loops begin to wait
        dispatcher._due.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await dispatcher.stop()


async def test_rows_given_to_another_job_are_due_at_once(stores: Stores) -> None:
    await stores.inbox.add([event("a", pull_key(7, 9)), event("b", pull_key(7, 9))])
    await stores.inbox.mark_done([2], "t", NOON)
    await stores.inbox.rekey([1, 2], "7:5", NOON)
    assert [(found.key, found.last_id) for found in await stores.inbox.due(NOON)] == [("7:5", 1)]
