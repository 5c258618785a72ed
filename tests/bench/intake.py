"""How many signed deliveries a second are durable, and how long each waits for its answer.

`python -m tests.bench.intake [--seconds 10] [--connections 64] [--url postgresql://...]`: the server and this load
generator share the machine. Every answer counted is a 202 given after the row was on the disk.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

BENCHMARK = "durable deliveries a second, beside a bare server doing the least that is durable"
SECRET = "benchmark-secret-0123456789"
BODY_BYTES = 13_000
ISSUES = 200


def comment_event(number: int) -> bytes:
    payload = {
        "action": "created",
        "issue": {"number": number, "title": "A skill", "body": "x" * (BODY_BYTES - 300)},
        "comment": {"id": 1, "body": "an answer", "user": {"login": "ada", "type": "User"}},
        "repository": {"id": 7, "name": "skills", "owner": {"login": "acme"}},
        "installation": {"id": 3},
        "sender": {"login": "ada", "type": "User"},
    }
    return json.dumps(payload).encode()


def requests(count: int) -> list[tuple[bytes, bytes]]:
    """(head before the delivery id, rest) of ready-made requests."""
    made = []
    for number in range(1, count + 1):
        body = comment_event(number)
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        head = (
            "POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"X-GitHub-Event: issue_comment\r\nContent-Length: {len(body)}\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\nX-GitHub-Delivery: "
        )
        made.append((head.encode(), b"\r\n\r\n" + body))
    return made


class Sender(asyncio.Protocol):
    """One connection that sends the next delivery when the last one was answered."""

    def __init__(self, prepared: list[tuple[bytes, bytes]], offset: int, until: float) -> None:
        self.prepared, self.position, self.until = prepared, offset, until
        self.latencies: list[float] = []
        self.other = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        head, rest = self.prepared[self.position % len(self.prepared)]
        self.position += 1
        self.started = time.perf_counter()
        self.transport.write(head + uuid4().hex.encode() + rest)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if data.startswith(b"HTTP/1.1 202"):
            self.latencies.append(now - self.started)
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


async def load(port: int, seconds: float, connections: int) -> tuple[list[float], int]:
    """(seconds per accepted delivery, answers other than 202)."""
    prepared = requests(ISSUES)
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    senders = []
    for n in range(connections):
        _, sender = await loop.create_connection(lambda n=n: Sender(prepared, n * 3, until), "127.0.0.1", port)  # type: ignore[misc]
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    return [value for sender in senders for value in sender.latencies], sum(sender.other for sender in senders)


@contextmanager
def server(module: str, url: str, **environment: str) -> Iterator[tuple[int, int]]:
    """The service in a process of its own; its port and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    variables = {
        "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
        "SKILL_FLEET_DATABASE_URL": url,
        "SKILL_FLEET_PORT": str(port),
        **environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module], env={**os.environ, **variables}, stderr=subprocess.DEVNULL
    )
    try:
        wait_ready(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(60)


def wait_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the service did not start")


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far: what other load on the machine does not distort."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1_000


@dataclass(frozen=True)
class Figures:
    """What one run gave."""

    name: str
    rate: float
    p50: float
    p99: float
    cpu: float
    other: int

    def __str__(self) -> str:
        return (
            f"{self.name:<12} {self.rate:>7,.0f} durable deliveries/s   p50 {self.p50:>4.0f} ms   "
            f"p99 {self.p99:>4.0f} ms   "
            f"{self.cpu:>4.0f} µs of CPU each   other answers {self.other}"
        )


def measure(name: str, module: str, url: str, seconds: float, connections: int) -> Figures:
    with server(module, url) as (port, process):
        before = cpu_seconds(process)
        latencies, other = asyncio.run(load(port, seconds, connections))
        spent = (cpu_seconds(process) - before) / len(latencies) * 1e6
    rate = len(latencies) / seconds
    return Figures(name, rate, percentile(latencies, 0.5), percentile(latencies, 0.99), spent, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--url", help="another database than a new SQLite file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bare = measure(
            "bare aiohttp", "tests.bench.bare", f"sqlite:///{folder}/bare.db", options.seconds, options.connections
        )
        url = options.url or f"sqlite:///{folder}/bench.db"
        ours = measure("skill-fleet", "tests.bench.server", url, options.seconds, options.connections)
    print(bare)
    print(ours)
    print(
        print(f"intake: {ours.rate / bare.rate:.2f} of the bare rate beside it, {ours.cpu / bare.cpu:.1f} of its CPU")
    )


if __name__ == "__main__":
    main()
