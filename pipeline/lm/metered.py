"""A `dspy.LM` that counts what it takes and does not accept cut or withheld answers as good ones."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import dspy

from pipeline.lm.failures import BudgetExceeded, RefusedAnswer, TruncatedAnswer
from pipeline.models import Usage


class Meter:
    """Counts one module call, which may take several requests, against the job's budget."""

    def __init__(self, spent: Usage, budget_tokens: int | None, budget_usd: float | None) -> None:
        self.usage = Usage()
        self._spent = spent
        self._budget_tokens = budget_tokens
        self._budget_usd = budget_usd
        self._started = time.monotonic()

    def add(self, prompt_tokens: int, completion_tokens: int, cost_usd: float | None) -> None:
        self.usage = self.usage + Usage(
            calls=1, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, cost_usd=cost_usd
        )

    def check(self) -> None:
        """Raise BudgetExceeded when nothing is left for another request."""
        total = self._spent + self.usage
        tokens = total.prompt_tokens + total.completion_tokens
        if self._budget_tokens is not None and tokens >= self._budget_tokens:
            raise BudgetExceeded(f"{self._budget_tokens:,} tokens")
        if self._budget_usd is not None and total.cost_usd is not None and total.cost_usd >= self._budget_usd:
            raise BudgetExceeded(f"{self._budget_usd:.2f} USD")

    def total(self) -> Usage:
        """The usage with the wall time since the meter was made."""
        return self.usage.model_copy(update={"seconds": round(time.monotonic() - self._started, 3)})


_meter: ContextVar[Meter | None] = ContextVar("skill_fleet_meter", default=None)


@contextmanager
def metering(meter: Meter) -> Iterator[None]:
    """Count the requests made inside this block on `meter`."""
    token = _meter.set(meter)
    try:
        yield
    finally:
        _meter.reset(token)


class MeteredLM(dspy.LM):
    """Shared by all jobs: keeps no history, so that no prompt outlives its job."""

    def update_history(self, entry: dict[str, Any]) -> None:
        """Called by DSPy once for each answer, before it is parsed; an error raised here is final for the answer."""
        usage = entry.get("usage") or {}
        completion_tokens = int(usage.get("completion_tokens") or 0)
        if (meter := _meter.get()) is not None:
            meter.add(int(usage.get("prompt_tokens") or 0), completion_tokens, entry.get("cost"))
        response = entry["response"]
        reason = _finish_reason(response)
        if reason == "length":
            raise TruncatedAnswer(completion_tokens)
        if reason == "content_filter" or _refuses(response):
            raise RefusedAnswer("refused by the model or its provider's content filter")


def _finish_reason(response: Any) -> str:
    """From either engine's response object."""
    reason = getattr(response, "finish_reason", None)
    if reason is None and (choices := getattr(response, "choices", None)):
        reason = getattr(choices[0], "finish_reason", None)
    return str(reason or "")


def _refuses(response: Any) -> bool:
    """Whether the answer is a refusal in the API's own sense, not prose that sounds like one."""
    parts = getattr(getattr(response, "message", None), "parts", ())
    return any(getattr(part, "type", "") == "refusal" for part in parts)
