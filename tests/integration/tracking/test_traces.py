"""DSPy's traces: with the job's key on a real server, never a key of ours in them, and nobody waits for a dead one."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from bot.settings import Settings, SettingsError
from bot.tracking import build_traces
from pipeline.tracking.traces import Traces

pytestmark = pytest.mark.timeout(240)

# In a process of its own: switching DSPy's tracing on holds for the whole process.
PROGRAM = """
import asyncio, json, sys, threading
from pathlib import Path
from tests.e2e.town import town
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel

async def main(uri, folder):
    async with ScriptedModel() as model:
        Author(model)
        settings = {"model": "openai/x", "model_api_base": model.base_url, "model_api_key": "secret-canary-key"}
        settings |= {"mlflow_tracking_uri": uri, "mlflow_traces": True}
        async with town(Path(folder), f"sqlite:///{folder}/t.db", **settings) as there:
            for thread in threading.enumerate():
                if thread.name == "traces":  # ends when it is connected
                    await asyncio.to_thread(thread.join, 120)
            number = await there.file()
            job = await there.bot.job(number)
    import mlflow
    mlflow.flush_trace_async_logging()
    traces = mlflow.search_traces(return_type="list", max_results=200)
    print(json.dumps({"job": job.key, "tags": [trace.info.tags.get("skill_fleet.job") for trace in traces],
        "text": "".join(trace.to_json() for trace in traces)}))

asyncio.run(main(*sys.argv[1:]))
"""


def test_prompts_and_answers_are_recorded_under_the_job(mlflow_server: str, tmp_path: Path) -> None:
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{unused_port()}"}  # of the service's own spans
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mlflow_server, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.getcwd()} | collector,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["tags"], "no trace was recorded"
    assert set(found["tags"]) == {found["job"]}
    assert "GatherRequirements" in found["text"]
    assert "Write release notes" in found["text"], "the prompt is what the operator wants to read"
    assert "secret-canary-key" not in found["text"]


async def test_a_dead_server_is_mentioned_once_and_nobody_waits(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pipeline.tracking"):
        traces = Traces(f"http://user:hidden-word@127.0.0.1:{unused_port()}", first_pause=0.01)
        for _ in range(200):
            if caplog.records:
                break
            await asyncio.sleep(0.1)
        with traces.of("1:2"):
            assert not traces.wait(0)
        await asyncio.sleep(0.2)
        traces.close()
    [said] = [record.getMessage() for record in caplog.records if "traces" in record.getMessage()]
    assert "cannot be traced yet" in said
    assert "hidden-word" not in said


def test_traces_without_a_server_are_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="needs SKILL_FLEET_MLFLOW_TRACKING_URI"):
        build_traces(Settings.model_validate({"webhook_secret": "0123456789abcdef0123", "mlflow_traces": True}))
    assert build_traces(Settings.model_validate({"webhook_secret": "0123456789abcdef0123"})) is None
