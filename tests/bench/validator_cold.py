"""One skill in a process of its own, as an editor, a hook or the Action starts it. Target: at most 0.25 s of CPU.

Modules are compiled beforehand, as installing them does; without that, a start compiles every source file again.
"""

import sys
import tempfile
from pathlib import Path

from tests.bench.corpus import write_skills
from tests.bench.measure import as_installed, best, load, measure, python

BENCHMARK = "one skill, cold process (target: CPU <= 0.25 s)"
TIMES = 12


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_skills(Path(folder), 1)
        (skill,) = (path.parent for path in Path(folder).rglob("SKILL.md"))
        rows = {
            "python itself": python("pass"),
            "import yaml": python("import yaml"),
            "import markdown_it": python("import markdown_it"),
            "validate one skill": [sys.executable, "-m", "bot", "validate", str(skill)],
        }
        compiled = as_installed(str(Path(folder) / "compiled"))
        print(f"best of {TIMES} runs, {load()}")
        for name, command in rows.items():
            measure(command, environ=compiled)
            found = best(command, TIMES, environ=compiled)
            print(f"  {name:<22} CPU {found.cpu:6.3f} s   wall {found.wall:6.3f} s   memory {found.memory:5.0f} MiB")


if __name__ == "__main__":
    main()
