"""Intake: verify, store, answer. Nothing else happens before GitHub has its 202.

Order: headers, declared length, body through HMAC-SHA-256 with a hard cap, JSON object, event filter, durable row.
What is answered 202 is on the disk; what could not be stored is answered 503, so that GitHub shows it as failed and the
reconciliation asks for it again. No input makes it raise.
"""

import asyncio
import hmac
import json
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from uuid import uuid4

import structlog
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from sqlalchemy.exc import SQLAlchemyError

from bot.pushes import brief
from bot.skim import SkimError, skim
from bot.store.inbox import NewEvent, StoredEvent
from bot.subjects import NoSubjectError, SubjectError, installation_of, is_accepted, is_talk, repository_of, subject

MAX_BODY = 25 * 1024 * 1024
"""GitHub caps payloads at 25 MB: https://docs.github.com/webhooks/webhook-events-and-payloads"""
LARGEST_BATCH = 256
LONGEST_QUEUE = 4_096
"""Deliveries that may wait for the store at a time; more are refused at once instead of filling the memory."""
STORE_SECONDS = 8.0
"""GitHub waits ten seconds for an answer; a store that takes longer than this counts as failed."""

_DELIVERY = re.compile(r"[0-9A-Za-z-]{1,80}")
_EVENT = re.compile(r"[a-z_]{1,60}")
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")

_JSON = CIMultiDictProxy(CIMultiDict({"Content-Type": "application/json; charset=utf-8"}))

_log = structlog.get_logger(__name__)


class Refusal(Exception):  # noqa: N818 - a decision about a delivery, not a failure of ours
    """The delivery is not taken; `status` and `reason` are the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True, slots=True)
class Headers:
    """What a delivery says about itself, checked for form only."""

    event: str
    delivery: str
    signature: bytes | None


def read_headers(headers: Mapping[str, str], *, signed: bool) -> Headers:
    """The headers of a delivery. Raises Refusal; `signed` False (development) tolerates a missing signature."""
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Refusal(415, "Content-Type must be application/json: choose it in the App's webhook settings")
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refusal(415, "Content-Encoding is not supported: the signature covers the bytes as sent")
    event = headers.get("X-GitHub-Event", "")
    if not _EVENT.fullmatch(event):
        raise Refusal(400, "X-GitHub-Event is missing or malformed")
    delivery = headers.get("X-GitHub-Delivery", "")
    if not _DELIVERY.fullmatch(delivery):
        raise Refusal(400, "X-GitHub-Delivery is missing or malformed")
    signature = headers.get("X-Hub-Signature-256")
    if signature is None:
        if signed:
            raise Refusal(401, "X-Hub-Signature-256 is missing: set a webhook secret in the App's settings")
        return Headers(event, delivery, None)
    match = _SIGNATURE.fullmatch(signature)
    if match is None:
        raise Refusal(401, "X-Hub-Signature-256 is malformed: it must be sha256= and 64 lowercase hex digits")
    return Headers(event, delivery, bytes.fromhex(match[1]))


class Verifier:
    """HMAC-SHA-256 over a body that arrives in pieces, under each of the secrets that are valid now."""

    def __init__(self, keyed: Sequence[hmac.HMAC]) -> None:
        self._digests = [digest.copy() for digest in keyed]  # keying anew costs more than a small body

    def update(self, piece: bytes) -> None:
        for digest in self._digests:
            digest.update(piece)

    def accepts(self, signature: bytes) -> bool:
        """Constant time, and every secret is compared whatever the first ones gave."""
        matches = [hmac.compare_digest(digest.digest(), signature) for digest in self._digests]
        return any(matches)


def keyed(secrets: Sequence[bytes]) -> tuple[hmac.HMAC, ...]:
    """What a `Verifier` starts from."""
    return tuple(hmac.new(secret, digestmod="sha256") for secret in secrets)


class EventStore(Protocol):
    """Where deliveries become durable; `bot.store.intake`."""

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]: ...


@dataclass(slots=True)
class _Waiting:
    """A delivery that is not answered yet."""

    event: NewEvent
    until: float
    answer: asyncio.Future[bool]


class GroupCommit:
    """Deliveries that wait at the same time share one transaction; each is answered after it is durable."""

    def __init__(
        self, store: EventStore, stored: Callable[[Sequence[StoredEvent]], None], *, patience: float = STORE_SECONDS
    ) -> None:
        self._store = store
        self._stored = stored
        self._patience = patience
        self._waiting: list[_Waiting] = []
        self._batch: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._failed = ""
        """Why what was stored last could not be; "" when it could."""

    async def trouble(self) -> str:
        """Why deliveries cannot be stored; "" when they can. Stores something of no consequence to find that out, but
        only when the last delivery could not be stored."""
        if self._failed:
            try:
                await self.put(_of_no_consequence())
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                return _reason(error)
        return ""

    async def put(self, event: NewEvent) -> bool:
        """Durable when this returns; False when the delivery was known already.

        Raises what the store raises, and TimeoutError when it takes too long; the delivery may become durable then.
        """
        if len(self._waiting) >= LONGEST_QUEUE:
            raise TimeoutError("too many deliveries are waiting for the database")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(event, loop.time() + self._patience, loop.create_future())
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = loop.create_task(self._write(), name="group-commit")
        return await waiting.answer

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(self._patience / 8, self._look)  # one clock for all of them
        try:
            while self._waiting:
                self._batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                await self._commit(self._batch)
        finally:
            self._looking.cancel()
            self._batch = []
            self._writer = None

    def _look(self) -> None:
        """Give up on what has waited too long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for waiting in (*self._batch, *self._waiting):
            if waiting.until <= now and not waiting.answer.done():
                self._failed = "TimeoutError"
                waiting.answer.set_exception(TimeoutError("the database did not answer in time"))
        self._looking = loop.call_later(self._patience / 8, self._look)

    async def _commit(self, batch: list[_Waiting]) -> None:
        try:
            new = await self._store.add([waiting.event for waiting in batch])
        except Exception as error:
            self._failed = _reason(error)
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        self._failed = ""
        fresh = {stored.event.delivery for stored in new}
        for waiting in batch:
            delivery = waiting.event.delivery
            if not waiting.answer.done():
                waiting.answer.set_result(delivery in fresh)
            fresh.discard(delivery)  # a second copy in the same batch is a duplicate
        if new:
            self._stored(new)


