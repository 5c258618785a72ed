"""Credentials of the App: its JWT, and installation tokens that hold one purpose's permissions on one repository.

Tokens live in memory only, are minted once however many ask (single-flight), renewed five minutes early, and given a
few seconds after minting before a 401 is believed, because GitHub's replicas lag.
"""

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from bot.github.client import GitHubApi
from bot.github.errors import ForbiddenError, InvalidError
from bot.github.models import InstallationToken
from bot.github.pacing import Clock, Sleep, utc_now
from bot.github.secrets import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

JWT_LIFE = dt.timedelta(minutes=9)
JWT_RENEW_AFTER = dt.timedelta(minutes=7)
BACKDATE = dt.timedelta(seconds=60)
RENEW_EARLY = dt.timedelta(minutes=5)
REPLICATION_LAG = dt.timedelta(seconds=5)
LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Purpose(StrEnum):
    """What a token is for; each gets the least that serves it."""

    READ = "read"
    TALK = "talk"
    PUBLISH = "publish"


PERMISSIONS: dict[Purpose, dict[str, str]] = {
    Purpose.READ: {"metadata": "read", "contents": "read", "issues": "read", "pull_requests": "read"},
    Purpose.TALK: {"metadata": "read", "issues": "write", "pull_requests": "write"},
    Purpose.PUBLISH: {"metadata": "read", "contents": "write", "pull_requests": "write", "checks": "write"},
}


class BadPrivateKeyError(ValueError):
    """The App's private key cannot be used; the message says what to do and never shows the key."""


class AppCredential:
    """Signs as the App. Raises BadPrivateKeyError at construction when the key is not an RSA key in PEM form."""

    scheme: Literal["bearer"] = "bearer"

    def __init__(self, app_id: str, private_key: Secret, *, clock: Clock = utc_now) -> None:
        self._app_id = app_id
        self._key = _loaded(private_key)
        self._clock = clock
        self._skew = dt.timedelta()
        self._jwt: Secret | None = None
        self._renew_at = clock()

    async def secret(self) -> Secret:
        now = self._clock()
        if self._jwt is None or now >= self._renew_at:
            self._jwt = self._signed(now + self._skew)
            self._renew_at = now + JWT_RENEW_AFTER
        return self._jwt

    async def after_401(self, rejected: Secret, attempt: int, headers: Mapping[str, str]) -> Secret | None:
        """Sign once more by GitHub's own clock (its `Date` header) in case ours is wrong."""
        if attempt > 1:
            return None
        try:
            theirs = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return None
        self._skew = theirs - self._clock()
        self._jwt = None
        return await self.secret()

    def _signed(self, now: dt.datetime) -> Secret:
        issued = now - BACKDATE
        claims = {"iat": int(issued.timestamp()), "exp": int((issued + JWT_LIFE).timestamp()), "iss": self._app_id}
        import jwt  # with cryptography, loaded only where an App signs: a workflow run may have no App

        return Secret(jwt.encode(claims, self._key, algorithm="RS256"))


def _loaded(private_key: Secret) -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key.reveal().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise BadPrivateKeyError(
            "the App's private key is not readable: expected the PEM file that GitHub generated for the App "
            "(begins with '-----BEGIN RSA PRIVATE KEY-----'), with its line breaks"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise BadPrivateKeyError("the App's private key is not an RSA key; generate one in the App's settings")
    return key


@dataclass(frozen=True)
class Scope:
    """What a token may touch."""

    installation_id: int
    repository_id: int | None
    """None: every repository of the installation (only ever for reading)."""
    purpose: Purpose


@dataclass
class _Held:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    secret: Secret | None = None
    minted_at: dt.datetime = LONG_AGO
    renew_at: dt.datetime = LONG_AGO


class TokenSource:
    """Mints and keeps installation tokens. `app` must be authorised by AppCredential."""

    def __init__(self, app: GitHubApi, *, clock: Clock = utc_now, sleep: Sleep = asyncio.sleep) -> None:
        self._app = app
        self._clock = clock
        self._sleep = sleep
        self._held: dict[Scope, _Held] = {}

    async def get(self, scope: Scope, *, instead_of: Secret | None = None) -> Secret:
        """A valid token; with `instead_of`, one that is not that one (which was refused). Raises GitHubError."""
        held = self._held.setdefault(scope, _Held())
        async with held.lock:
            secret = held.secret
            if secret is not None and secret != instead_of and self._clock() < held.renew_at:
                return secret
            return await self._mint(scope, held)

    def is_young(self, scope: Scope, secret: Secret) -> bool:
        """Was it minted so recently that GitHub may not know it everywhere yet?"""
        held = self._held.get(scope)
        return held is not None and held.secret == secret and self._clock() - held.minted_at < REPLICATION_LAG

    async def wait_for_replicas(self) -> None:
        await self._sleep(1.0)

    async def _mint(self, scope: Scope, held: _Held) -> Secret:
        data: dict[str, JsonValue] = {"permissions": {**PERMISSIONS[scope.purpose]}}
        if scope.repository_id is not None:
            data["repository_ids"] = [scope.repository_id]
        try:
            minted = await self._app.post(
                "/app/installations/{installation}/access_tokens",
                {"installation": scope.installation_id},
                data,
                InstallationToken,
            )
        except InvalidError as error:
            needed = ", ".join(f"{name}: {level}" for name, level in PERMISSIONS[scope.purpose].items())
            raise ForbiddenError(
                error.request,
                f"{error.message} The App needs these permissions on this repository: {needed}. "
                "Somebody who manages the installation can grant them.",
                status=error.status,
                request_id=error.request_id,
            ) from error
        now = self._clock()
        held.secret, held.minted_at = Secret(minted.token), now
        held.renew_at = max(minted.expires_at - RENEW_EARLY, now)
        return held.secret


class InstallationCredential:
    """A client's view of one token."""

    scheme: Literal["token"] = "token"

    def __init__(self, tokens: TokenSource, scope: Scope) -> None:
        self._tokens = tokens
        self._scope = scope

    async def secret(self) -> Secret:
        return await self._tokens.get(self._scope)

    async def after_401(self, rejected: Secret, attempt: int, headers: Mapping[str, str]) -> Secret | None:
        """A young token gets three more chances a second apart; then, or when it is old, a new one takes its place."""
        if attempt % 4 and self._tokens.is_young(self._scope, rejected):
            await self._tokens.wait_for_replicas()
            return rejected
        return await self._tokens.get(self._scope, instead_of=rejected) if attempt <= 4 else None


@dataclass(frozen=True)
class GivenCredential:
    """A token that somebody else made, such as that of a workflow run: it is used as it is and never renewed."""

    token: Secret
    scheme: Literal["token"] = "token"

    async def secret(self) -> Secret:
        return self.token

    async def after_401(self, rejected: Secret, attempt: int, headers: Mapping[str, str]) -> Secret | None:
        return None
