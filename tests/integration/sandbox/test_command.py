"""`skill-fleet sandbox` as a process: starts, says how to connect, keeps its secrets to itself, stops."""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.contract import observing


async def start(*arguments: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "bot", "sandbox", *arguments)
    return await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1, cwd=Path(__file__).parents[3], env=env)


async def test_it_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "extra.md").write_text("extra")
    state = tmp_path / "state"
    arguments = ("--port", "0", "--json", "--state-dir", str(state), "--seed-dir", str(tmp_path / "seed"))
    with observing(os.environ, tmp_path / "contract.log") as environment:
        await _serves_until_it_is_stopped(state, *arguments, environment=environment)


async def _serves_until_it_is_stopped(state: Path, *arguments: str, environment: Mapping[str, str]) -> None:
    process = await start(*arguments, "--webhook-secret", "s3cret-s3cret-s3cret", env=environment)
    try:
        assert process.stdout
        connection = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        headers = {"Authorization": f"Bearer {connection['people']['riley']}"}
        url = f"{connection['api_url']}/repos/acme/skills/contents/extra.md"
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
            assert response.status == 200
        for name in ("sandbox.json", "app.private-key.pem"):
            assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
        assert json.loads((state / "sandbox.json").read_text())["app"]["webhook_secret"] == "s3cret-s3cret-s3cret"
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_it_refuses_a_directory_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    for arguments in (("--state-dir", str(tmp_path)), ("--seed-dir", str(tmp_path / "none"))):
        process = await start("--port", "0", *arguments)
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 2
        assert b"skill-fleet sandbox: " in errors
    assert os.listdir(tmp_path) == ["mine.txt"]
