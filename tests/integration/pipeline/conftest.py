"""A pipeline whose model is a scripted server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from pipeline.checkpoints import Answer, WorkflowEvent
from pipeline.journey import Journey, answer
from pipeline.lm import ModelSettings
from pipeline.lm.model import LanguageModel
from pipeline.runtime import MemoryCallStore, Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel


@dataclass
class Stage:
    """Plays a journey against the author; `events` are what was told."""

    server: ScriptedModel
    author: Author
    model: LanguageModel
    taxonomy: Taxonomy = field(default_factory=Taxonomy)
    calls: MemoryCallStore = field(default_factory=MemoryCallStore)
    events: list[WorkflowEvent] = field(default_factory=list)

    async def go(self, journey: Journey) -> Journey:
        runtime = Runtime(taxonomy=self.taxonomy, model=self.model, calls=self.calls, emit=self.events.append)
        return await advance(journey, runtime)

    async def say(self, journey: Journey, kind: str, text: str = "", digest: str = "") -> Journey:
        said = {"kind": kind, "by": "ada", "text": text, "digest": digest, "source": "comment:7"}
        return await self.go(answer(journey, Answer.model_validate(said)))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async def no_sleep(seconds: float) -> None:
        return None

    async with ScriptedModel() as server:
        settings = ModelSettings(model="openai/scripted", api_base=server.base_url)
        model = LanguageModel(settings, sleep=no_sleep)
        yield Stage(server, Author(server), model)
        await model.aclose()
