"""How many signed deliveries a second are durable, and how long each waits for its answer.

`python -m tests.bench.intake [--seconds 10] [--rounds 2] [--connections 64] [--url postgresql://...]`: servers and
sender share the machine; the servers take turns and the best round of each counts, for what is above it was somebody
else's doing. Beside the service: a bare aiohttp server with grouped inserts, and Probot with one insert a delivery.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import executable

from tests.bench import probot
from tests.bench.deliveries import Load, send, sender
from tests.bench.measure import load
from tests.bench.processes import running

BENCHMARK = "durable deliveries a second, beside a bare server that does the least, and beside Probot"
BARE, OURS, PROBOT = "bare aiohttp", "skill-fleet", "probot"


@dataclass(frozen=True)
class Figures:
    """What one run gave; CPU in seconds a delivery."""

    name: str
    seen: Load
    cpu: float

    @property
    def rate(self) -> float:
        return self.seen.count / self.seen.seconds

    def __str__(self) -> str:
        return (
            f"{self.name:<12} {self.rate:>7,.0f} durable deliveries/s   p50 {1000 * self.seen.p50:>4.0f} ms   "
            f"p99 {1000 * self.seen.p99:>4.0f} ms   {1e6 * self.cpu:>4.0f} µs of CPU each   "
            f"other answers {self.seen.other}"
        )


def measure(name: str, command: Sequence[str], url: str, seconds: float, connections: int) -> Figures:
    with running(command, url) as server:
        before = server.cpu_seconds()
        seen = send(server.port, seconds, connections)
        return Figures(name, seen, (server.cpu_seconds() - before) / max(seen.count, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--url", help="another database for the service than a new SQLite file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, Sequence[str]] = {
            BARE: [executable, "-m", "tests.bench.bare"],
            OURS: [executable, "-m", "tests.bench.server"],
        }
        if (program := probot.install(Path(folder))) is not None:
            commands[PROBOT] = ["node", str(program)]
        print(f"sent by {sender()}; {load()}", flush=True)
        runs: dict[str, list[Figures]] = {name: [] for name in commands}
        for number in range(options.rounds):
            for name, command in commands.items():
                url = options.url if name == OURS and options.url else f"sqlite:///{folder}/{name[:4]}{number}.db"
                runs[name].append(measure(name, command, url, options.seconds, options.connections))
                print(runs[name][-1], flush=True)
    rates = {name: max(run.rate for run in found) for name, found in runs.items()}
    cpu = {name: min(run.cpu for run in found) for name, found in runs.items()}
    print(f"intake: {rates[OURS] / rates[BARE]:.2f} of the bare rate, {cpu[OURS] / cpu[BARE]:.2f} of its CPU")
    if PROBOT in rates:
        print(f"intake: {rates[OURS] / rates[PROBOT]:.2f} of Probot's rate, {cpu[OURS] / cpu[PROBOT]:.2f} of its CPU")
    else:
        print("Probot was left out: it needs Node.js with npm")


if __name__ == "__main__":
    main()
