"""How soon a person sees 👀 where no server runs: `python -m tests.bench.noserver [--times 3]`.

All steps of the action in processes of their own, as a runner starts them: the state over git's HTTP transport, the
reaction, an environment from the locked packages, the event stored, the answer. Python is there already; GitHub's own
time to start a runner, and the download of the cache, are not part of it. Cold: packages from the index that pip is
set to.
Late is the reaction that the run itself makes where the first step cannot be sure (a command right below a list).
"""

import argparse
import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measure import load
from tests.integration.noserver.composite import downloaded, runner
from tests.integration.noserver.test_runs import STRAIGHT
from tests.integration.noserver.town import BOT, Town, town

BENCHMARK = "no server: from the first step to 👀 (target: <= 6 s with a warm dependency cache)"

LATE = "- One question:\n/skill status"


async def one(here: Town, number: int, root: Path, action: Path, words: str = "/skill status") -> tuple[float, float]:
    """Seconds to the reaction, and to the end of the run."""
    comment = await here.github.as_user("morgan").comment(number, words)
    event, payload = here.waiting.popleft()
    machine = runner(action, root, here.environ(event, payload), here.token)
    issue = here.github.sandbox.repository.issues[number]
    started = time.perf_counter()
    running = asyncio.create_task(asyncio.to_thread(machine.run, event, payload))

    async def seen() -> bool:
        found = next(each for each in issue.comments if each.id == comment)
        return any((each.user.login, each.content) == (BOT, "eyes") for each in found.reactions)

    await here.github.until(seen, seconds=600, what="eyes")
    elapsed = time.perf_counter() - started
    run = await running
    assert run.status == 0, run.log
    ended = time.perf_counter() - started
    if not any(machine.cache.glob("*")):
        machine.save_cache(run)
    shutil.rmtree(machine.temporary)
    return elapsed, ended


async def alone(here: Town, number: int, action: Path) -> float:
    """Processor seconds of the step that reacts, with git's."""
    await here.github.as_user("morgan").comment(number, "/skill status")
    environ = os.environ | here.environ(*here.waiting.popleft()) | {"INPUT_TOKEN": here.token}
    environ["GITHUB_OUTPUT"] = str(action / "output")
    start = action.parent / "pipeline" / "skills" / "action" / "start.py"
    before = used()
    command = [sys.executable, "-I", str(start), "bot.noserver.eyes", "react"]
    await asyncio.to_thread(subprocess.run, command, env=environ, check=True)
    assert "yes" in (action / "output").read_text()
    return used() - before


def used() -> float:
    """Processor seconds of all processes that were started and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


async def run(times: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        async with town(root / "town", STRAIGHT) as here:
            number = await here.file()
            action = downloaded(root / "action")
            cold = await one(here, number, root / "machine", action)
            print(f"cold cache: 👀 after {cold[0]:.1f} s, end after {cold[1]:.1f} s; {load()}", flush=True)
            warm = sorted([await one(here, number, root / "machine", action) for _ in range(times)])
            shown = ", ".join(f"{eyes:.1f} ({ended:.1f})" for eyes, ended in warm)
            print(f"warm cache: 👀 after {warm[0][0]:.1f} s at best; all {times} with their ends: {shown} s; {load()}")
            amid = await one(here, number, root / "machine", action, "One question:\n/skill status")
            print(f"warm cache, amid words: 👀 after {amid[0]:.1f} s, end after {amid[1]:.1f} s; {load()}", flush=True)
            before = used()
            late = await one(here, number, root / "machine", action, LATE)
            print(f"warm cache, late: 👀 after {late[0]:.1f} s, end after {late[1]:.1f} s; {load()}")
            whole = used() - before
            print(
                f"processor: {await alone(here, number, action):.2f} s to 👀, {whole:.1f} s for a whole run; {load()}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=3)
    asyncio.run(run(parser.parse_args().times))


if __name__ == "__main__":
    main()
