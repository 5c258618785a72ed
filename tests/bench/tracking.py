"""What a tracking server that is dead costs a job: `python -m tests.bench.tracking [--rounds 3]`.

The same request goes from issue to review without tracking and with it, in turn. The server's address is a closed port,
or one that takes the connection and stays silent.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from aiohttp.test_utils import unused_port

from tests.e2e.town import town

BENCHMARK = "a job's time with a dead MLflow server over the same without tracking (target: no delay, ratio about 1)"


async def journey(uri: str) -> tuple[float, float]:
    """Wall and processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        async with town(Path(folder), f"sqlite:///{folder}/bench.db", mlflow_tracking_uri=uri) as there:
            started, worked = time.perf_counter(), time.process_time()
            await there.to_review()
            return time.perf_counter() - started, time.process_time() - worked


async def run(rounds: int) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    addresses = {
        "without tracking": "",
        "closed port": f"http://127.0.0.1:{unused_port()}",
        "silent server": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in addresses}
    await journey(addresses["closed port"])  # imports MLflow
    for _ in range(rounds):
        for name, uri in addresses.items():
            times[name].append(await journey(uri))
    server.close()
    plain = statistics.median(wall for wall, _ in times["without tracking"])
    for name, taken in times.items():
        wall = statistics.median(wall for wall, _ in taken)
        cpu = statistics.median(cpu for _, cpu in taken)
        print(f"{name}: {wall:.2f} s from issue to review (ratio {wall / plain:.2f}), {cpu:.2f} s of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
