"""The one file the composite starts, in isolated mode: `python -I start.py prepare | install | validate`.

Isolated mode puts neither the workspace nor this folder on the import path; the Action's own root is put there here,
so `pipeline` is always the copy that came with the Action and never one from the checked-out repository.
"""

from __future__ import annotations

import os
import sys


def main(words: list[str]) -> int:
    """Runs one step of the Action and returns its exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the runner's own Python may be any; say so instead of a SyntaxError
        found = sys.version.split()[0]
        sys.stdout.write(
            f"::error title=Skill Fleet::This needs Python 3.11 or newer, and the runner has {found}. Leave the input "
            "python-version at its default, or name a newer one.\n"
        )
        return 2
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)).rsplit(os.sep, 3)[0])
    if words == ["validate"]:
        from pipeline.skills.action.run import run

        return run(os.environ)
    from pipeline.skills.action.environment import step

    return step(words, os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
