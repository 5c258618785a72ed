"""`make faults`: every kind of trouble at every write of a journey, and a death before every record of an effect.

TOGETHER=N puts N troubles into a journey (1: each alone), SAMPLE=N plays N journeys by SEED instead of all, PART=2/4
only the second quarter of them, JOBS=N runs that many side by side. Exit 1 when any outcome differs from the calm one.
"""

import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.faults.matrix import journeys, problem, run


def main() -> int:
    calm = run(())
    if isinstance(calm, str):
        print(f"the undisturbed journey failed: {calm}")
        return 1
    rng = random.Random(_number("SEED", 0))
    planned = list(journeys(calm, _number("TOGETHER", 6), rng))
    if sample := _number("SAMPLE", 0):
        planned = rng.sample(planned, min(sample, len(planned)))
    part, _, parts = (os.environ.get("PART") or "1/1").partition("/")
    planned = planned[int(part) - 1 :: int(parts)]
    print(f"{calm.writes} writes, {calm.records} records; {len(planned)} disturbed journeys", flush=True)
    good: Counter[str] = Counter()
    every = Counter(case.kind for journey in planned for case in journey)
    bad, started = 0, time.monotonic()
    with ProcessPoolExecutor(_number("JOBS", os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        for number, (journey, outcome) in enumerate(zip(planned, pool.map(run, planned), strict=True), start=1):
            if number % 10 == 0:
                print(f"… {number}", flush=True)
            if words := problem(journey, calm, outcome):
                bad += 1
                print(f"{', '.join(map(str, journey))}:\n{words}", flush=True)
            else:
                good.update(case.kind for case in journey)
    for kind, count in sorted(every.items()):
        print(f"  {kind:<14}{good[kind]:>4} of {count} changed nothing")
    print(f"{'identical' if not bad else f'{bad} journeys DIFFER'} ({time.monotonic() - started:.0f} s)")
    return 1 if bad else 0


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name) or default)


if __name__ == "__main__":
    sys.exit(main())
