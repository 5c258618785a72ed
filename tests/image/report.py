"""What was looked at and how it came out: one line each, as it happens. A check that fails does not end the run."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.image.engine import EngineError


class WrongError(Exception):
    """Something is not as docs/operations.md promises."""


@dataclass
class Report:
    passed: int = 0
    failed: list[str] = field(default_factory=list)

    async def check(self, sentence: str, work: Callable[[], Awaitable[str | None]]) -> bool:
        """Do it; what it returns is the figure to print. False when it was not as it should be."""
        began = time.monotonic()
        try:
            figure = await work()
        except (WrongError, EngineError, TimeoutError, OSError, LookupError, ValueError) as error:
            self.failed.append(sentence)
            print(f"FAIL  {sentence}: {type(error).__name__}: {error}", flush=True)
            return False
        self.passed += 1
        print(f"ok    {sentence}{f': {figure}' if figure else ''} ({time.monotonic() - began:.1f} s)", flush=True)
        return True

    def title(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def line(self) -> str:
        return f"image: passed={self.passed} failed={len(self.failed)}"


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise WrongError(f"{what}: {found!r}, not {wanted!r}")
