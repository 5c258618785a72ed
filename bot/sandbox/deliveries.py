"""Webhook deliveries of the App: signed, logged, sent once. A failed one is not retried, but can be redelivered.

Order is kept by default; tests may hold, shuffle, delay, duplicate, forge or lose deliveries.
"""

import asyncio
import hashlib
import hmac
import json
import random
import time
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import aiohttp

from bot.sandbox.model import App
from bot.sandbox.values import Clock, Ids, JsonObject

TIMEOUT_SECONDS = 10.0
MAX_PAYLOAD_BYTES = 25 * 1024 * 1024
_KEPT_RESPONSE = 2000
_KEPT_DELIVERIES = 50_000
_SHUFFLE_WINDOW_SECONDS = 0.02


class Order(StrEnum):
    """`ordered`: one after the other; `concurrent`: all at once; `shuffled`: short batches in random order."""

    ORDERED = "ordered"
    CONCURRENT = "concurrent"
    SHUFFLED = "shuffled"


class Mishap(StrEnum):
    """What can befall a delivery. `drop` is logged as failed, `lose` leaves no trace, `hold` waits for a release."""

    DROP = "drop"
    LOSE = "lose"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    HOLD = "hold"
    FORGE = "bad_signature"


@dataclass
class DeliveryRule:
    kind: Mishap
    event: str = "*"
    action: str = "*"
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    hits: int = 0

    def takes(self, event: str, action: str | None) -> bool:
        if self.event not in ("*", event) or self.action not in ("*", action or "") or self.times <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.hits += 1
        return True


@dataclass(eq=False, kw_only=True)
class Delivery:
    id: int
    guid: str
    app: App
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    packed: bytes  # the body, compressed: a log of thousands stays small
    queued_at: datetime
    redelivery: bool = False
    forged: bool = False
    delivered_at: datetime | None = None
    duration: float = 0.0
    status: str = "pending"
    status_code: int = 0
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.packed)

    @property
    def payload(self) -> JsonObject:
        payload: JsonObject = json.loads(self.body)
        return payload

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status_code < 300


