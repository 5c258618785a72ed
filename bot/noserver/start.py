"""The one file the composite starts, in isolated mode: `python -I start.py prepare | install | run`.

Isolated mode puts neither the working folder nor this one on the import path; the root of this copy of Skill Fleet is
put there here, so nothing of the repository that the workflow serves is ever imported. Nothing of it is checked out.
"""

from __future__ import annotations

import os
import sys


def main(words: list[str]) -> int:
    """Runs one step of the action and returns its exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the runner's own Python may be any; say so instead of a SyntaxError
        found = sys.version.split()[0]
        sys.stdout.write(
            f"::error title=Skill Fleet::This needs Python 3.11 or newer, and the runner has {found}. Leave the input "
            "python-version at its default, or name a newer one.\n"
        )
        return 2
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)).rsplit(os.sep, 2)[0])
    if words == ["run"]:
        from bot.noserver.command import run

        return run(os.environ)
    from bot.noserver.environment import step

    return step(words, os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
