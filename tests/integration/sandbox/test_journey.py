"""The sandbox over real HTTP, from an issue to a merged pull request."""

from pathlib import Path

import aiohttp
import pytest

from bot.sandbox import Sandbox, running

REPO = "/repos/acme/skills"


async def test_merging_a_pull_request_closes_the_issue_it_names(tmp_path: Path) -> None:
    async with running(tmp_path / "state") as sandbox, aiohttp.ClientSession(sandbox.api_url) as session:
        await _journey(sandbox, session)


async def _journey(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    async def ask(method: str, path: str, who: str = "morgan", **options: object) -> dict:
        headers = {"Authorization": f"Bearer {sandbox.token(who)}"}
        async with session.request(method, REPO + path, headers=headers, **options) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    issue = await ask("POST", "/issues", "riley", json={"title": "A skill", "labels": ["skill-request"]})
    assert issue["labels"] == []
    tip = (await ask("GET", "/git/ref/heads/main"))["object"]["sha"]
    entry = {"path": "skills/new/SKILL.md", "mode": "100644", "type": "blob", "content": "text\n"}
    base = (await ask("GET", f"/git/commits/{tip}"))["tree"]["sha"]
    tree = await ask("POST", "/git/trees", json={"base_tree": base, "tree": [entry]})
    commit = await ask("POST", "/git/commits", json={"message": "Add", "tree": tree["sha"], "parents": [tip]})
    await ask("POST", "/git/refs", json={"ref": "refs/heads/skill/issue-1", "sha": commit["sha"]})
    body = {"title": "Add", "head": "skill/issue-1", "base": "main", "body": f"Closes #{issue['number']}"}
    pull = await ask("POST", "/pulls", json=body)
    assert [file["filename"] for file in await ask("GET", f"/pulls/{pull['number']}/files")] == ["skills/new/SKILL.md"]
    merged = await ask("PUT", f"/pulls/{pull['number']}/merge", json={})
    assert merged["merged"]
    assert (await ask("GET", "/issues/1"))["state"] == "closed"
    assert not sandbox.api.errors


@pytest.mark.parametrize("present", ["file.txt"])
async def test_a_directory_that_is_not_a_sandboxes_is_left_alone(tmp_path: Path, present: str) -> None:
    (tmp_path / present).write_text("mine")
    with pytest.raises(Exception, match="not empty"):
        await Sandbox.create(tmp_path)
    assert (tmp_path / present).read_text() == "mine"