def _pack(payload: JsonObject) -> bytes:
    return zlib.compress(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def signed_headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    secret = delivery.app.webhook_secret.encode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5a11b0c",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(delivery.app.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(delivery.app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if secret:
        key = b"forged" + secret if delivery.forged else secret
        headers["X-Hub-Signature"] = "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return headers


class Courier:
    """Takes what is to be delivered and sends it in the background. `idle()` waits until nothing is under way."""

    def __init__(self, clock: Clock, ids: Ids, dice: random.Random) -> None:
        self._clock, self._ids, self._dice = clock, ids, dice
        self.order = Order.ORDERED
        self.timeout_seconds = TIMEOUT_SECONDS
        self.listener: Callable[[str, JsonObject], None] | None = None
        self.rules: list[DeliveryRule] = []
        self.log: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)
        self._held: list[Delivery] = []
        self._waiting: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    async def close(self) -> None:
        for task in [*self._tasks, *([self._pump] if self._pump else [])]:
            task.cancel()
        await asyncio.gather(*self._tasks, *([self._pump] if self._pump else []), return_exceptions=True)
        if self._session:
            await self._session.close()

    async def idle(self) -> None:
        """Returns when every delivery that is not held has been answered or has failed."""
        while self._waiting or self._tasks or (self._pump and not self._pump.done()):
            pending = [*self._tasks, *([self._pump] if self._pump else [])]
            await asyncio.wait(
                [task for task in pending if not task.done()] or [asyncio.ensure_future(asyncio.sleep(0))]
            )

    @property
    def under_way(self) -> int:
        return len(self._waiting) + len(self._tasks) + (1 if self._pump and not self._pump.done() else 0)

    @property
    def held(self) -> int:
        return len(self._held)

    # --- accepting ---------------------------------------------------------------------------------------------------

    def accept(
        self,
        app: App,
        guid: str,
        event: str,
        action: str | None,
        installation_id: int | None,
        repository_id: int | None,
        payload: JsonObject,
    ) -> None:
        """Send one payload to one App, in the background; without a webhook address nothing happens."""
        if self.listener:
            self.listener(event, payload)
        if not app.webhook_url:
            return
        delivery = Delivery(
            id=self._ids.next("delivery"),
            guid=guid,
            app=app,
            event=event,
            action=action,
            installation_id=installation_id,
            repository_id=repository_id,
            packed=_pack(payload),
            queued_at=self._clock.now(),
        )
        rule = next((rule for rule in self.rules if rule.takes(event, action)), None)
        if rule and rule.kind is Mishap.LOSE:
            return
        self.log.append(delivery)
        if rule is None:
            self._enqueue(delivery)
        elif rule.kind is Mishap.DROP:
            self._fail(delivery, "failed to connect to host")
        elif rule.kind is Mishap.HOLD:
            self._held.append(delivery)
        elif rule.kind is Mishap.DELAY:
            self._spawn(self._send_later(delivery, rule.seconds))
        elif rule.kind is Mishap.FORGE:
            delivery.forged = True
            self._enqueue(delivery)
        else:
            self._enqueue(delivery)
            self.redeliver(delivery)

    def redeliver(self, old: Delivery) -> Delivery:
        """Send again: new id, same GUID and payload."""
        again = Delivery(
            id=self._ids.next("delivery"),
            guid=old.guid,
            app=old.app,
            event=old.event,
            action=old.action,
            installation_id=old.installation_id,
            repository_id=old.repository_id,
            packed=old.packed,
            queued_at=self._clock.now(),
            redelivery=True,
        )
        self.log.append(again)
        self._enqueue(again)
        return again

    def release(self, order: str = "fifo") -> int:
        """Let held deliveries go: `fifo`, `reverse` or `shuffle`. How many there were."""
        held, self._held = self._held, []
        if order == "reverse":
            held.reverse()
        elif order == "shuffle":
            self._dice.shuffle(held)
        for delivery in held:
            self._enqueue(delivery)
        return len(held)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _enqueue(self, delivery: Delivery) -> None:
        if self.order is Order.CONCURRENT:
            self._spawn(self._send(delivery))
        else:
            self._waiting.append(delivery)
            if self._pump is None or self._pump.done():
                self._pump = asyncio.get_running_loop().create_task(self._drain())

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self) -> None:
        while self._waiting:
            if self.order is Order.SHUFFLED:
                await asyncio.sleep(_SHUFFLE_WINDOW_SECONDS)
                batch, self._waiting = self._waiting, []
                self._dice.shuffle(batch)
                await asyncio.gather(*(self._send(delivery) for delivery in batch))
            else:
                await self._send(self._waiting.pop(0))

    async def _send_later(self, delivery: Delivery, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._send(delivery)

    async def _send(self, delivery: Delivery) -> None:
        body = delivery.body
        if len(body) > MAX_PAYLOAD_BYTES:
            self.log.remove(delivery)  # GitHub does not deliver payloads over its cap
            return
        delivery.request_headers = signed_headers(delivery, body)
        assert self._session is not None
        started = time.perf_counter()
        try:
            timeout = aiohttp.ClientTimeout(total=self.timeout_seconds)
            async with self._session.post(
                delivery.app.webhook_url,
                data=body,
                headers=delivery.request_headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                delivery.response_body = (await response.text(errors="replace"))[:_KEPT_RESPONSE]
                delivery.response_headers = dict(response.headers)
                delivery.status_code = response.status
                delivery.status = "OK" if delivery.succeeded else f"Invalid HTTP Response: {response.status}"
        except TimeoutError:
            self._fail(delivery, "timed out")
        except (aiohttp.ClientError, ValueError, OSError):
            self._fail(delivery, "failed to connect to host")
        delivery.duration = round(time.perf_counter() - started, 3)
        delivery.delivered_at = self._clock.now()

    def _fail(self, delivery: Delivery, why: str) -> None:
        delivery.status, delivery.status_code, delivery.delivered_at = why, 0, self._clock.now()

    def guid(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
