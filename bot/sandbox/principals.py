"""Who makes a request, and the tokens that say so. A token that is unknown, revoked or past its time names nobody."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from bot.sandbox.errors import ApiError, bad_credentials
from bot.sandbox.model import Account, App, Installation
from bot.sandbox.values import Clock

TOKEN_LIFETIME = timedelta(hours=1)
JWT_LIFETIME = timedelta(minutes=10)
CLOCK_TOLERANCE = timedelta(seconds=60)
_UNDECODABLE = "A JSON web token could not be decoded"


@dataclass(frozen=True)
class Anonymous:
    """Nobody: may read what is public."""


@dataclass(frozen=True)
class Person:
    account: Account


@dataclass(frozen=True)
class AppCaller:
    """The App itself, by a JSON web token signed with its private key."""

    app: App


@dataclass(frozen=True)
class InstallationCaller:
    """The App acting inside an installation, with what this token was scoped down to."""

    token: str
    installation: Installation
    permissions: dict[str, str]
    repository_ids: frozenset[int] | None
    expires_at: datetime

    def covers(self, repository_id: int) -> bool:
        chosen = self.installation.repository_ids
        inside = chosen is None or repository_id in chosen
        return inside and (self.repository_ids is None or repository_id in self.repository_ids)


Principal = Anonymous | Person | AppCaller | InstallationCaller


class Tokens:
    """Every token that is valid, and the check of App JWTs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._personal: dict[str, Account] = {}
        self._installation: dict[str, InstallationCaller] = {}

    def add_personal(self, account: Account) -> str:
        token = "ghp_" + secrets.token_hex(18)
        self._personal[token] = account
        return token

    def personal_of(self, account: Account) -> str | None:
        return next((token for token, owner in self._personal.items() if owner is account), None)

    def add_installation(
        self, installation: Installation, permissions: dict[str, str], repository_ids: frozenset[int] | None
    ) -> InstallationCaller:
        """A token of today's form: opaque, about 520 characters, dots and dashes inside."""
        parts = [secrets.token_urlsafe(size) for size in (27, 279, 64)]
        token = f"ghs_{installation.app.id}_" + ".".join(parts)
        expires = self._clock.now() + TOKEN_LIFETIME
        caller = InstallationCaller(token, installation, permissions, repository_ids, expires)
        self._installation[token] = caller
        return caller

    def revoke(self, token: str) -> None:
        self._installation.pop(token, None)

    def revoke_installation_tokens(self) -> int:
        """Make every installation token invalid at once; how many there were."""
        count = len(self._installation)
        self._installation.clear()
        return count

    def identify(self, token: str, apps: dict[int, App]) -> Principal:
        """Raises ApiError 401 or 404 for a credential that names nobody."""
        if token in self._personal:
            return Person(self._personal[token])
        caller = self._installation.get(token)
        if caller is not None:
            if caller.expires_at <= self._clock.now() or caller.installation.deleted:
                raise bad_credentials()
            return caller
        if token.startswith("eyJ") and token.count(".") == 2:
            return AppCaller(self._verify(token, apps))
        raise bad_credentials()

    def _verify(self, token: str, apps: dict[int, App]) -> App:
        options: dict[str, bool] = {"verify_signature": False}
        try:
            claims = jwt.decode(token, options=options)  # type: ignore[arg-type]
        except jwt.PyJWTError:
            raise ApiError(401, _UNDECODABLE) from None
        issuer = str(claims.get("iss", ""))
        app = next((app for app in apps.values() if issuer in (str(app.id), app.client_id)), None)
        if app is None:
            raise ApiError(404, "Integration not found")
        try:
            checked = {"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False}
            jwt.decode(token, app.public_key_pem, algorithms=["RS256"], options=checked)  # type: ignore[arg-type]
        except jwt.PyJWTError:
            raise ApiError(401, _UNDECODABLE) from None
        self._check_times(claims.get("iat"), claims.get("exp"))
        return app

    def _check_times(self, issued: object, expires: object) -> None:
        now = self._clock.now()
        if not isinstance(expires, int | float) or expires <= now.timestamp():
            claim = "'Expiration time' claim ('exp') must be a numeric value representing the future time"
            raise ApiError(401, f"{claim} at which the assertion expires")
        if not isinstance(issued, int | float) or issued > (now + CLOCK_TOLERANCE).timestamp():
            claim = "'Issued at' claim ('iat') must be an Integer representing the time"
            raise ApiError(401, f"{claim} that the assertion was issued")
        if expires > (now + JWT_LIFETIME + CLOCK_TOLERANCE).timestamp() or expires - issued > 11 * 60 + 1:
            raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
