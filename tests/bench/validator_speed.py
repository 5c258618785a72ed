"""How fast the validator is. Prints figures; `python tests/bench/validator_speed.py FOLDER` also compares on a corpus.

Cold start of one skill in CPU seconds, and, over a folder of skills, the wall time of all rules beside that of the
reference library `skills-ref`, which reads the same files in the same process order and checks about a sixth as much.
"""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SKILL = "---\nname: one\ndescription: Fills PDF forms. Use when a user asks for it.\n---\n\n# One\n\nRun `a.py`.\n"


def cold_cpu_seconds(runs: int = 7) -> float:
    """The least CPU time of a process that validates one skill."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "one").mkdir()
        (Path(folder) / "one" / "SKILL.md").write_text(SKILL)
        best = float("inf")
        for _ in range(runs):
            before = os.times()
            subprocess.run(
                [sys.executable, "-m", "bot", "validate", f"{folder}/one"],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            after = os.times()
            spent = after.children_user - before.children_user + after.children_system - before.children_system
            best = min(best, spent)
    return best


def corpus(folder: Path) -> None:
    """Prints the wall times over a folder of skills, and the memory used."""
    from skills_ref.validator import validate as reference

    from pipeline.skills.validation import validate

    start = time.perf_counter()
    report = validate(folder, jobs=0)
    ours = time.perf_counter() - start
    start = time.perf_counter()
    for skill in report.skills:
        with contextlib.suppress(Exception):
            reference(folder / skill.path)
    theirs = time.perf_counter() - start
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{len(report.skills)} skills: ours {ours:.2f} s, skills-ref {theirs:.2f} s, {memory / 1024:.0f} MiB at most")


if __name__ == "__main__":
    print(f"one skill, cold: {cold_cpu_seconds():.3f} s CPU")
    if len(sys.argv) > 1:
        sys.path.insert(0, str(ROOT))
        corpus(Path(sys.argv[1]))
