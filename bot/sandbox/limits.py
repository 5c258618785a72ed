"""Rate limits: requests per hour and, when set, writes per minute; each caller has a bucket of their own."""

from collections import deque
from dataclasses import dataclass, field

from bot.sandbox.errors import ApiError
from bot.sandbox.faults import SECONDARY_LIMIT
from bot.sandbox.principals import Anonymous, AppCaller, InstallationCaller, Person, Principal
from bot.sandbox.values import JsonObject
from bot.sandbox.world import World

ANONYMOUS_LIMIT = 60
_DOCS = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass
class Bucket:
    limit: int
    reset: int
    used: int = 0
    writes: deque[float] = field(default_factory=deque)

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Resource": "core",
        }

    def as_json(self) -> JsonObject:
        return {"limit": self.limit, "remaining": self.remaining, "reset": self.reset, "used": self.used}


class RateLimits:
    def __init__(self, world: World) -> None:
        self._world = world
        self._buckets: dict[str, Bucket] = {}

    def bucket(self, principal: Principal) -> Bucket:
        name = _name(principal)
        now = self._world.clock.now().timestamp()
        bucket = self._buckets.get(name)
        if bucket is None or bucket.reset <= now:
            limit = self._world.limits.requests_per_hour
            if isinstance(principal, Anonymous):
                limit = min(limit, ANONYMOUS_LIMIT)
            bucket = self._buckets[name] = Bucket(limit, int(now) + 3600)
        return bucket

    def charge(self, principal: Principal, method: str) -> None:
        """Count a request. Raises ApiError when a limit is exceeded, with GitHub's words and headers."""
        bucket = self.bucket(principal)
        if bucket.remaining == 0:
            raise ApiError(403, f"API rate limit exceeded for {_name(principal)}.", documentation=_DOCS)
        bucket.used += 1
        per_minute = self._world.limits.writes_per_minute
        if per_minute is None or method in ("GET", "HEAD"):
            return
        now = self._world.clock.now().timestamp()
        while bucket.writes and bucket.writes[0] <= now - 60:
            bucket.writes.popleft()
        if len(bucket.writes) >= per_minute:
            limits = self._world.limits
            raise ApiError(
                limits.secondary_status,
                SECONDARY_LIMIT,
                headers={"Retry-After": str(limits.retry_after)},
                documentation=f"{_DOCS}#about-secondary-rate-limits",
            )
        bucket.writes.append(now)

    def refund(self, principal: Principal) -> None:
        """A 304 to an authorized caller is free."""
        bucket = self.bucket(principal)
        if bucket.used and not isinstance(principal, Anonymous):
            bucket.used -= 1


def _name(principal: Principal) -> str:
    if isinstance(principal, Person):
        return f"user ID {principal.account.id}"
    if isinstance(principal, InstallationCaller):
        return f"installation ID {principal.installation.id}"
    return f"app ID {principal.app.id}" if isinstance(principal, AppCaller) else "127.0.0.1"
