"""The whole product in one process: the sandbox as GitHub, the real bot, and people who talk to it over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.town import Town, town


@pytest.fixture
async def there(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Town]:
    async with town(tmp_path, sqlite_url) as made:
        yield made
