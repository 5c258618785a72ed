"""Where the processor time of this process goes: samples of the stack, taken every millisecond of processor time."""

import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

EVERY_SECONDS = 0.001


class Samples:
    """`parts` maps a name to path pieces; a sample belongs to the innermost frame that lies in one of the parts."""

    def __init__(self, parts: Mapping[str, tuple[str, ...]], rest: str) -> None:
        self._parts = parts
        self._rest = rest
        self._of_file: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def share(self, name: str) -> float:
        return self.counts[name] / max(1, self.counts.total())

    def take(self, signum: int, frame: FrameType | None) -> None:
        while frame is not None:
            if name := self._part(frame.f_code.co_filename):
                self.counts[name] += 1
                return
            frame = frame.f_back
        self.counts[self._rest] += 1

    def _part(self, file: str) -> str:
        if file not in self._of_file:
            found = (name for name, pieces in self._parts.items() if any(piece in file for piece in pieces))
            self._of_file[file] = next(found, "")
        return self._of_file[file]


@contextmanager
def sampling(samples: Samples) -> Iterator[None]:
    """Samples the main thread while this process burns processor time, whichever thread does it."""
    before = signal.signal(signal.SIGPROF, samples.take)
    signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before if before is not None else signal.SIG_DFL)
        sys.stdout.flush()
