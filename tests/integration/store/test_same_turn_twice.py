"""Two processes that take the same turn of a job: one was thought dead, and was not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from bot.jobs.advance import Ports, advance_job
from bot.jobs.identity import BotIdentity
from bot.jobs.ports import SupersededError
from bot.repo_config import RepoConfig
from bot.store.inbox import NewEvent
from bot.store.stores import Stores
from tests.jobs import NOON, make_job

T = TypeVar("T", bound=BaseModel)


class Quiet:
    """A GitHub of which nothing is wanted but its configuration."""

    async def config(self, repository: object) -> RepoConfig:
        return RepoConfig()


class HeldBack:
    """Steps of a process that stands still before some of them, until it may go on."""

    def __init__(self, *before: str) -> None:
        self.reached = {name: asyncio.Event() for name in before}
        self.may_go_on = {name: asyncio.Event() for name in before}

    async def run(self, name: str, result: type[T], work: Callable[[], Awaitable[T]]) -> T:
        if name in self.reached:
            self.reached[name].set()
            await self.may_go_on[name].wait()
        return await work()

    guarded = repeatable = run


async def test_what_only_one_of_them_has_seen_is_not_lost(stores: Stores) -> None:
    async def never(*_: object) -> Any:
        raise AssertionError("no phase is due")

    ports = Ports(
        store=stores.jobs,
        github=Quiet(),  # type: ignore[arg-type]
        run_pipeline=never,
        identity=BotIdentity(app_id=1, login="skill-fleet[bot]"),
        clock=lambda: NOON,
    )
    await stores.jobs.save(make_job(), rev=0, done=[], task="before")

    def event(delivery: str) -> NewEvent:
        return NewEvent(delivery, "7:1", "watch", "started", b"{}")

    first, second = HeldBack("save:0", "load:1"), HeldBack("save:0")
    await stores.inbox.add([event("a")])
    one = asyncio.create_task(advance_job("7:1", "task", first, ports))
    await first.reached["save:0"].wait()
    await stores.inbox.add([event("b")])
    other = asyncio.create_task(advance_job("7:1", "task", second, ports))
    await second.reached["save:0"].wait()
    first.may_go_on["save:0"].set()
    await first.reached["load:1"].wait()
    second.may_go_on["save:0"].set()
    with pytest.raises(SupersededError):
        await other
    first.may_go_on["load:1"].set()
    await one
    handled = {row.delivery: row.done_by for row in await stores.inbox.list_entries(state="all")}
    assert handled["a"] == "task:0:1"
    assert handled["b"] == "task:1:2", "by the first process, in a turn of its own"
