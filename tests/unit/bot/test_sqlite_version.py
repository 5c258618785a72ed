"""The one combination of Python and SQLite that the engine cannot start on is refused before it tries."""

import pytest

from bot.store.database import DatabaseError, check_sqlite_version


@pytest.mark.parametrize(
    ("library", "python"),
    [((3, 37, 2), (3, 11, 9)), ((3, 42, 0), (3, 12, 0)), ((3, 46, 1), (3, 13, 15)), ((3, 42, 0), (4, 0, 0))],
)
def test_what_the_engine_can_use_is_taken(library: tuple[int, ...], python: tuple[int, ...]) -> None:
    check_sqlite_version(library, python)


@pytest.mark.parametrize(("library", "python"), [((3, 41, 2), (3, 12, 0)), ((3, 40, 1), (3, 13, 1))])
def test_an_old_sqlite_is_refused_with_what_to_use_instead(library: tuple[int, ...], python: tuple[int, ...]) -> None:
    with pytest.raises(DatabaseError, match=r"SQLite 3\.4[01]\.\d is too old .* Use Python 3\.11, a base image"):
        check_sqlite_version(library, python)
