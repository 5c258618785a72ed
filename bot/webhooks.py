"""Intake: verify, store, answer. Nothing else happens before GitHub has its 202.

Order: headers, declared length, body through HMAC-SHA-256 with a hard cap, JSON object, event filter, durable row.
What is answered 202 is on the disk; what could not be stored is answered 503, so that GitHub shows it as failed and the
reconciliation asks for it again. No input makes it raise.
"""

import asyncio
import hmac
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import web
from pydantic import JsonValue
from pydantic_core import from_json
from sqlalchemy.exc import SQLAlchemyError

from bot.store.inbox import NewEvent, StoredEvent
from bot.subjects import SubjectError, installation_of, is_accepted, repository_of, subject

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


def read_payload(body: bytes) -> dict[str, JsonValue]:
    """The JSON object in a verified body. Raises Refusal."""
    try:
        payload = from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise Refusal(400, "the body is not JSON in UTF-8") from None
    if not isinstance(payload, dict):
        raise Refusal(400, "the body is not a JSON object")
    return payload


def keyed(secrets: Sequence[bytes]) -> tuple[hmac.HMAC, ...]:
    """What a `Verifier` starts from."""
    return tuple(hmac.new(secret, digestmod="sha256") for secret in secrets)


class EventStore(Protocol):
    """Where deliveries become durable; `bot.store.inbox.Inbox`."""

    async def add(self, events: Sequence[NewEvent]) -> list[StoredEvent]: ...


class GroupCommit:
    """Deliveries that wait at the same time share one transaction; each is answered after it is durable."""

    def __init__(self, store: EventStore, stored: Callable[[Sequence[StoredEvent]], None]) -> None:
        self._store = store
        self._stored = stored
        self._waiting: list[tuple[NewEvent, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, event: NewEvent) -> bool:
        """Durable when this returns; False when the delivery was known already. Raises what the store raises."""
        if len(self._waiting) >= LONGEST_QUEUE:
            raise TimeoutError("too many deliveries are waiting for the database")
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="group-commit")
        return await future

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
                await self._commit(batch)
        finally:
            self._writer = None

    async def _commit(self, batch: list[tuple[NewEvent, asyncio.Future[bool]]]) -> None:
        try:
            new = await self._store.add([event for event, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        fresh = {stored.event.delivery for stored in new}
        for event, future in batch:
            if not future.done():
                future.set_result(event.delivery in fresh)
            fresh.discard(event.delivery)  # a second copy in the same batch is a duplicate
        if new:
            self._stored(new)


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
        response = web.json_response({"result": result}, status=status)
        if close:
            response.force_close()
        return response

    async def _accept(self, request: web.Request, headers: Headers) -> tuple[int, str]:
        if not self.is_open():
            raise Refusal(503, "the service is stopping: redeliver later")
        body = await self._read_verified(request, headers)
        payload = read_payload(body)
        if headers.event == "ping":
            return 200, "pong"
        action = payload.get("action")
        action = action if isinstance(action, str) else ""
        if not is_accepted(headers.event, action, payload):
            return 202, "ignored: this event changes no request"
        try:
            new_event = NewEvent(
                delivery=headers.delivery,
                key=subject(headers.event, payload),
                event=headers.event,
                action=action,
                body=body,
                repo_id=repository_of(payload),
                installation_id=installation_of(payload),
            )
        except SubjectError as error:
            raise Refusal(422, f"the {headers.event} payload is incomplete: {error}") from None
        return await self._store(new_event)

    async def _store(self, event: NewEvent) -> tuple[int, str]:
        try:
            async with asyncio.timeout(STORE_SECONDS):
                new = await self.put(event)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _log.error("delivery could not be stored", error=type(error).__qualname__, **_names(event))
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


def _names(event: NewEvent) -> dict[str, str]:
    return {"delivery": event.delivery, "job": event.key, "github_event": event.event, "action": event.action}
