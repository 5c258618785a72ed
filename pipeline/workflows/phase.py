"""What the three workflows share: a session around the phase, failures as values, and events as a stream."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace

from pipeline.checkpoints import Checkpoint, EventType, WorkflowEvent
from pipeline.journey import Failure, Journey, JourneyStatus
from pipeline.models import Phase
from pipeline.runtime import CallFailed, Runtime
from pipeline.session import INTERNAL, Session

log = logging.getLogger(__name__)

_ASKS_THE_USER = ("clarify", "structure_fix")


class PhaseWorkflow(ABC):
    """One phase. `execute` returns the journey at the phase's end, at a checkpoint, or failed; it never raises for
    what a model or the input did; errors of the caller's own store pass through."""

    phase: Phase

    async def execute(self, journey: Journey, runtime: Runtime) -> Journey:
        session = Session(journey, runtime, self.phase)
        started = runtime.clock()
        session.tell(EventType.PHASE_START)
        with session.open():
            try:
                result = await self._run(journey, session)
            except CallFailed as failed:
                result = _failed(journey, failed.failure)
            except Exception as error:
                if session.is_outside(error):
                    raise
                log.exception("the %s phase broke", self.phase)
                result = _failed(journey, INTERNAL)
        result = session.account(result)
        session.tell(EventType.PHASE_END, seconds=(runtime.clock() - started).total_seconds())
        if result.failure is not None:
            session.tell(EventType.ERROR, message=result.failure.message)
        elif result.checkpoint is not None:
            session.tell(EventType.HITL_REQUIRED, checkpoint=result.checkpoint.kind)
        else:
            session.tell(EventType.COMPLETED, message=self.phase)
        return result

    def execute_streaming(self, journey: Journey, runtime: Runtime) -> "PhaseStream":
        """The same, as events while they happen; iterate to the end, then read `journey`."""
        return PhaseStream(self, journey, runtime)

    @abstractmethod
    async def _run(self, journey: Journey, session: Session) -> Journey:
        """The phase itself. Raises CallFailed."""


class PhaseStream:
    """An asynchronous iterator of a running phase's events; the last one is completed, hitl_required or error."""

    def __init__(self, workflow: PhaseWorkflow, journey: Journey, runtime: Runtime) -> None:
        self._workflow = workflow
        self._runtime = runtime
        self.journey = journey

    async def __aiter__(self) -> AsyncIterator[WorkflowEvent]:
        events: asyncio.Queue[WorkflowEvent | None] = asyncio.Queue()

        def tell(event: WorkflowEvent) -> None:
            self._runtime.emit(event)
            events.put_nowait(event)

        async def run() -> None:
            try:
                self.journey = await self._workflow.execute(self.journey, replace(self._runtime, emit=tell))
            finally:
                events.put_nowait(None)

        running = asyncio.create_task(run())
        try:
            while (event := await events.get()) is not None:
                yield event
            await running
        finally:
            running.cancel()


def stop_at(journey: Journey, checkpoint: Checkpoint) -> Journey:
    """The journey suspended at a question."""
    status: JourneyStatus = "pending_user_input" if checkpoint.kind in _ASKS_THE_USER else "pending_hitl"
    return journey.model_copy(update={"checkpoint": checkpoint, "status": status})


def _failed(journey: Journey, failure: Failure) -> Journey:
    return journey.model_copy(update={"status": "failed", "failure": failure, "checkpoint": None})
