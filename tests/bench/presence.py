"""How soon a person sees that they were heard, and the work goes on: `python -m tests.bench.presence`."""

import argparse
import asyncio
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.measure import load
from tests.e2e.town import Town, town

BENCHMARK = "time from a comment to the bot's 👀, and from a reply to the phase that goes on; without GitHub's pacing"


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


async def resumed(there: Town) -> float:
    """Seconds from a reply to a question until the phase that asked goes on, by the job's own timeline."""
    number = await there.file()
    replied = datetime.now(UTC)
    await there.say("riley", number, "Only for releases; the reader is a user of the library.")
    job = await there.bot.job(number)
    entries = [entry for entry in await there.bot.service.stores.timeline.of(job.key) if entry.event.at > replied]
    return min((entry.event.at - replied).total_seconds() for entry in entries)


async def run(comments: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with town(Path(folder), f"sqlite:///{folder}/bench.db", log_level="ERROR") as there:
            number = await there.file()
            tell("from a comment to 👀", [await one(there, number) for _ in range(comments)])
            tell("from a reply to the phase that goes on", [await resumed(there) for _ in range(max(1, comments // 2))])


def tell(what: str, times: list[float]) -> None:
    worst = sorted(times)[int(0.95 * (len(times) - 1))]
    median = statistics.median(times)
    print(f"{what}: median {1000 * median:.0f} ms, 95th percentile {1000 * worst:.0f} ms of {len(times)}; {load()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=20)
    asyncio.run(run(parser.parse_args().comments))


if __name__ == "__main__":
    main()
