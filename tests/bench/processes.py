"""The servers that benchmarks measure, as processes of their own, and what they used."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.deliveries import SECRET
from tests.ports import free_port


@dataclass(frozen=True)
class Server:
    """A process that listens; `ready_after` seconds from its start."""

    port: int
    pid: int
    ready_after: float

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def cpu_seconds(self) -> float:
        """User and system time so far: what other load on the machine distorts least."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_megabytes(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def server(module: str, url: str, **environment: str) -> Iterator[Server]:
    """A module of Python that serves, set up by SKILL_FLEET_* variables."""
    with running([sys.executable, "-m", module], url, **environment) as there:
        yield there


@contextmanager
def running(command: Sequence[str], url: str, **environment: str) -> Iterator[Server]:
    port = free_port()
    variables = {
        "SKILL_FLEET_WEBHOOK_SECRET": SECRET,
        "SKILL_FLEET_DATABASE_URL": url,
        "SKILL_FLEET_PORT": str(port),
        **environment,
    }
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **variables}, stderr=subprocess.DEVNULL)
    try:
        _wait_ready(port, process)
        yield Server(port, process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(60)


def _wait_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the service did not start")
