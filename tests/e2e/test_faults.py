"""A sample of `make faults`, which takes minutes: six troubles of different kinds and three deaths in one journey."""

import random
from pathlib import Path

from bot.sandbox.faults import Kind
from tests.faults.journey import KINDS, played
from tests.faults.matrix import difference


async def test_trouble_at_any_write_and_death_before_any_record_change_nothing(tmp_path: Path) -> None:
    calm = await played(tmp_path / "calm")
    rng = random.Random(5)
    sixth, third = calm.writes // 6, calm.records // 3
    faults: dict[int, Kind] = {
        part * sixth + rng.randrange(sixth): kind for part, kind in enumerate((*KINDS, KINDS[1]))
    }
    deaths = frozenset(1 + part * third + rng.randrange(third) for part in range(3))
    disturbed = await played(tmp_path / "disturbed", faults, deaths)
    assert disturbed.struck == len(faults) + len(deaths)
    assert difference(calm.picture, disturbed.picture) == "", (faults, deaths)
