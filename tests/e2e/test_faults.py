"""A sample of `make faults`, which takes long: each kind of trouble, two kills and three deaths in one journey."""

import random
from collections.abc import Iterator
from pathlib import Path

from bot.sandbox.faults import Kind
from tests.faults.journey import KILL, KINDS, played
from tests.faults.matrix import difference


async def test_trouble_at_any_write_and_death_before_any_record_change_nothing(tmp_path: Path) -> None:
    calm = await played(tmp_path / "calm")
    assert "**In full:**" in calm.picture, "a branch of long texts was made"
    assert '"skill-fleet/' not in calm.picture, "and dropped"
    rng = random.Random(5)
    kinds = [*KINDS[:4], KILL, *KINDS[4:], KILL]
    places = list(zip(kinds, _places(calm.writes, len(kinds), rng), strict=True))
    faults = {nth: Kind(kind) for kind, nth in places if kind != KILL}
    kills = frozenset(nth for kind, nth in places if kind == KILL)
    deaths = frozenset(1 + nth for nth in _places(calm.records, 3, rng))
    disturbed = await played(tmp_path / "disturbed", faults, deaths, kills)
    assert disturbed.struck == len(kinds) + len(deaths)
    assert difference(calm.picture, disturbed.picture) == "", (faults, deaths, kills)


def _places(count: int, parts: int, rng: random.Random) -> Iterator[int]:
    """One place at random in each of equal parts."""
    size = count // parts
    return (part * size + rng.randrange(size) for part in range(parts))
