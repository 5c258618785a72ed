"""Every rule over a corpus, against the reference library over the same files in the same run.

Target: less wall time than the library, although it runs a fraction of the checks; linear in size; at most 300 MiB.
Measured as the command runs (the cores shared from a hundred skills on), and in one process for comparison. The rounds
of the three alternate, so that a busy machine is busy for all.
"""

import os
import random
import shutil
import tempfile
from pathlib import Path
from statistics import median

from tests.bench.corpus import corpus, skill_folders
from tests.bench.measure import Measured, load, measure, python

BENCHMARK = "all rules over a corpus against skills-ref, memory, linearity (target: less wall time, <= 300 MiB)"
ROUNDS = 5

OURS = """
import sys, time
from pipeline.skills.validation import collect_less, validate
collect_less()
started = time.perf_counter()
report = validate(sys.argv[1], jobs=int(sys.argv[2]))
print(f"{time.perf_counter() - started:.3f} {len(report.skills)} {len(report.findings)}")
"""

REFERENCE = """
import sys, time
from pathlib import Path
from skills_ref import validate
folders = [path.parent for path in sorted(Path(sys.argv[1]).rglob("SKILL.md"))]
started = time.perf_counter()
found = 0
for folder in folders:
    try:
        found += len(validate(folder))
    except Exception:
        found += 1
print(f"{time.perf_counter() - started:.3f} {len(folders)} {found}")
"""


def seconds(run: Measured) -> float:
    """Wall time of the validation alone, without start-up, as the process itself took it."""
    if run.status != 0:
        raise SystemExit(run.output[-2000:])
    return float(run.output.split()[0])


def rounds(root: Path, *runs: tuple[str, ...]) -> list[list[Measured]]:
    """For each piece of code with its words what every round took, first to last."""
    took = [[measure(python(code, str(root), *words)) for code, *words in runs] for _ in range(ROUNDS)]
    return [list(each) for each in zip(*took, strict=True)]


def show(name: str, run: Measured) -> None:
    _, skills, found = run.output.split()
    print(
        f"  {name:<22} {seconds(run):7.2f} s wall   whole process {run.cpu:6.2f} s CPU, {run.wall:6.2f} s wall, "
        f"{run.memory:4.0f} MiB   {skills} skills, {found} findings"
    )


def linearity(root: Path) -> None:
    """The same skills, a quarter, a half and all of them: the time per skill should stay."""
    folders = skill_folders(root)
    random.Random(3).shuffle(folders)
    for share in (4, 2, 1):
        with tempfile.TemporaryDirectory() as copy:
            for number, folder in enumerate(folders[: len(folders) // share]):
                shutil.copytree(folder, Path(copy) / f"group-{number % 97}" / f"{number}" / folder.name, symlinks=True)
            run = min(rounds(Path(copy), (OURS, "1"))[0], key=seconds)
            count = len(folders) // share
            print(f"  {count:>6} skills  {seconds(run):7.2f} s   {1000 * seconds(run) / count:6.2f} ms per skill")


def main() -> None:
    with corpus() as (root, what):
        print(f"{what}; best of {ROUNDS} rounds, {load()}, {len(os.sched_getaffinity(0))} usable cores")
        shared, alone, reference = rounds(root, (OURS, "0"), (OURS, "1"), (REFERENCE,))
        show("Skill Fleet, all rules", min(shared, key=seconds))
        show("the same, one process", min(alone, key=seconds))
        show("skills-ref", min(reference, key=seconds))
        for name, runs in (("Skill Fleet", shared), ("one process", alone)):
            # Round by round: a processor that is faster for a minute is faster for both.
            ratios = sorted(seconds(run) / seconds(other) for run, other in zip(runs, reference, strict=True))
            print(
                f"  {name} takes {median(ratios):.2f} of the reference library's wall time "
                f"({ratios[0]:.2f} to {ratios[-1]:.2f}), round by round"
            )
        ratio = median(run.cpu / other.cpu for run, other in zip(alone, reference, strict=True))
        print(f"  one process uses {ratio:.2f} of its processor time, start-up included")
        print("linearity:")
        linearity(root)


if __name__ == "__main__":
    main()
