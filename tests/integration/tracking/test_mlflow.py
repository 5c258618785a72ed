"""Whole journeys of the bot, recorded on a real MLflow server, and on an address where nobody answers."""

import asyncio
import json
import logging
import threading
from pathlib import Path
from typing import Any

import mlflow.artifacts
import pytest
from aiohttp.test_utils import unused_port
from mlflow import MlflowClient
from mlflow.entities import Run

from bot.jobs.job import JobStatus
from bot.tracking import progressed, subject_of
from pipeline.tracking.mlflow import MlflowRecorder
from pipeline.tracking.port import Refused
from tests.e2e.town import town
from tests.jobs import make_job

pytestmark = pytest.mark.timeout(240)


async def test_a_job_is_one_run_with_a_child_for_each_phase_across_restarts(
    tmp_path: Path, sqlite_url: str, mlflow_server: str
) -> None:
    async with town(tmp_path, sqlite_url, mlflow_tracking_uri=mlflow_server) as there:
        number = await there.to_preview()
        await there.bot.stop()
        await _recorded_so_far()
        await there.bot.start()
        await there.say("riley", number, 'Add a section "Reverts" that says: leave out a revert and what it reverts.')
        await there.say("morgan", number, "/skill approve")
        [pull] = await there.github.pulls()
        await there.github.as_user("morgan").merge(pull["number"])
        await there.bot.quiet()
        job = await there.bot.job(number)
        assert job.status is JobStatus.PROMOTED
        await there.bot.stop()
        await _recorded_so_far()

        client = MlflowClient(tracking_uri=mlflow_server)
        run, children = _recorded(client, f"{job.repository.full_name}#{number}")
        assert run.info.status == "FINISHED"
        assert run.data.tags["skill_fleet.status"] == "promoted"
        assert run.data.tags["skill_fleet.human"] == "merge"
        assert run.data.params["requester"] == "riley"
        assert run.data.params["option.quality_target"] == "0.75"
        assert {name: run.data.metrics[f"human.{name}"] for name in ("answer", "refine", "approve", "merge")} == {
            "answer": 1,
            "refine": 1,
            "approve": 1,
            "merge": 1,
        }
        assert job.journey.validation is not None
        assert run.data.metrics["quality"] == pytest.approx(job.journey.validation.quality.overall_score)
        assert "cost_usd" not in run.data.metrics, "the outline drafter has no price"

        assert set(children) == {"understanding", "generation", "validation"}
        assert {child.info.status for child in children.values()} == {"FINISHED"}
        for child in children.values():
            assert child.data.metrics["seconds"] >= 0
        assert "seconds.GatherRequirements" in children["understanding"].data.metrics
        assert children["validation"].data.metrics["findings.error"] == 0
        assert children["validation"].data.tags["skill_fleet.verdict"] == "pass"

        folder = Path(
            mlflow.artifacts.download_artifacts(
                run_id=run.info.run_id, dst_path=str(tmp_path / "files"), tracking_uri=mlflow_server
            )
        )
        draft = job.journey.validation.draft
        assert (folder / "skill" / draft.short_digest / "SKILL.md").read_text() == draft.skill_content
        assert json.loads((folder / "reports" / "validation.json").read_text())["verdict"] == "pass"
        assert len(list((folder / "feedback").iterdir())) == 4
        assert "leave out a revert" in "".join(path.read_text() for path in (folder / "feedback").iterdir())


def test_a_run_follows_a_job_that_is_turned_down_taken_up_again_or_deleted(
    mlflow_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, recorder = MlflowClient(tracking_uri=mlflow_server), MlflowRecorder(mlflow_server)
    job = make_job(status=JobStatus.REJECTED, title="Turned down")
    subject = subject_of(job, "https://api.github.com")
    recorder.record(subject, progressed(job))
    first, _ = _recorded(client, subject.name)
    assert first.info.status == "KILLED"

    sent: list[str] = []
    log_batch = recorder._client.log_batch

    def send(run_id: str, **values: Any) -> None:
        sent.append(run_id)
        log_batch(run_id, **values)

    monkeypatch.setattr(recorder._client, "log_batch", send)
    recorder.record(subject, progressed(job.moved(JobStatus.RUNNING)))
    recorder.record(subject, progressed(job.moved(JobStatus.RUNNING)))
    assert sent == [first.info.run_id], "the phase is as it was, and so is the job the second time"
    assert client.get_run(first.info.run_id).info.status == "RUNNING"

    client.delete_run(first.info.run_id)
    with pytest.raises(Refused):
        recorder.record(subject, progressed(job))
    recorder.record(subject, progressed(job))
    second, children = _recorded(client, subject.name)
    assert second.info.run_id != first.info.run_id
    assert set(children) == {"understanding"}


async def test_a_dead_server_is_mentioned_once_and_in_nobodys_way(
    tmp_path: Path, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    dead = f"http://user:hidden-word@127.0.0.1:{unused_port()}"
    with caplog.at_level(logging.WARNING, "pipeline.tracking"):
        async with town(tmp_path, sqlite_url, mlflow_tracking_uri=dead) as there:
            number, _ = await there.to_review()
            assert await there.status(number) is JobStatus.IN_REVIEW
    said = [record.getMessage() for record in caplog.records if record.name.startswith("pipeline.tracking")]
    assert len(said) == 1
    assert "could not be recorded" in said[0]
    assert "hidden-word" not in said[0]


async def _recorded_so_far() -> None:
    """Stopping waits a few seconds for the record; a busy machine may need more."""
    for thread in threading.enumerate():
        if thread.name == "tracking":
            await asyncio.to_thread(thread.join, 60)
            assert not thread.is_alive()


def _recorded(client: MlflowClient, name: str) -> tuple[Run, dict[str, Run]]:
    """The only job's run of this name, and its children by phase."""
    experiment = client.get_experiment_by_name("skill-fleet")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])
    newest = next(run for run in runs if str(run.info.run_name).startswith(name))
    jobs = [run for run in runs if run.data.tags.get("mlflow.parentRunId") is None]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == newest.info.run_id]
    assert len([run for run in jobs if str(run.info.run_name).startswith(name)]) == 1
    assert len({child.info.run_name for child in children}) == len(children)
    return newest, {str(child.info.run_name): child for child in children}
