"""How soon a person sees that they were heard: `python -m tests.bench.presence [--comments 20]`."""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from tests.e2e.town import Town, town

BENCHMARK = "time from a comment to the bot's 👀, whole product over HTTP on SQLite, without GitHub's pacing"


async def one(there: Town, number: int) -> float:
    started = time.perf_counter()
    comment = await there.github.as_user("riley").comment(number, "/skill status")
    issue = there.github.sandbox.repository.issues[number]

    async def seen() -> bool:
        found = next(each for each in issue.comments if each.id == comment)
        return any(reaction.content == "eyes" for reaction in found.reactions)

    await there.github.until(seen)
    elapsed = time.perf_counter() - started
    await there.bot.quiet()
    return elapsed


async def run(comments: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with town(Path(folder), f"sqlite:///{folder}/bench.db") as there:
            number = await there.file()
            times = sorted([await one(there, number) for _ in range(comments)])
    worst = times[int(0.95 * (len(times) - 1))]
    print(f"median {1000 * statistics.median(times):.0f} ms, 95th percentile {1000 * worst:.0f} ms of {comments}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=20)
    asyncio.run(run(parser.parse_args().comments))


if __name__ == "__main__":
    main()
