"""What we rely on in the engine and it does not promise: a new version has to pass these before it is used."""

import asyncio
import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import pytest
from dbos import DBOS, DBOSClient
from dbos._core import ActiveWorkflowById, execute_dequeued_workflow
from dbos._recovery import recover_pending_workflows
from dbos._serialization import DBOSPortableJSONSerializer
from dbos._sys_db import SystemDatabase

from bot.engine.tasks import WakeUp
from bot.jobs.ports import Steps
from bot.store.turns import TurnTaking
from tests.integration.engine.conftest import StartService


def test_the_engine_is_the_version_that_was_examined() -> None:
    assert version("dbos").startswith("3.4.")


def test_the_private_parts_we_use_have_their_shape() -> None:
    assert list(inspect.signature(DBOS._recover_pending_workflows).parameters) == ["executor_ids"]
    assert list(inspect.signature(recover_pending_workflows).parameters) == ["dbos", "executor_ids"]
    assert DBOSPortableJSONSerializer().name() == "portable_json"
    assert "enqueue_in_transaction" in vars(DBOSClient)
    assert list(inspect.signature(execute_dequeued_workflow).parameters) == ["dbos", "status", "owner_xid"]
    assert list(inspect.signature(SystemDatabase.get_workflow_statuses).parameters) == ["self", "workflow_ids"]
    assert list(inspect.signature(ActiveWorkflowById.count_for_queue).parameters) == ["self", "queue_name"]


@contextmanager
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import socket

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a connection was opened to {address}")

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        yield


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_on_sqlite_nothing_connects_to_anywhere_and_every_writer_takes_turns(
    start: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = asyncio.Event()

    async def advance(key: str, task: str, steps: Steps) -> None:
        done.set()

    with _no_network(monkeypatch):
        service = await start(advance)
        await service.engine.wake([WakeUp("7:1", "a")])
        async with asyncio.timeout(60):
            await done.wait()
        from dbos._dbos import _get_dbos_instance

        connection = _get_dbos_instance()._sys_db.engine.raw_connection()
        try:
            assert isinstance(connection.driver_connection, TurnTaking)
        finally:
            connection.close()
        await service.stop()


async def test_the_same_wake_up_is_one_task_and_retention_forgets_it(start: StartService) -> None:
    from datetime import UTC, datetime, timedelta

    ran: list[str] = []
    done = asyncio.Event()

    async def advance(key: str, task: str, steps: Steps) -> None:
        ran.append(task)
        done.set()

    service = await start(advance)
    await service.engine.wake([WakeUp("7:1", "once"), WakeUp("7:1", "once")])
    async with asyncio.timeout(60):
        await done.wait()
    await service.engine.wake([WakeUp("7:1", "once")])
    async with asyncio.timeout(60):
        while not await service.engine.forget_finished(datetime.now(UTC) + timedelta(minutes=1)):
            await asyncio.sleep(0.05)
    assert ran == ["once"]


async def test_what_the_engine_says_goes_where_everybodys_words_go(start: StartService) -> None:
    async def advance(key: str, task: str, steps: Steps) -> None:
        return None

    await start(advance)
    logger = logging.getLogger("dbos")
    assert logger.propagate
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler], "none of its own"
