"""A tracker that records in one background thread, from a bounded queue.

A server that is away is waited for and mentioned once; meanwhile the oldest moments make room for the newest, since the
newest snapshot of a job says the most. What the server refuses is dropped.
"""

import logging
import queue
import re
import threading
from collections.abc import Callable

from pipeline.tracking.port import Moment, Recorder, Refused, Subject

log = logging.getLogger(__name__)

CAPACITY = 300
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0
TRIES = 5
_USERINFO = re.compile(r"//[^/@\s]*@")


class BackgroundTracker:
    """`open_recorder` is called in the thread, so that a slow import or connection delays nobody."""

    def __init__(
        self,
        open_recorder: Callable[[], Recorder],
        *,
        capacity: int = CAPACITY,
        first_pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._open_recorder = open_recorder
        self._recorder: Recorder | None = None
        self._waiting: queue.Queue[tuple[Subject, Moment] | None] = queue.Queue(capacity)
        self._first_pause = first_pause
        self._closing = threading.Event()
        self._pause = first_pause
        self._failing = False
        self._lost = 0
        self._thread = threading.Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def note(self, subject: Subject, moment: Moment) -> None:
        if not self._closing.is_set():
            self._put((subject, moment))

    def close(self, seconds: float) -> None:
        self._closing.set()
        self._put(None)
        self._thread.join(seconds)

    def _put(self, item: tuple[Subject, Moment] | None) -> None:
        while True:
            try:
                self._waiting.put_nowait(item)
            except queue.Full:
                self._make_room()
            else:
                return

    def _make_room(self) -> None:
        try:
            self._waiting.get_nowait()
        except queue.Empty:
            return
        self._lost += 1

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            self._persist(*item)

    def _persist(self, subject: Subject, moment: Moment) -> None:
        """Until it is recorded or refused, for a few tries; one bad note must not hold up the others for ever."""
        for _ in range(TRIES):
            try:
                if self._recorder is None:
                    self._recorder = self._open_recorder()
                self._recorder.record(subject, moment)
            except Refused as refusal:
                self._mention(refusal)
                break
            except Exception as error:
                self._mention(error)
                if self._closing.wait(self._pause):
                    return
                self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            else:
                self._recovered()
                return
        self._lost += 1

    def _mention(self, error: Exception) -> None:
        """Once, until something could be recorded again."""
        if not self._failing:
            self._failing = True
            log.warning("tracking: jobs go on, but this could not be recorded: %s", reason(error))

    def _recovered(self) -> None:
        self._pause = self._first_pause
        if self._failing:
            self._failing = False
            lost, self._lost = self._lost, 0
            log.warning("tracking: recording again; %d notes were lost", lost)


def reason(error: Exception) -> str:
    """What went wrong, short and without a password of the address."""
    return _USERINFO.sub("//", f"{type(error).__name__}: {error}")[:300]
