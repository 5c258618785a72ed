"""Signed deliveries and who sends them: `wrk` where it is installed, else a small sender of our own.

A delivery is a recorded `issue_comment` event of 13 kB under a delivery id of its own. Sender and server share the
machine, so that a sender that costs little matters: it is said which one was used.
"""

import asyncio
import gzip
import hashlib
import hmac
import json
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import uuid4

SECRET = "benchmark-secret-0123456789"
BODY_BYTES = 13_000
ISSUES = 200
EXAMPLES = Path(__file__).parents[1] / "data" / "webhooks-examples" / "index.json.gz"
SUCCESS = (b"HTTP/1.1 202", b"HTTP/1.1 200")


@dataclass(frozen=True)
class Load:
    """What the sender saw. Seconds; `other` counts answers that were no success."""

    count: int
    p50: float
    p99: float
    other: int
    seconds: float
    answered: frozenset[str] = field(default_factory=frozenset)
    """Delivery ids that were answered with success; known to our own sender only."""


def comment_event(number: int) -> bytes:
    """A recorded comment on issue `number`, padded to BODY_BYTES; of a repository that nobody has jobs in."""
    recorded = json.loads(gzip.decompress(EXAMPLES.read_bytes()))
    (comments,) = (kind["examples"] for kind in recorded if kind["name"] == "issue_comment")
    payload = next(example for example in comments if example["action"] == "created")
    payload["issue"]["number"] = number
    payload["comment"]["body"] += " " + "word " * ((BODY_BYTES - len(_compact(payload))) // 5)
    return _compact(payload)


def _compact(payload: object) -> bytes:
    return json.dumps(payload, separators=(",", ":")).encode()


def requests(count: int = ISSUES) -> list[tuple[bytes, bytes]]:
    """(head before the delivery id, rest) of ready-made requests."""
    made = []
    first = comment_event(1)
    for number in range(1, count + 1):
        body = first.replace(b'"number":1,', b'"number":%d,' % number)
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            "POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"X-GitHub-Event: issue_comment\r\nContent-Length: {len(body)}\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\nX-GitHub-Delivery: "
        )
        made.append((head.encode(), b"\r\n\r\n" + body))
    return made


def send(port: int, seconds: float, connections: int, *, own_sender: bool = False) -> Load:
    """Send as fast as `connections` that wait for their answers can, for so long."""
    if sender() == "wrk" and not own_sender:
        return _wrk(port, max(1, round(seconds)), connections)
    return asyncio.run(send_ourselves(port, seconds, connections))


def sender() -> str:
    return "wrk" if shutil.which("wrk") else "a sender in Python"


SCRIPT = """
local ready = {%s}
local seed, sent = "%s", 0
request = function()
  sent = sent + 1
  local one = ready[sent %% #ready + 1]
  return one[1] .. string.format("%%s-%%012x", seed, sent) .. one[2]
end
done = function(summary, latency)
  io.write(string.format("\\nfigures %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.timeout))
end
"""


def _wrk(port: int, seconds: int, connections: int) -> Load:
    ready = ",\n".join(f"{{{_lua(head)}, {_lua(rest)}}}" for head, rest in requests())
    with NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % (ready, uuid4().hex[:16]))
        script.flush()
        shape = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name]
        command = ["wrk", *shape, f"http://127.0.0.1:{port}/webhook"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = next(line for line in output.splitlines() if line.startswith("figures ")).split()[1:]
    count, microseconds, p50, p99, other = map(int, words)
    return Load(count - other, p50 / 1e6, p99 / 1e6, other, microseconds / 1e6)


def _lua(text: bytes) -> str:
    """A string of Lua: everything but plain characters by its number."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in text)
    return f'"{"".join(plain)}"'


class Sender(asyncio.Protocol):
    """One connection that sends the next delivery when the last one was answered."""

    def __init__(self, prepared: list[tuple[bytes, bytes]], offset: int, until: float) -> None:
        self.prepared, self.position, self.until = prepared, offset, until
        self.latencies: list[float] = []
        self.answered: list[str] = []
        self.other = 0
        self.delivery = ""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        head, rest = self.prepared[self.position % len(self.prepared)]
        self.position += 1
        self.delivery = uuid4().hex
        self.started = time.perf_counter()
        self.transport.write(head + self.delivery.encode() + rest)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if data.startswith(SUCCESS):
            self.latencies.append(now - self.started)
            self.answered.append(self.delivery)
        else:
            self.other += 1
        if now < self.until:
            self.send()
        elif not self.done.done():
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def send_ourselves(port: int, seconds: float, connections: int) -> Load:
    """As `send`, by our own sender; ends early when the server dies."""
    prepared, senders = requests(), list[Sender]()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for number in range(connections):

        def connect(number: int = number) -> Sender:
            return Sender(prepared, number * 3, started + seconds)

        _, sender = await loop.create_connection(connect, "127.0.0.1", port)
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    spent = time.perf_counter() - started
    latencies = sorted(value for sender in senders for value in sender.latencies)
    return Load(
        len(latencies),
        share(latencies, 0.5),
        share(latencies, 0.99),
        sum(sender.other for sender in senders),
        spent,
        frozenset(delivery for sender in senders for delivery in sender.answered),
    )


def share(ordered: list[float], part: float) -> float:
    """The value that `part` of the ordered ones do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")