def _of_no_consequence() -> NewEvent:
    """As heavy as a delivery, about a request that does not exist; stored as dealt with."""
    return NewEvent(f"probe:{uuid4().hex}", "probe", "issue_comment", "probe", b" " * 16_384, talk=True)


def _reason(error: Exception) -> str:
    """SQLite's words say what is wrong with the file and nothing else; a server's may hold names."""
    cause = getattr(error, "orig", None)
    return str(cause) if isinstance(cause, sqlite3.Error) else type(error).__name__


Observe = Callable[[str, str, float], None]
"""(event, result, seconds): counts deliveries."""


@dataclass(frozen=True)
class Webhook:
    """The handler of POST /webhook."""

    keys: tuple[hmac.HMAC, ...]
    put: Callable[[NewEvent], Awaitable[bool]]
    observe: Observe
    is_open: Callable[[], bool] = lambda: True

    async def handle(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        event = "unknown"
        try:
            headers = read_headers(request.headers, signed=bool(self.keys))
            event = headers.event
            status, result = await self._accept(request, headers)
        except Refusal as refusal:
            status, result = refusal.status, refusal.reason
            _log.info("delivery refused", status=status, reason=refusal.reason, github_event=event)
            event = event if status not in (400, 401) else "unverified"
        self.observe(event, str(status), time.perf_counter() - started)
        close = status in (401, 413) or not request.content.is_eof()
        response = web.Response(body=_answer(result), status=status, headers=_JSON)
        if close:
            response.force_close()
        return response

    async def _accept(self, request: web.Request, headers: Headers) -> tuple[int, str]:
        if not self.is_open():
            raise Refusal(503, "the service is stopping: redeliver later")
        body = await self._read_verified(request, headers)
        try:
            payload = skim(body)
        except SkimError as error:
            raise Refusal(400, str(error)) from None
        if headers.event == "ping":
            return 200, "pong"
        action = payload.get("action")
        action = action if isinstance(action, str) else ""
        if not is_accepted(headers.event, action, payload):
            return 202, "ignored: this event changes no request"
        try:
            key = subject(headers.event, payload)
            new_event = NewEvent(
                delivery=headers.delivery,
                key=key,
                event=headers.event,
                action=action,
                body=brief(body) if headers.event == "push" else body,
                repo_id=repository_of(payload),
                installation_id=installation_of(payload),
                talk=is_talk(headers.event, action, key, payload),
            )
        except NoSubjectError:
            return 202, "ignored: this check names no branch and no pull request"
        except SubjectError as error:
            raise Refusal(422, f"the {headers.event} payload is incomplete: {error}") from None
        return await self._store(new_event)

    async def _store(self, event: NewEvent) -> tuple[int, str]:
        try:
            new = await self.put(event)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _log.error(
                "delivery could not be stored",
                error=type(error).__qualname__,
                reason=str(getattr(error, "orig", None) or error)[:200],
                **_names(event),
            )
            raise Refusal(503, "the delivery could not be stored: redeliver later") from None
        if not new:
            _log.info("delivery known", **_names(event))
        return 202, "stored" if new else "known already"

    async def _read_verified(self, request: web.Request, headers: Headers) -> bytes:
        if request.content_length is not None and request.content_length > MAX_BODY:
            raise Refusal(413, f"the body is larger than {MAX_BODY} bytes")
        verifier = Verifier(self.keys)
        pieces: list[bytes] = []
        length = 0
        try:
            async for piece in request.content.iter_any():
                length += len(piece)
                if length > MAX_BODY:
                    raise Refusal(413, f"the body is larger than {MAX_BODY} bytes")
                verifier.update(piece)
                pieces.append(piece)
        except (ConnectionError, web.HTTPException) as error:
            raise Refusal(400, f"the body could not be read: {type(error).__name__}") from None
        if self.keys and (headers.signature is None or not verifier.accepts(headers.signature)):
            raise Refusal(401, "the signature does not fit the body: is the webhook secret the same on both sides?")
        return b"".join(pieces)


@lru_cache(256)
def _answer(result: str) -> bytes:
    """The body of an answer; there are few different ones."""
    return json.dumps({"result": result}).encode()


def _names(event: NewEvent) -> dict[str, str]:
    return {"delivery": event.delivery, "job": event.key, "github_event": event.event, "action": event.action}
