"""Runs the benchmarks by name, or all of them: `python -m tests.bench [NAME...]`.

A benchmark is a module of this package with `BENCHMARK`, one line that says what it measures, and `main()`, which
prints figures. Each runs in a process of its own, so that none warms up or burdens the next.
"""

import ast
import subprocess
import sys
from pathlib import Path


def benchmarks() -> dict[str, str]:
    """Name -> what it measures, without importing anything."""
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == "BENCHMARK" for t in node.targets
            ):
                found[path.stem] = ast.literal_eval(node.value)
    return found


def main() -> int:
    known = benchmarks()
    names = sys.argv[1:] or list(known)
    if unknown := [name for name in names if name not in known]:
        print(f"no benchmark called {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    status = 0
    for name in names:
        print(f"\n== {name}: {known[name]}", flush=True)
        status |= subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode
    return min(status, 1)


if __name__ == "__main__":
    sys.exit(main())
