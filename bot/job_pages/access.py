"""Who may see the jobs pages: people on the machine of a service bound to loopback, or those with the API's token.

The token is sent once, by a form or as a bearer; the browser then holds a signed session in a strict, http-only cookie.
A request that a proxy passed on is never taken for one of this machine.
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from bot.pages.safety import LOOPBACK_ADDRESSES, FormGuard, is_called_by_loopback_name, new_session
from bot.setup.hosts import is_loopback

SESSION_SECONDS = 12 * 3600
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_FAILURES, _WITHIN_SECONDS = 20, 60.0


@dataclass(frozen=True)
class Visit:
    """A browser that may look. `session` is what its forms are bound to."""

    session: str
    is_new: bool
    logged_in: bool


@dataclass
class Access:
    """`host` is what the service listens on, `token` the API's ("" when there is none), `clock` gives seconds."""

    host: str
    token: str
    clock: Callable[[], float]
    _failures: deque[float] = field(default_factory=lambda: deque(maxlen=_FAILURES))
    forms: FormGuard = field(init=False)

    def __post_init__(self) -> None:
        self.forms = FormGuard(self._derived(b"forms")) if self.token else FormGuard()

    def visit(self, request: web.Request) -> Visit | None:
        """None: log in first. Raises HTTPNotFound where there are no pages."""
        known = request.cookies.get(self._cookie(request), "")
        if self._is_at_home(request):
            return Visit(known or new_session(), not known, logged_in=False)
        if not self.token:
            raise web.HTTPNotFound
        if self._is_current(known):
            return Visit(known, is_new=False, logged_in=True)
        if self.is_token(request.headers.get("Authorization", "").removeprefix("Bearer ")):
            return Visit(self._signed(), is_new=False, logged_in=True)
        return None

    def is_token(self, given: str) -> bool:
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())

    def may_try(self) -> bool:
        """Guessing is slowed down: so many failures a minute for everybody together."""
        return len(self._failures) < _FAILURES or self.clock() - self._failures[0] > _WITHIN_SECONDS

    def failed(self) -> None:
        self._failures.append(self.clock())

    def remember(self, request: web.Request, response: web.StreamResponse, visit: Visit) -> None:
        if visit.is_new:
            self._set(request, response, visit.session, None)

    def log_in(self, request: web.Request, response: web.StreamResponse) -> None:
        self._set(request, response, self._signed(), SESSION_SECONDS)

    def log_out(self, request: web.Request, response: web.StreamResponse) -> None:
        response.del_cookie(self._cookie(request), path="/jobs", httponly=True, samesite="Strict")

    def _is_at_home(self, request: web.Request) -> bool:
        here = is_loopback(self.host) and request.remote in LOOPBACK_ADDRESSES
        return here and is_called_by_loopback_name(request) and not any(name in request.headers for name in _PASSED_ON)

    def _set(self, request: web.Request, response: web.StreamResponse, value: str, seconds: int | None) -> None:
        secure = request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
        name = self._cookie(request)
        response.set_cookie(name, value, path="/jobs", max_age=seconds, secure=secure, httponly=True, samesite="Strict")

    def _cookie(self, request: web.Request) -> str:
        """Browsers share cookies between the ports of a host, two services must not."""
        return f"skill_fleet_{request.url.port}"

    def _signed(self) -> str:
        value = f"{int(self.clock())}.{new_session()}"
        return f"{value}.{self._signature(value)}"

    def _is_current(self, session: str) -> bool:
        value, _, signature = session.rpartition(".")
        since = value.partition(".")[0]
        if not since.isascii() or not since.isdecimal() or len(since) > 12:
            return False
        genuine = hmac.compare_digest(signature.encode(), self._signature(value).encode())
        return genuine and 0 <= self.clock() - int(since) < SESSION_SECONDS

    def _signature(self, value: str) -> str:
        return hmac.new(self._derived(b"session"), value.encode(), hashlib.sha256).hexdigest()

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self.token.encode(), b"skill-fleet jobs pages: " + purpose, hashlib.sha256).digest()
