"""Ten thousand skills in one tree, by the command: time, memory, and how often progress was told."""

import sys
import tempfile
from pathlib import Path

from tests.bench.corpus import write_skills
from tests.bench.measure import load, measure, python

BENCHMARK = "10,000 skills in one tree (target: <= 300 MiB, progress)"
SKILLS = 10_000

PROGRESS = """
import sys
from pipeline.skills.validation import validate
told = []
report = validate(sys.argv[1], progress=lambda done, total: told.append(done))
print(len(report.skills), len(told), report.seconds)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_skills(Path(folder), SKILLS)
        print(load())
        run = measure(python(PROGRESS, folder))
        if run.status != 0:
            raise SystemExit(run.output[-2000:])
        skills, told, seconds = run.output.split()
        print(f"  library: {skills} skills in {float(seconds):.1f} s, {run.memory:.0f} MiB, progress told {told} times")
        run = measure(
            [sys.executable, "-m", "bot", "validate", folder, "--format", "json", "--output", f"{folder}/r.json"]
        )
        size = Path(folder, "r.json").stat().st_size / 2**20
        print(
            f"  command, JSON: {run.wall:.1f} s wall, {run.memory:.0f} MiB, report of {size:.1f} MiB, exit {run.status}"
        )


if __name__ == "__main__":
    main()
