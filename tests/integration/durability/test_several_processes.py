"""Three processes on one PostgreSQL: one killed for good, one frozen past its lease and thawed."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from bot.serve import EXIT_LEASE_LOST
from tests.integration.durability.harness import deliver_until_accepted, line_count, probes, settled

pytestmark = [pytest.mark.timeout(150), pytest.mark.postgres]


async def test_the_living_take_over_from_the_dead_and_a_thawed_process_saves_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    jobs, events = 9, 2
    environment = {"PROBE_CALL_SECONDS": "0.4", "SKILL_FLEET_LEASE_SECONDS": "4", "SKILL_FLEET_WORKERS": "3"}
    chance = random.Random(7)
    async with probes(postgres_url, tmp_path, count=3, **environment) as running:
        await running[0].start()
        await asyncio.gather(*(probe.start() for probe in running[1:]))
        dead, frozen, alive = running

        async def talk(number: int) -> None:
            for event in range(events):
                await deliver_until_accepted(lambda: chance.choice(running).port, number, f"{number}-{event}")

        await asyncio.gather(*(talk(number) for number in range(1, jobs + 1)))
        async with asyncio.timeout(60):
            while line_count(tmp_path, "^end ") < 12:
                await asyncio.sleep(0.05)
        await dead.kill()
        frozen.send(signal.SIGSTOP)
        done = await settled(postgres_url, tmp_path, lambda seen: seen.open_events == 0, seconds=60)
        wanted = {f"7:{n}": [f"{n}-{event}" for event in range(events)] for n in range(1, jobs + 1)}
        assert done.deliveries == wanted
        frozen.send(signal.SIGCONT)
        assert await frozen.wait() == EXIT_LEASE_LOST, "it finds out that others took over, and ends itself"
        assert (await settled(postgres_url, tmp_path, lambda _: True)).deliveries == wanted
        interrupted = sum(times - 1 for times in done.begun.values())
        print(f"\none killed, one frozen: {interrupted} calls were in flight and asked again")
        assert interrupted <= 2 * 3 * 3
        assert alive.process is not None
        assert alive.process.returncode is None
