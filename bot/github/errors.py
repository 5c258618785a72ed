"""Every way a call to GitHub can fail, as a type. Messages name the request and never carry a body or a secret.

The one question a caller must answer is whether a failed write may stand nevertheless: only UnknownOutcomeError leaves
that open, and then the state has to be looked at before anything is tried again.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
import gidgethub

from bot.github.secrets import redact
from bot.jobs.ports import NotBeforeError, PassingError

_LOCKED = "locked"
_LIMIT_WORDS = ("secondary rate limit", "abuse detection", "rate limit exceeded")


@dataclass(frozen=True)
class Request:
    """What was asked, by template: `PATCH /repos/{owner}/{repo}/pulls/{number}`."""

    method: str
    template: str

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


@dataclass(frozen=True)
class Complaint:
    """One entry of a 422's `errors[]`."""

    code: str = ""
    field: str = ""
    message: str = ""


class GitHubError(Exception):
    """A call to GitHub failed. `request_id` is GitHub's, to quote to their support."""

    def __init__(self, request: Request, message: str, *, status: int = 0, request_id: str = "") -> None:
        self.request = request
        self.message = redact(message)[:500]
        self.status = status
        self.request_id = request_id
        what = f"{status} " if status else ""
        where = f" (request {request_id})" if request_id else ""
        Exception.__init__(self, f"{request}: {what}{self.message}{where}")


class TransientError(GitHubError, PassingError):
    """Nothing was written; trying again later is right."""


class UnknownOutcomeError(TransientError):
    """A write's answer was lost (timeout, 5xx, dropped or unreadable): it may stand. Look before trying again."""


class RetryAtError(TransientError, NotBeforeError):
    """GitHub's limits forbid the call until `when`. Reschedule the job; never hold a worker that long."""

    def __init__(self, request: Request, when: dt.datetime, message: str, *, status: int = 0) -> None:
        TransientError.__init__(self, request, f"{message}; not before {when:%Y-%m-%dT%H:%M:%SZ}", status=status)
        self.when = when


class GoneError(GitHubError):
    """404, 410 or 451: not there, or not for us."""


class ForbiddenError(GitHubError):
    """403 that no waiting cures: a missing permission, an archived repository, a suspended installation."""


class LockedError(ForbiddenError):
    """The conversation is locked."""


class UnauthorizedError(GitHubError):
    """401 although the credentials were renewed."""


class ConflictError(GitHubError):
    """409: the state is not what the call presumes (an empty repository, a concurrent change)."""


class InvalidError(GitHubError):
    """422 (or another 4xx): GitHub understood and declines; `complaints` says why."""

    def __init__(
        self,
        request: Request,
        message: str,
        *,
        status: int = 0,
        request_id: str = "",
        complaints: tuple[Complaint, ...] = (),
    ) -> None:
        super().__init__(request, message, status=status, request_id=request_id)
        self.complaints = complaints

    def says(self, words: str) -> bool:
        """Do the message or any complaint contain these words (ignoring case)?"""
        texts = [self.message, *(f"{complaint.message} {complaint.code}" for complaint in self.complaints)]
        return any(words.lower() in text.lower() for text in texts)


class UnexpectedAnswerError(TransientError):
    """A 2xx whose body is not what GitHub documents: unreadable, too large, or of another shape."""


def is_rate_limit(error: gidgethub.HTTPException) -> bool:
    """Primary or secondary limit? https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"""
    if error.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if error.status_code != HTTPStatus.FORBIDDEN:
        return False
    if isinstance(error, gidgethub.RateLimitExceeded) or "retry-after" in error.headers:
        return True
    return any(words in str(error).lower() for words in _LIMIT_WORDS)


def from_gidgethub(request: Request, error: gidgethub.HTTPException) -> GitHubError:
    """The typed error of a non-2xx answer. Rate limits never come here: the transport turned them into RetryAtError."""
    status = int(error.status_code)
    message = str(error)
    request_id = error.headers.get("x-github-request-id", "")
    if status >= 500:
        kind: type[GitHubError] = UnknownOutcomeError if request.writes else TransientError
        return kind(request, message, status=status, request_id=request_id)
    if status == HTTPStatus.FORBIDDEN and _LOCKED in message.lower():
        return LockedError(request, message, status=status, request_id=request_id)
    if kind_of := _BY_STATUS.get(status):
        return kind_of(request, message, status=status, request_id=request_id)
    return InvalidError(request, message, status=status, request_id=request_id, complaints=_complaints(error))


_BY_STATUS: Mapping[int, type[GitHubError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: GoneError,
    409: ConflictError,
    410: GoneError,
    423: LockedError,
    451: GoneError,
}


def from_network(request: Request, error: aiohttp.ClientError | TimeoutError | OSError) -> GitHubError:
    """The typed error of an exchange that broke. Only a connection that never came about is known to have no effect."""
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if not request.writes or isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TransientError(request, message)
    return UnknownOutcomeError(request, message)


def unreadable(request: Request, message: str) -> GitHubError:
    """The typed error of an answer we cannot read; a write it belongs to may stand."""
    kind: type[GitHubError] = UnknownOutcomeError if request.writes else UnexpectedAnswerError
    return kind(request, f"GitHub's answer cannot be read: {message}")


def _complaints(error: gidgethub.HTTPException) -> tuple[Complaint, ...]:
    if not isinstance(error, gidgethub.InvalidField | gidgethub.ValidationError):
        return ()
    entries: object = error.errors
    if isinstance(entries, str):
        return (Complaint(message=entries),)
    if not isinstance(entries, list):
        return ()
    return tuple(_complaint(entry) for entry in entries[:20])


def _complaint(entry: object) -> Complaint:
    if not isinstance(entry, Mapping):
        return Complaint(message=str(entry)[:300])
    return Complaint(*(str(entry.get(name) or "")[:300] for name in ("code", "field", "message")))
