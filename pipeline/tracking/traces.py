"""DSPy's own traces on MLflow, for whoever asks for them: the prompt and the answer of every module call.

Opt-in, since they hold what people wrote. Connecting happens in a thread; until the server answers, calls go untraced
and nobody waits. Exporting is MLflow's own background work. Raises TrackingUnavailable when what is needed is missing.
"""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pipeline.tracking.background import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, reason
from pipeline.tracking.mlflow import EXPERIMENT, PREFIX, require_mlflow

_COLLECTOR = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)

log = logging.getLogger(__name__)


class Traces:
    """One per process. `close` ends what is still being tried; traces under way are flushed by MLflow at exit."""

    def __init__(self, uri: str, *, first_pause: float = FIRST_PAUSE_SECONDS) -> None:
        require_mlflow(uri)
        self._uri = uri
        self._first_pause = first_pause
        self._connected = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="traces", daemon=True)
        self._thread.start()

    def of(self, job: str) -> AbstractContextManager[None]:
        """Traces begun inside carry the job's key, as a tag and as MLflow's session."""
        if not self._connected.is_set():
            return nullcontext()
        import mlflow

        context: Callable[..., AbstractContextManager[None]] = mlflow.tracing.context
        return context(session_id=job, tags={f"{PREFIX}job": job})

    def wait(self, seconds: float) -> bool:
        """Whether calls are traced, at the latest after so many seconds."""
        return self._connected.wait(seconds)

    def close(self) -> None:
        self._closing.set()

    def _connect(self) -> None:
        pause = self._first_pause
        mentioned = False
        while not self._closing.is_set():
            try:
                self._switch_on()
            except Exception as error:
                if not mentioned:
                    mentioned = True
                    log.warning("traces: jobs go on, but their prompts cannot be traced yet: %s", reason(error))
                self._closing.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self._connected.set()
                return

    def _switch_on(self) -> None:
        # MLflow would send its traces there instead of to its server, and its metrics by a protocol that is not
        # installed. A collector is named for the service's own spans, which know it by now.
        for variable in _COLLECTOR:
            os.environ.pop(variable, None)
        import mlflow
        import mlflow.dspy

        mlflow.set_tracking_uri(self._uri)
        mlflow.set_experiment(EXPERIMENT)
        mlflow.dspy.autolog(silent=True)
