"""Is anything lost that was answered? `python -m tests.bench.kill [--rounds 3] [--seconds 3]`; exit 1 when so.

The service is killed with SIGKILL under full load; every delivery that had its answer has to be in the database.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile

from tests.bench.deliveries import send_ourselves
from tests.bench.processes import Server, server

BENCHMARK = "deliveries lost when the service is killed under full load: none"


async def until_killed(there: Server, seconds: float) -> frozenset[str]:
    sending = asyncio.create_task(send_ourselves(there.port, seconds + 30, 64))
    await asyncio.sleep(seconds)
    there.kill()
    return (await sending).answered


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    answered, stored = set[str](), set[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/bench.db"
        for _ in range(options.rounds):
            with server("tests.bench.server", f"sqlite:///{path}") as there:
                answered |= asyncio.run(until_killed(there, options.seconds))
        with sqlite3.connect(path) as connection:
            stored = {row[0] for row in connection.execute("SELECT delivery FROM inbox")}
    lost = answered - stored
    print(
        f"kill: {options.rounds} kills, answered={len(answered)} lost={len(lost)}; {len(stored - answered)} unanswered"
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
