"""What a day's limits are measured by, on both databases."""

from datetime import UTC, datetime, timedelta

from bot.store.spending import Spending
from bot.store.stores import Stores
from pipeline.runtime import ModuleCall, StoredResult
from tests.jobs import make_job


async def test_calls_are_counted_by_who_filed_the_request_since_a_moment(stores: Stores) -> None:
    now = datetime.now(UTC)
    for number, requester in ((1, "Ada"), (2, "ada"), (3, "Bob")):
        job = make_job(number).with_(requester=requester, updated_at=now)
        await stores.jobs.save(job, rev=0, done=[], task="t")
        for call in range(number):
            answered = ModuleCall(phase="understanding", module="M", key=f"{number}-{call}")
            await stores.paid.add(job.key, answered, StoredResult(outputs={}), 0.1)
    spending = Spending(stores.database.engine)
    assert await spending.calls_by_requester(7, now - timedelta(days=1)) == {"ada": 3, "bob": 3}
    assert await spending.calls_by_requester(8, now - timedelta(days=1)) == {}
    assert await spending.calls_by_requester(7, now + timedelta(hours=1)) == {}
