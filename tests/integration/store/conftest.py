from collections.abc import AsyncIterator

import pytest

from bot.store.database import open_database
from bot.store.stores import Stores


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[Stores]:
    stores = Stores.over(open_database(database_url))
    await stores.migrate()
    yield stores
    await stores.database.close()
