"""What a journey needs from outside: a model, the taxonomy, a store for paid calls, a listener and a clock."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from pydantic import Field, JsonValue

from pipeline.checkpoints import WorkflowEvent
from pipeline.journey import Failure
from pipeline.models import Phase, Usage, Value
from pipeline.skills.taxonomy import Taxonomy


class ModuleCall(Value):
    """One question to the model. Two calls with the same key ask exactly the same."""

    phase: Phase
    module: str
    key: str = Field(description="SHA-256 hex over signature, instructions, model, inputs and attempt")


class StoredResult(Value):
    """An answer as it is stored: JSON only."""

    outputs: dict[str, JsonValue]
    usage: Usage = Usage()
    model: str = ""


class CallFailed(Exception):  # noqa: N818 - it is raised through the store's `once` and names what happened
    """A call to the model that could not be answered: what to tell the person, and what it cost anyway.

    `args` are JSON values from which the error can be built again, so a store may record it.
    """

    def __init__(
        self, failure: Failure | Mapping[str, JsonValue], usage: Usage | Mapping[str, JsonValue] | None = None
    ) -> None:
        self.failure = Failure.model_validate(failure)
        self.usage = Usage.model_validate(usage or {})
        super().__init__(self.failure.model_dump(mode="json"), self.usage.model_dump(mode="json"))

    def __str__(self) -> str:
        return f"{self.failure.code}: {self.failure.message}"


class CallStore(Protocol):
    """Runs each call at most once: the result is durable before it is returned. Failures are not stored."""

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult: ...


class MemoryCallStore:
    """A `CallStore` for one process's life (the terminal, tests)."""

    def __init__(self) -> None:
        self.results: dict[str, StoredResult] = {}

    async def once(self, call: ModuleCall, run: Callable[[], Awaitable[StoredResult]]) -> StoredResult:
        if call.key not in self.results:
            self.results[call.key] = await run()
        return self.results[call.key]


class Drafter(Protocol):
    """Something that answers signatures: a language model, or the outline drafter when there is none."""

    @property
    def name(self) -> str: ...

    async def answer(self, predictor: object, inputs: Mapping[str, object], spent: Usage) -> StoredResult:
        """Outputs as JSON values. `spent` is what the job took before. Raises CallFailed."""
        ...


class SkillFiles(Protocol):
    """Reads an existing skill so that it can be changed. Without it, requests can only be for new skills."""

    def __call__(self, path: str) -> Awaitable[Mapping[str, str] | None]:
        """All files of the skill in this directory, by path inside it; None when one of them is not text."""
        ...


def _ignore(event: WorkflowEvent) -> None:
    """The listener of nobody."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Runtime:
    """The world a journey runs in. `model` None means the outline drafter; `prompts` are better instructions,
    by signature, for the model only."""

    taxonomy: Taxonomy
    model: Drafter | None = None
    calls: CallStore = field(default_factory=MemoryCallStore)
    emit: Callable[[WorkflowEvent], None] = _ignore
    skill_files: SkillFiles | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = _now


def call_key(parts: Mapping[str, JsonValue]) -> str:
    """SHA-256 (hex) of the canonical JSON of what a call depends on."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
