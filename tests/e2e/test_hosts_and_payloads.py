"""An Enterprise Server with its path all along the road, and GitHub's recorded deliveries at the running service."""

import asyncio
import gzip
import hashlib
import hmac
import json
import re
from collections import Counter
from pathlib import Path

import aiohttp

from bot.jobs.job import JobStatus
from bot.store.keys import is_pull
from tests.e2e.town import FORM, SECRET, TITLE, Town, town

RECORDED = Path(__file__).parents[1] / "data" / "webhooks-examples" / "index.json.gz"


async def test_a_server_of_ones_own_serves_the_whole_road_and_every_link_leads_to_it(tmp_path: Path) -> None:
    async with town(tmp_path, f"sqlite:///{tmp_path / 'bot.db'}", enterprise=True) as there:
        assert there.github.sandbox.api_url == f"{there.github.sandbox.url}/api/v3"
        number, pull = await there.to_review()
        await there.github.as_user("morgan").merge(pull["number"])
        await there.bot.quiet()
        assert await there.status(number) is JobStatus.PROMOTED
        words = "\n".join([*(await there.words(number)), pull["body"]])
        ours = [link for link in re.findall(r"https?://[^\s)>\"`]+", words) if "acme" in link]
        assert [link for link in ours if not link.startswith(there.github.sandbox.url)] == []
        assert "api/v3" not in words
        repository = f"{there.github.sandbox.url}/acme/skills.git"
        assert f"`npx skills add {repository} --skill release-notes`" in words
        listing = await asyncio.create_subprocess_exec(
            *("git", "ls-remote", "--heads", repository, "main"), stdout=asyncio.subprocess.PIPE
        )
        refs, _ = await listing.communicate()
        assert refs.decode().rstrip().endswith("refs/heads/main"), "what people are told to type finds it"


async def test_recorded_deliveries_are_accepted_and_harmless(there: Town) -> None:
    groups = json.loads(gzip.decompress(RECORDED.read_bytes()))
    examples = [(group["name"], example) for group in groups for example in group["examples"]]
    statuses: Counter[int] = Counter()
    async with aiohttp.ClientSession() as session:
        for number, (event, payload) in enumerate(examples):
            body = json.dumps({"installation": {"id": 3}, **payload, "a_field_of_tomorrow": {"x": 1}}).encode()
            headers = {
                "X-GitHub-Event": event,
                "X-GitHub-Delivery": f"recorded-{number}",
                "X-Hub-Signature-256": f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}",
                "Content-Type": "application/json",
            }
            async with session.post(f"{there.bot.url}/webhook", data=body, headers=headers) as answer:
                statuses[answer.status] += 1
    assert sum(statuses.values()) > 100
    assert set(statuses) == {200, 202}, statuses
    stores = there.bot.service.stores
    async with asyncio.timeout(60):  # what speaks of a pull request that no job made waits for one to be made
        while any(not is_pull(row.key) for row in await stores.inbox.list_entries(limit=200)):
            await asyncio.sleep(0.05)
    assert await stores.jobs.list_jobs() == [], "nobody asked for a skill in any of them"
    assert [row.error for row in await stores.inbox.list_entries(state="all") if row.error] == []
    assert there.github.writes() == []
    number = await there.github.as_user("riley").submit_form(FORM, TITLE)
    await there.github.wait_for_comment(number)
