"""The form of a line, whoever writes it, and what an error may not carry into it."""

import json
import logging
from typing import Literal

import pytest
import structlog
from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.logs import configure_logs, in_our_form
from bot.store.database import open_database

WRITTEN = "what somebody wrote"


def _refused_by_the_types(words: str, _: str) -> None:
    TypeAdapter(dict[str, int]).validate_python({"a": f"{words}, and\nmore"})


def _refused_by_the_database(words: str, url: str) -> None:
    with open_database(url).direct.begin() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": words})


def _broken(words: str, _: str) -> None:
    _ = 1 / (len(words) - len(WRITTEN))


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("work", [_refused_by_the_types, _refused_by_the_database, _broken])
def test_no_traceback_shows_what_somebody_wrote(
    work: object, form: Literal["console", "json"], capsys: pytest.CaptureFixture[str], sqlite_url: str
) -> None:
    assert callable(work)
    configure_logs("DEBUG", form)
    log = structlog.get_logger("bot.somewhere")
    body = "".join(WRITTEN)
    try:
        work(body, sqlite_url)
    except (ValueError, DBAPIError, ZeroDivisionError) as error:
        log.exception("it broke", reason=str(error)[: str(error).find("somebody wrote") + 14])
    line = capsys.readouterr().err
    assert "it broke" in line
    assert "Traceback" in line
    assert WRITTEN not in line


def test_a_library_with_a_form_of_its_own_speaks_in_ours(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", "json")
    library = logging.getLogger("a_library")
    library.addHandler(logging.StreamHandler())
    library.propagate = False
    in_our_form("a_library")
    logging.getLogger("a_library.somewhere").warning("a thing happened")
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "a thing happened"
