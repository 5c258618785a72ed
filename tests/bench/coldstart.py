"""How soon `skill-fleet serve` is ready, and what it holds at rest: `python -m tests.bench.coldstart [--rounds 3]`.

The real service against the sandbox, with a model configured; modules are compiled, as an installation has them. The
first start makes the database, the others find it.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measure import as_installed, load
from tests.bench.processes import Server, running
from tests.github_sandbox import github_sandbox

BENCHMARK = "seconds from starting `skill-fleet serve` to ready, and memory at rest"
REST_SECONDS = 5


def start(command: list[str], url: str, environment: dict[str, str]) -> tuple[Server, float, float, float]:
    """The server, CPU seconds until ready, memory at rest in MB, and the share of a core it takes there."""
    with running(command, url, **environment) as there:
        cpu = there.cpu_seconds()
        time.sleep(1)
        before = there.cpu_seconds()
        time.sleep(REST_SECONDS)
        return there, cpu, there.resident_megabytes(), (there.cpu_seconds() - before) / REST_SECONDS


async def measure(folder: Path, rounds: int) -> None:
    async with github_sandbox(folder / "github") as github:
        environment = {
            **as_installed(str(folder / "compiled")),
            "SKILL_FLEET_GITHUB_API_URL": github.sandbox.api_url,
            "SKILL_FLEET_GITHUB_APP_ID": str(github.sandbox.app.id),
            "SKILL_FLEET_GITHUB_PRIVATE_KEY_FILE": str(github.sandbox.private_key_file),
            "SKILL_FLEET_MODEL": "openai/scripted",
            "SKILL_FLEET_MODEL_API_BASE": "http://127.0.0.1:9/v1",
            "SKILL_FLEET_MODEL_API_KEY": "none",
            "PYTHONDONTWRITEBYTECODE": "",
        }
        command = [sys.executable, "-m", "bot", "serve"]
        url = f"sqlite:///{folder}/bench.db"
        await asyncio.to_thread(start, command, f"sqlite:///{folder}/compiling.db", environment)
        for number in range(rounds + 1):
            there, cpu, memory, idle = await asyncio.to_thread(start, command, url, environment)
            print(
                f"{'empty' if number == 0 else 'known'} database: ready after {there.ready_after:.1f} s "
                f"({cpu:.1f} s of CPU), {memory:.0f} MB resident at rest, {idle:.1%} of a core; {load()}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options.rounds))


if __name__ == "__main__":
    main()
