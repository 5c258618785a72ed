"""The whole road: `advance` runs a journey to its next checkpoint, its end or a failure."""

from collections.abc import Mapping

from pipeline.journey import Journey
from pipeline.models import Phase
from pipeline.runtime import Runtime
from pipeline.workflows.generation import GenerationWorkflow
from pipeline.workflows.phase import PhaseWorkflow
from pipeline.workflows.understanding import UnderstandingWorkflow
from pipeline.workflows.validation import ValidationWorkflow

# Modules hold no state of a journey, so one set serves all.
_WORKFLOWS: Mapping[Phase, PhaseWorkflow] = {
    "understanding": UnderstandingWorkflow(),
    "generation": GenerationWorkflow(),
    "validation": ValidationWorkflow(),
}


async def advance(journey: Journey, runtime: Runtime) -> Journey:
    """The journey at its next checkpoint, `completed` or `failed`; unchanged when it is not running."""
    while journey.status == "running":
        journey = await _WORKFLOWS[journey.phase].execute(journey, runtime)
    return journey
