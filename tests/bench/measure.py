"""Measuring child processes: wall time, processor time and memory, so that nothing of this process is counted."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """What one process used. Seconds, and MiB at its peak. `output` is what it printed; status -1 is a timeout."""

    wall: float
    cpu: float
    memory: float
    status: int
    output: str


def measure(command: Sequence[str], *, seconds: float = 600, environ: dict[str, str] | None = None) -> Measured:
    """Runs a program to its end, or to a timeout."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, text=True)
    assert process.stdout is not None
    timer = _Timer(process, seconds)
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    timed_out = timer.stop()
    code = -1 if timed_out else process.returncode
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code, output)


class _Timer:
    """Kills a process after so many seconds."""

    def __init__(self, process: subprocess.Popen[str], seconds: float) -> None:
        import threading

        self._fired = False
        self._process = process
        self._timer = threading.Timer(seconds, self._kill)
        self._timer.start()

    def _kill(self) -> None:
        self._fired = True
        self._process.kill()

    def stop(self) -> bool:
        self._timer.cancel()
        return self._fired


def best(command: Sequence[str], times: int, *, environ: dict[str, str] | None = None) -> Measured:
    """The run that used the least processor time: what is above it was somebody else's doing."""
    return min((measure(command, environ=environ) for _ in range(times)), key=lambda measured: measured.cpu)


def as_installed(folder: str) -> dict[str, str]:
    """An environment in which modules are compiled once and kept, in `folder`, as an installation keeps them."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def python(code: str, *words: str) -> list[str]:
    """A command that runs a piece of Python here."""
    return [sys.executable, "-c", code, *words]


def load() -> str:
    """How busy the machine is, since that decides how far the figures can be trusted."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
