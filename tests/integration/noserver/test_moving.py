"""From workflow runs to a server and back, with a request on the way."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from bot.cli import main
from bot.jobs.job import JobStatus
from bot.noserver.reach import REF
from bot.store.database import open_database
from bot.store.stores import Stores
from tests.e2e.town import SECRET, Bot
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import Town, town


def git_url(here: Town) -> str:
    """As somebody with write access reaches the repository."""
    scheme, _, rest = here.github.sandbox.url.partition("://")
    return f"{scheme}://x:{here.github.sandbox.token('morgan')}@{rest}/{here.github.repo}.git"


async def command(*words: str) -> int:
    return await asyncio.to_thread(main, ["jobs", *words])


async def adopted(bot: Bot, number: int) -> bool:
    """Reminders come by the job's own word, without any event: it has to know the installation before."""
    return (await bot.job(number)).repository.installation_id == bot.github.sandbox.installation.id


async def test_a_request_begins_in_workflow_runs_goes_on_on_a_server_and_ends_in_workflow_runs(
    tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path, STRAIGHT) as here:
        number = await here.file()
        sandbox = here.github.sandbox
        first, second = str(tmp_path / "first.jsonl.gz"), str(tmp_path / "second.jsonl")

        assert await command("export", first, "--state", git_url(here)) == 0
        database = open_database(sqlite_url)
        stores = Stores.over(database)
        await stores.migrate()
        assert await command("import", first, "--database", sqlite_url) == 0
        await database.close()

        port = unused_port()
        sandbox.app.webhook_url, sandbox.app.webhook_secret = f"http://127.0.0.1:{port}/webhook", SECRET
        bot = Bot(here.github, sqlite_url, port)
        await bot.start()
        try:
            job = await bot.job(number)
            assert job.status is JobStatus.PENDING_HITL
            async with asyncio.timeout(60):
                while not await adopted(bot, number):
                    await asyncio.sleep(0.05)
            await here.github.as_user("morgan").comment(number, f"/skill approve {await here.digest(number)}")
            await bot.quiet()
            job = await bot.job(number)
            assert job.status is JobStatus.IN_REVIEW, job.ended_reason
        finally:
            await bot.stop()
        sandbox.app.webhook_url = ""
        here.waiting.clear()

        assert await command("export", second, "--database", sqlite_url) == 0
        assert await command("import", second, "--state", git_url(here)) == 2
        assert "there is state on" in capsys.readouterr().err
        sandbox.repository.git.delete_ref(REF)
        assert await command("import", second, "--state", git_url(here)) == 0
        assert job.pull is not None
        await here.github.as_user("morgan").merge(job.pull.number)
        await here.settle()
        assert (await here.job(number)).status is JobStatus.PROMOTED
        assert datetime.now(UTC) - (await here.job(number)).created_at < timedelta(minutes=5)


async def test_a_repository_without_a_state_has_nothing_to_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with town(tmp_path) as here:
        assert await command("export", str(tmp_path / "out"), "--state", git_url(here)) == 2
        assert "there is no state" in capsys.readouterr().err
