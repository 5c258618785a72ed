"""Between two steps of jobs the event loop looks at its sockets, so that many jobs at once keep no delivery waiting.

A step is what a task does between two waits. Without this, all tasks that became ready together take their steps in
one round of the loop, and whoever arrives meanwhile waits for all of them, several times over for each delivery. Tasks
that a job starts are treated like the job itself. While a delivery is being stored, which takes several rounds, a step
waits for it, but not for long: however many come, jobs go on.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from inspect import GEN_CREATED, getgeneratorstate
from typing import Any, TypeVar, cast

T = TypeVar("T")

PATIENCE = 0.003
"""Seconds that a step waits at most for those that go first."""


class Rounds:
    """One step for each round of the loop; whoever came first is first. One per event loop."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ahead = 0
        self._held: asyncio.TimerHandle | None = None
        """Set while the next step waits for those that go first."""

    @contextmanager
    def ahead(self) -> Iterator[None]:
        """What happens within goes first."""
        self._ahead += 1
        try:
            yield
        finally:
            self._ahead -= 1
            if not self._ahead and self._held is not None:
                self._held.cancel()
                self._go_on()

    def turn(self) -> "asyncio.Future[None] | None":
        """None: go on at once, this is the first step in this round. Else to be awaited."""
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            if not self._ahead:
                loop.call_soon(self._next)
                return None
            self._hold()
        mine = loop.create_future()
        self._waiting.append(mine)
        return mine

    def _next(self) -> None:
        if self._ahead and self._waiting:
            self._hold()
        else:
            self._go_on()

    def _hold(self) -> None:
        self._held = asyncio.get_running_loop().call_later(PATIENCE, self._go_on)

    def _go_on(self) -> None:
        self._held = None
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():  # nobody waits any more where a task was cancelled
                first.set_result(None)
                asyncio.get_running_loop().call_soon(self._next)
                return
        self._taken = False


_rounds: ContextVar[Rounds | None] = ContextVar("rounds", default=None)


async def interleaved(rounds: Rounds, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, its steps taken in turn with those of all others; those of tasks it starts, too."""
    loop = asyncio.get_running_loop()
    if loop.get_task_factory() is None:
        loop.set_task_factory(_task)
    before = _rounds.set(rounds)
    try:
        return await _Steps(rounds, work)
    finally:
        _rounds.reset(before)


def _task(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T] | Generator[Any, None, T], **options: Any
) -> asyncio.Task[T]:
    context: Context | None = options.get("context")
    rounds = _rounds.get() if context is None else context.get(_rounds)
    return asyncio.Task(_Steps(rounds, work) if rounds is not None else work, loop=loop, **options)


class _Steps(Coroutine[Any, Any, T]):
    """A coroutine like `work`, with a turn before each of its steps."""

    def __init__(self, rounds: Rounds, work: Coroutine[Any, Any, T] | Generator[Any, None, T]) -> None:
        self._rounds = rounds
        self._work = work
        self._steps = self._taken()

    def __await__(self) -> Generator[Any, None, T]:
        return self._steps

    def send(self, value: None) -> Any:
        return self._steps.send(value)

    def throw(self, *problem: Any) -> Any:
        if getgeneratorstate(self._steps) is GEN_CREATED:  # cancelled before it began
            return self._work.throw(*problem)
        return self._steps.throw(*problem)

    def close(self) -> None:
        self._steps.close()
        self._work.close()

    def _taken(self) -> Generator[Any, None, T]:
        problem: BaseException | None = None
        while True:
            if problem is None and (turn := self._rounds.turn()) is not None:
                try:
                    yield from turn
                except asyncio.CancelledError as error:
                    problem = error
            try:
                awaited = self._work.send(None) if problem is None else self._work.throw(problem)
            except StopIteration as end:
                return cast(T, end.value)
            problem = None
            try:
                yield awaited
            except GeneratorExit:
                raise
            except BaseException as error:  # what was awaited has failed, or this task is cancelled
                problem = error
