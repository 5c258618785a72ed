"""Instructions that `skill-fleet optimize` found to be better, as a file, and putting them in place of ours.

They belong to the instructions they were made from: when those changed, the file is refused, never half applied.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from pipeline.models import Value


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


def load_prompts(path: Path) -> dict[str, str]:
    """Instructions by the name of their signature. Raises PromptsError."""
    from pipeline.signatures import generation

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
    return signature if better is None else signature.with_instructions(better)
