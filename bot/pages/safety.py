"""Headers that keep a page harmless, and the proof that a form came from one of our own pages in the same browser."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from aiohttp import web

SAFE = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SITES_ALLOWED = ("", "same-origin", "none")
LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")


def is_called_by_loopback_name(request: web.Request) -> bool:
    """False for another host's name: a DNS entry that was rebound to this machine."""
    return request.url.host in _LOOPBACK_NAMES


def new_session() -> str:
    """A browser's own secret, for a cookie."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class FormGuard:
    """A form carries a token made from the browser's session cookie, so another site cannot press a button here.

    Every process that may receive the form needs the same key; a random one serves a single process.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def token(self, session: str) -> str:
        return hmac.new(self.key, b"form:" + session.encode(), hashlib.sha256).hexdigest()

    def is_ours(self, request: web.Request, session: str, given: str) -> bool:
        """Was the form made by one of our pages, in this browser?"""
        foreign = request.headers.get("Sec-Fetch-Site", "") not in _SITES_ALLOWED
        origin = request.headers.get("Origin", "")
        foreign = foreign or (origin not in ("", "null") and not _same_origin(request, origin))
        return bool(session) and not foreign and hmac.compare_digest(self.token(session).encode(), given.encode())


def _same_origin(request: web.Request, origin: str) -> bool:
    """By host and port: behind a proxy that ends TLS the scheme we see is not the browser's."""
    return origin.partition("://")[2] == request.host
