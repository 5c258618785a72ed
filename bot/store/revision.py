"""Which revision of the schema this program needs, told without a database."""

from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).with_name("migrations")


@cache
def latest_revision() -> str:
    """The revision this program needs: that of the last migration in the package, named by its file."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
