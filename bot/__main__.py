"""`python -m bot` is `skill-fleet`."""

import sys

from bot.cli import main

if __name__ == "__main__":
    sys.exit(main())
