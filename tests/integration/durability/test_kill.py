"""`kill -9` of a real process at the worst moments, on both databases."""

import asyncio
import random
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.integration.durability.harness import deliver, deliver_until_accepted, probes, settled, until_line

pytestmark = pytest.mark.timeout(150)


async def test_a_kill_in_the_middle_of_a_call_repeats_that_call_and_no_other(database_url: str, tmp_path: Path) -> None:
    async with probes(database_url, tmp_path, PROBE_CALL_SECONDS="0.3", SKILL_FLEET_LEASE_SECONDS="4") as [probe]:
        await probe.start()
        await deliver_until_accepted(lambda: probe.port, 1, "d1")
        await until_line(tmp_path, r"^begin .* 4$")
        await probe.kill()
        await probe.start()
        done = await settled(database_url, tmp_path, lambda seen: seen.calls.get("7:1") == 8 and not seen.open_events)
    assert done.deliveries == {"7:1": ["d1"]}
    assert done.open_events == 0
    repeated = {call: times for call, times in done.begun.items() if times > 1}
    assert {call.split()[-1] for call in repeated} <= {"4"}
    assert all(times == 1 for times in done.ended.values())


async def test_an_event_answered_202_is_processed_even_if_the_process_dies_at_once(
    database_url: str, tmp_path: Path
) -> None:
    environment = {"PROBE_CALL_SECONDS": "0.01", "SKILL_FLEET_LEASE_SECONDS": "4"}
    async with probes(database_url, tmp_path, **environment) as [probe], aiohttp.ClientSession() as session:
        await probe.start()
        assert await deliver(session, probe.port, 1, "d1") == 202
        await probe.kill()
        await probe.start()
        await settled(database_url, tmp_path, lambda seen: seen.deliveries.get("7:1") == ["d1"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_deploy_that_changes_the_steps_in_mid_phase_is_healed_by_the_sweeper(
    database_url: str, tmp_path: Path
) -> None:
    async with probes(database_url, tmp_path, PROBE_CALL_SECONDS="0.2", SKILL_FLEET_LEASE_SECONDS="4") as [probe]:
        await probe.start()
        await deliver_until_accepted(lambda: probe.port, 1, "d1")
        await until_line(tmp_path, r"^begin .* 4$")
        await probe.kill()
        probe.environment["PROBE_VERSION"] = "2"
        await probe.start()
        done = await settled(database_url, tmp_path, lambda seen: seen.calls.get("7:1") == 8, seconds=90)
    assert done.deliveries == {"7:1": ["d1"]}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_graceful_stop_finishes_what_runs_and_pays_nothing_twice(database_url: str, tmp_path: Path) -> None:
    async with probes(database_url, tmp_path, PROBE_CALL_SECONDS="0.2") as [probe], aiohttp.ClientSession() as session:
        await probe.start()
        await deliver_until_accepted(lambda: probe.port, 1, "d1")
        await until_line(tmp_path, r"^begin .* 4$")
        await until_line(tmp_path, r"^kept from the garbage collector: \d{5,}$")
        probe.send(signal.SIGTERM)
        assert await probe.wait() == 0
        assert await deliver(session, probe.port, 1, "d2") == 0
        await probe.start()
        done = await settled(database_url, tmp_path, lambda seen: seen.calls.get("7:1") == 8)
    assert all(times == 1 for times in done.begun.values())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_second_process_refuses_to_start_and_names_the_first(database_url: str, tmp_path: Path) -> None:
    async with probes(database_url, tmp_path, count=2) as [first, second]:
        await first.start()
        with pytest.raises(RuntimeError, match=r"is in use by process \d+ on "):
            await second.start()
        assert await second.wait() == 2
        await first.kill()
        await second.start()  # the lock of a process that died is free


async def test_random_kills_lose_nothing_and_repeat_only_what_they_interrupted(
    database_url: str, tmp_path: Path
) -> None:
    jobs, events, kills = 12, 3, 5
    chance = random.Random(20_260_301)
    async with probes(database_url, tmp_path, PROBE_CALL_SECONDS="0.03", SKILL_FLEET_LEASE_SECONDS="4") as [probe]:
        await probe.start()

        async def talk(number: int) -> None:
            for event in range(events):
                await asyncio.sleep(chance.uniform(0, 3))
                await deliver_until_accepted(lambda: probe.port, number, f"{number}-{event}")

        senders = [asyncio.create_task(talk(number)) for number in range(1, jobs + 1)]
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            await probe.kill()
            await probe.start()
        await asyncio.gather(*senders)
        total = {f"7:{n}": [f"{n}-{event}" for event in range(events)] for n in range(1, jobs + 1)}
        done = await settled(database_url, tmp_path, lambda seen: seen.open_events == 0, seconds=100)
    assert done.deliveries == total, "every accepted event once, in order of arrival"
    repeated = sum(times - 1 for times in done.begun.values())
    print(f"\n{kills} kills: {sum(done.begun.values())} calls begun, {repeated} of them interrupted by a kill")
    assert repeated <= kills * 16 * 3, "no more than what can be in flight at a kill"
