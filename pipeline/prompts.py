"""Instructions that `skill-fleet optimize` found to be better, as a file, and putting them in place of ours.

They belong to the instructions they were made from: when those changed, the file is refused, never half applied.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import dspy
from pydantic import Field, ValidationError

from pipeline.models import Value
from pipeline.signatures import generation, understanding, validation
from pipeline.typed import schema_digest


class PromptsError(ValueError):
    """The file cannot be used; the text says which, why, and what to do."""


class Scores(Value):
    """Mean of the deterministic metric, 0 to 1."""

    before: float
    after: float


class Prompts(Value):
    """One predictor's optimised state."""

    version: Literal[1] = 1
    predictor: str
    base: str = Field(description="SHA-256 (hex) of the instructions it was made from")
    instructions: str = Field(min_length=1, max_length=30_000)
    model: str
    train: Scores
    held_out: Scores


def digest(instructions: str) -> str:
    return hashlib.sha256(instructions.encode()).hexdigest()


def version(prompts: Mapping[str, str]) -> str:
    """Twelve hexadecimal characters that name everything the model is told besides the request: the instructions in
    use, and the names, descriptions and shapes of all fields."""
    return _version(tuple(sorted(prompts.items())))


@cache
def _version(prompts: tuple[tuple[str, str], ...]) -> str:
    told = []
    for module in (understanding, generation, validation):
        for name, signature in sorted(vars(module).items()):
            if isinstance(signature, type) and issubclass(signature, dspy.Signature):
                told.append([name, _told(instructed(signature, dict(prompts)))])
    return digest(json.dumps(told))[:12]


def _told(signature: Any) -> list[object]:
    fields = [
        [name, str((field.json_schema_extra or {}).get("desc", "")), schema_digest(field.annotation)]
        for name, field in signature.fields.items()
    ]
    return [str(signature.instructions), fields]


def load_prompts(path: Path) -> dict[str, str]:
    """Instructions by the name of their signature. Raises PromptsError."""
    try:
        found = Prompts.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PromptsError(f"cannot read {path}: {error.strerror}") from None
    except (UnicodeDecodeError, ValidationError):
        raise PromptsError(f"{path} was not written by this version's `skill-fleet optimize`; run it again") from None
    signature = getattr(generation, found.predictor, None)
    if signature is None or digest(str(signature.instructions)) != found.base:
        raise PromptsError(
            f"{path}: the instructions of {found.predictor} have changed since; run `skill-fleet optimize` again"
        )
    return {found.predictor: found.instructions}


def instructed(signature: Any, prompts: Mapping[str, str]) -> Any:
    """The signature with the instructions found for it, if any."""
    better = prompts.get(str(signature.__name__))
    return signature if better is None else _with(signature, better)


@lru_cache(maxsize=64)
def _with(signature: Any, instructions: str) -> Any:
    """Made once: a new signature would have its prompt and its schema made anew for every call."""
    return signature.with_instructions(instructions)
