"""What is learned from: the inputs of a predictor as they were, one JSON object a line, split by repository.

Requests of one repository resemble each other, so a repository is learned from or measured on, never both.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from pipeline.models import Intent, Plan, Requirements, Sentence, Value

HELD_OUT_SHARE = 0.3


class ExamplesError(ValueError):
    """There is not enough to learn from, or it cannot be read; the text says where and what to do."""


class Example(Value):
    """One request that people decided about."""

    repository: str
    verdict: Literal["merged", "rejected"]
    plan: Plan
    requirements: Requirements
    intent: Intent
    remarks: list[Sentence] = Field(default_factory=list, max_length=20, description="what people asked to change")


@dataclass(frozen=True)
class Split:
    train: tuple[Example, ...]
    held_out: tuple[Example, ...]


def read_examples(path: Path) -> list[Example]:
    """All lines of a JSONL file. Raises ExamplesError with the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ExamplesError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ExamplesError(f"cannot read {path}: it is not UTF-8 text") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(Example.model_validate_json(line))
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(str(part) for part in problem["loc"])
            what = f"{place}: {problem['msg']}" if place else str(problem["msg"])
            raise ExamplesError(f"{path}:{number}: {what}") from None
    return found


def split(examples: Sequence[Example]) -> Split:
    """About a third of the requests, in whole repositories, is held out; the same ones every time.

    Half of them at most, unless one repository alone has more.
    """
    names = sorted({one.repository for one in examples}, key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(names) < 2:
        raise ExamplesError(
            f"{len(examples)} decided requests from {len(names)} repositories: at least two repositories are needed, "
            "one to learn from and one to measure on"
        )
    sizes = Counter(one.repository for one in examples)
    held = {names[0]}
    for name in names[1:]:
        share = sum(sizes[one] for one in held) / len(examples)
        if share < HELD_OUT_SHARE and share + sizes[name] / len(examples) <= 0.5:
            held.add(name)
    return Split(
        train=tuple(one for one in examples if one.repository not in held),
        held_out=tuple(one for one in examples if one.repository in held),
    )
