"""When an installation may speak: GitHub asks for a second between writes and more between those that notify people.

One Pacer per installation. Short waits are slept (see `Pace`); longer ones raise RetryAtError so that the job is
rescheduled and no worker is held. Clock and sleep are injected; gaps of 0 switch the spacing off.
https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import asyncio
import datetime as dt
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.github.errors import Request, RetryAtError

Clock = Callable[[], dt.datetime]
Sleep = Callable[[float], Awaitable[None]]

_NOTIFYING = re.compile(
    r"/(issues|pulls)(/[^/]+/(comments|reviews|requested_reviewers|replies|merge))?$|/comments/[^/]+/replies$"
)
_FALLBACK_WAIT = 60.0
_LONGEST_WAIT = 3_600.0


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Pace:
    """Seconds: between writes, between notifying writes, and the longest waits that are slept rather than rescheduled:
    for a turn among the installation's writes, and for a limit to end."""

    write_gap: float = 1.0
    notify_gap: float = 3.0
    patience: float = 10.0
    limit_patience: float = 2.0


@dataclass
class Pacer:
    """The spacing of one installation's requests and the block that a limit put on it."""

    pace: Pace = field(default_factory=Pace)
    clock: Clock = utc_now
    sleep: Sleep = asyncio.sleep
    remaining: int | None = None
    limit: int | None = None
    on_quota: Callable[[int], None] | None = None
    one_write: asyncio.Lock = field(default_factory=asyncio.Lock)
    _next_write: dt.datetime | None = None
    _next_notify: dt.datetime | None = None
    _blocked_until: dt.datetime | None = None
    _latest: dt.datetime | None = None
    """The latest that the clock has shown."""

    async def before(self, request: Request) -> None:
        """Wait for this request's turn. Raises RetryAtError when that is further away than `patience`."""
        now = self._now()
        blocked = max(now, self._blocked_until or now)
        if (blocked - now).total_seconds() > self.pace.limit_patience:
            raise RetryAtError(request, blocked, "this installation has to pause")
        due = blocked
        notifies = _notifies(request)
        if request.writes:
            due = max(due, self._next_write or now)
        if notifies:
            due = max(due, self._next_notify or now)
        wait = (due - now).total_seconds()
        if wait > self.pace.patience:
            raise RetryAtError(request, due, "this installation has many writes waiting")
        if request.writes:
            self._next_write = due + dt.timedelta(seconds=self.pace.write_gap)
        if notifies:
            self._next_notify = due + dt.timedelta(seconds=self.pace.notify_gap)
        if wait > 0:
            await self.sleep(wait)

    async def limited(self, request: Request, headers: Mapping[str, str], status: int, attempt: int) -> None:
        """GitHub said 'too much'. Return when it may be tried again, or raise RetryAtError."""
        wait = self._asked_for(headers)
        if wait is None:
            wait = min(_FALLBACK_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
        until = self._now() + dt.timedelta(seconds=wait)
        self._blocked_until = max(until, self._blocked_until or until)
        if wait > self.pace.limit_patience or attempt > 3:
            raise RetryAtError(request, until, "rate limit", status=status)
        await self.sleep(wait)

    def _now(self) -> dt.datetime:
        """What the clock shows. When it was set back, so are the times that were meant by it."""
        now = self.clock()
        if self._latest is not None and now < self._latest:
            back = self._latest - now
            self._next_write, self._next_notify, self._blocked_until = (
                when - back if when is not None else None
                for when in (self._next_write, self._next_notify, self._blocked_until)
            )
        self._latest = now
        return now

    def observe(self, headers: Mapping[str, str]) -> None:
        """Remember the quota the answer reports (for the metric; the headers are GitHub's, not counted by us)."""
        remaining, limit = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
        if remaining.isascii() and remaining.isdigit():
            self.remaining = int(remaining)
            if self.on_quota is not None:
                self.on_quota(self.remaining)
        if limit.isascii() and limit.isdigit():
            self.limit = int(limit)

    def _asked_for(self, headers: Mapping[str, str]) -> float | None:
        """Seconds to wait as the answer's headers say: `retry-after` first, then the reset of a used-up quota."""
        seconds = _number(headers.get("retry-after"))
        if seconds is None and headers.get("x-ratelimit-remaining") == "0":
            reset = _number(headers.get("x-ratelimit-reset"))
            if reset is not None:
                seconds = max(reset - self.clock().timestamp(), 0.0) + 1.0
        return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT)


def _number(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() else None


def _notifies(request: Request) -> bool:
    """Does the write send people a notification? Reactions, labels, checks and git objects do not."""
    return request.method in {"POST", "PUT"} and _NOTIFYING.search(request.template.partition("?")[0]) is not None
