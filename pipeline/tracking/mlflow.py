"""MLflow behind the tracker: one run per job, one child run per phase, found again by their tags.

Runs are named by explicit ids (MLflow's own notion of an active run belongs to a thread, jobs do not). Only the
background thread imports MLflow and calls it. Raises TrackingUnavailable when what is needed is not installed.
"""

import os
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from pipeline.accounting import PHASES
from pipeline.models import Phase
from pipeline.tracking.background import BackgroundTracker
from pipeline.tracking.port import HumanFeedback, Moment, Outcome, Progressed, Refused, Subject, Took
from pipeline.tracking.record import Record, feedback_text, job_record, options, phase_record, short

EXPERIMENT = "skill-fleet"
PREFIX = "skill_fleet."
# MLflow's own limits let one call to a dead server last four minutes. The queue tries again; one call does not.
HTTP_LIMITS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_STATUS: dict[Outcome, str] = {"open": "RUNNING", "finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
_PARENT = "mlflow.parentRunId"
_REMEMBERED_JOBS = 500
_VALUES = ""
"""Where it is remembered which metrics and tags a run has; no file has this path."""
_FINAL = frozenset({"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED"})


class TrackingUnavailable(Exception):  # noqa: N818 - named for what is the case
    """The tracking URI cannot be used on this installation; the text says why and what to do."""


def mlflow_tracker(uri: str) -> BackgroundTracker:
    """A tracker that records on this server or database. Raises TrackingUnavailable; connects later."""
    require_mlflow(uri)
    return BackgroundTracker(lambda: MlflowRecorder(uri))


def require_mlflow(uri: str) -> None:
    """Raises TrackingUnavailable when this installation cannot use such a URI."""
    scheme = urlsplit(uri).scheme
    if find_spec("mlflow") is None:
        extra = "tracking-remote" if scheme in {"http", "https"} else "tracking"
        raise TrackingUnavailable(f"MLflow is not installed. Run: pip install 'skill-fleet[{extra}]'")
    if scheme in {"", "file"}:
        raise TrackingUnavailable("MLflow no longer keeps runs in folders: use http(s)://HOST or sqlite:///FILE")
    if scheme not in {"http", "https", "databricks"} and not _has_full_mlflow():
        raise TrackingUnavailable(
            f"{scheme}:// needs MLflow with its own store. Run: pip install 'skill-fleet[tracking]'"
        )
    for name, value in HTTP_LIMITS.items():
        os.environ.setdefault(name, value)


def _has_full_mlflow() -> bool:
    try:
        version("mlflow")
    except PackageNotFoundError:
        return False
    return True


class _Known:
    """What is known of one job's runs, so that nothing is looked up or written twice."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.phases: dict[Phase, str] = {}
        self.written: dict[tuple[str, str], int] = {}
        self.outcomes: dict[str, Outcome] = {}


class MlflowRecorder:
    """A `Recorder`. Used by one thread."""

    def __init__(self, uri: str) -> None:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        self._client = MlflowClient(tracking_uri=uri)
        self._errors = MlflowException
        self._experiment = ""
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def record(self, subject: Subject, moment: Moment) -> None:
        try:
            self._record(subject, moment)
        except self._errors as error:
            self._known.pop(subject.key, None)  # e.g. a run that somebody deleted
            if error.error_code in _FINAL:
                raise Refused(str(error)) from None
            raise

    def _record(self, subject: Subject, moment: Moment) -> None:
        known = self._job(subject, moment)
        match moment:
            case Progressed():
                self._write(known, known.run_id, job_record(moment), moment)
                for phase in PHASES:
                    if (record := phase_record(phase, moment)) is not None:
                        self._write(known, self._phase(subject, known, phase, moment), record, moment)
            case Took():
                name = f"seconds.{moment.module}" if moment.module else "seconds"
                self._numbers(self._phase(subject, known, moment.phase, moment), {name: moment.seconds}, moment)
            case HumanFeedback():
                self._feedback(known.run_id, moment)

    def _job(self, subject: Subject, moment: Moment) -> _Known:
        known = self._known.get(subject.key)
        if known is None:
            tags = {f"{PREFIX}kind": "job", f"{PREFIX}job": subject.key}
            known = _Known(self._find(tags) or self._create(subject.name, tags, moment))
            params = subject.params | (options(moment.journey) if isinstance(moment, Progressed) else {})
            self._add_params(known.run_id, params)
            self._known[subject.key] = known
            while len(self._known) > _REMEMBERED_JOBS:
                self._known.popitem(last=False)
        self._known.move_to_end(subject.key)
        return known

    def _phase(self, subject: Subject, known: _Known, phase: Phase, moment: Moment) -> str:
        if phase not in known.phases:
            tags = {
                f"{PREFIX}kind": "phase",
                f"{PREFIX}job": subject.key,
                f"{PREFIX}phase": phase,
                _PARENT: known.run_id,
            }
            known.phases[phase] = self._find(tags) or self._create(phase, tags, moment)
        return known.phases[phase]

    def _find(self, tags: dict[str, str]) -> str:
        """The id of the run with these tags, the first if two processes made one each; "" when there is none."""
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in _quotable(tags).items())
        found = self._client.search_runs([self._home()], wanted, max_results=1, order_by=["attributes.start_time ASC"])
        return str(found[0].info.run_id) if found else ""

    def _create(self, name: str, tags: dict[str, str], moment: Moment) -> str:
        run = self._client.create_run(
            self._home(), start_time=_millis(moment), run_name=short(name), tags=_quotable(tags)
        )
        return str(run.info.run_id)

    def _add_params(self, run_id: str, params: dict[str, str]) -> None:
        """Those that are not there yet: MLflow refuses to change one."""
        from mlflow.entities import Param

        there = self._client.get_run(run_id).data.params
        missing = [Param(name, short(value)) for name, value in params.items() if name not in there]
        self._client.log_batch(run_id, params=missing)

    def _home(self) -> str:
        if not self._experiment:
            found = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = str(found.experiment_id if found else self._client.create_experiment(EXPERIMENT))
        return self._experiment

    def _write(self, known: _Known, run_id: str, record: Record, moment: Progressed) -> None:
        from mlflow.entities import RunTag

        values = hash((*record.metrics.items(), *record.tags.items()))
        if known.written.get((run_id, _VALUES)) != values:
            tags = [RunTag(f"{PREFIX}{name}", value) for name, value in record.tags.items()]
            self._client.log_batch(run_id, metrics=self._metrics(record.metrics, moment), tags=tags)
            known.written[run_id, _VALUES] = values
        for path, text in record.texts.items():
            if known.written.get((run_id, path)) != hash(text):
                self._client.log_text(run_id, text, path)
                known.written[run_id, path] = hash(text)
        if known.outcomes.get(run_id, "open") != record.outcome:
            self._set_status(run_id, record.outcome, moment)
        known.outcomes[run_id] = record.outcome

    def _set_status(self, run_id: str, outcome: Outcome, moment: Moment) -> None:
        if outcome == "open":
            self._client.update_run(run_id, status=_STATUS[outcome])
        else:
            self._client.set_terminated(run_id, status=_STATUS[outcome], end_time=_millis(moment))

    def _feedback(self, run_id: str, feedback: HumanFeedback) -> None:
        """A count of each kind, the newest as a tag, and the words as a file."""
        from mlflow.entities import RunTag

        so_far = self._client.get_run(run_id).data.metrics
        counts = {kind: round(value) for kind, value in so_far.items() if kind.startswith("human.")}
        name = f"human.{feedback.kind}"
        counted = {name: counts.get(name, 0) + 1}
        tags = [RunTag(f"{PREFIX}human", feedback.kind)]
        self._client.log_text(run_id, feedback_text(feedback), f"feedback/{_millis(feedback)}-{feedback.kind}.json")
        self._client.log_batch(run_id, metrics=self._metrics(counted, feedback), tags=tags)

    def _numbers(self, run_id: str, numbers: dict[str, float], moment: Moment) -> None:
        self._client.log_batch(run_id, metrics=self._metrics(numbers, moment))

    def _metrics(self, numbers: dict[str, float] | dict[str, int], moment: Moment) -> list[Any]:
        from mlflow.entities import Metric

        return [Metric(name, float(value), _millis(moment), moment.step) for name, value in numbers.items()]


def _quotable(tags: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("'", "_") for name, value in tags.items()}


def _millis(moment: Moment) -> int:
    return round(moment.at.timestamp() * 1000)
