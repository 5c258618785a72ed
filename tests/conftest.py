"""Fixtures shared by all tests: databases, and a loop that finds no socket to the outside."""

import logging
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest
import structlog
from cryptography.hazmat.primitives import serialization

from tests.databases import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bot.db'}"


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Every test that takes this runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(autouse=True)
def _logs_end_with_the_test() -> Iterator[None]:
    """A command that a test calls sets logs up for its process, which here is that of the tests after it."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root = logging.getLogger()
        root.handlers = [handler for handler in root.handlers if type(handler) is not logging.StreamHandler]
        for named in ("bot", "pipeline"):
            logging.getLogger(named).setLevel(logging.NOTSET)


@pytest.fixture(scope="session", autouse=True)
def _a_key_is_checked_once() -> Iterator[None]:
    """Reading a private key checks its numbers, which takes longer than most tests. The sandboxes share one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serialization, "load_pem_private_key", cache(serialization.load_pem_private_key))
        yield


@pytest.fixture(scope="session", autouse=True)
def _nobody_broke_github_s_contract() -> Iterator[None]:
    """Fails the session when any request, answer or webhook of any sandbox broke GitHub's published description."""
    yield
    if (contract := sys.modules.get("tests.contract")) is not None:
        contract.assert_nobody_broke_it(contract.ContractObserver.made)


# A machine may be slow, so that no example has to end within a time. Continuous integration must say the same of the
# same commit; new examples are looked for on people's machines.
_PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("patient", _PATIENT)
hypothesis.settings.register_profile("ci", _PATIENT, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("SKILL_FLEET_CI") else "patient")
