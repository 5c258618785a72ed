"""The one file that both composites start, in isolated mode: `python -I start.py MODULE FUNCTION`.

Isolated mode puts neither the workspace nor this folder on the import path; the root of this copy of Skill Fleet is put
there here, so the module is always the one that came with the action and never one from the checked-out repository.
"""

from __future__ import annotations

import os
import sys


def main(module: str, function: str) -> int:
    """Runs one step of an action, a function of the environment variables, and returns its exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the runner's own Python may be any; say so instead of a SyntaxError
        found = sys.version.split()[0]
        sys.stdout.write(
            f"::error title=Skill Fleet::This needs Python 3.11 or newer, and the runner has {found}. Leave the input "
            "python-version at its default, or name a newer one.\n"
        )
        return 2
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)).rsplit(os.sep, 3)[0])
    from importlib import import_module

    status: int = getattr(import_module(module), function)(os.environ)
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
