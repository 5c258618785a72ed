"""The whole journey over real HTTP: from the issue form to a merged pull request, as the bot and people walk it."""

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.server import StateDirectoryError
from tests.github_sandbox import GitHub

REPO = "/repos/acme/skills"
ANSWERS = {"purpose": "Write release notes", "when": "Before a release"}


def sent(github: GitHub) -> list[str]:
    """Event and action of everything announced to the App, in order."""
    return [f"{each.event}.{each.action}" if each.action else each.event for each in github.sandbox.world.courier.log]


async def test_a_request_filed_by_form_is_merged_and_closes(github: GitHub) -> None:
    github.sandbox.app.webhook_url = "http://127.0.0.1:9/nobody"
    riley, morgan = github.as_user("riley"), github.as_user("morgan")
    bot = await github.as_installation()
    number = await riley.submit_form(ANSWERS, title="Skill request: release notes")
    assert await github.labels(number) == ["skill-request"]
    status = (await bot.post(f"{REPO}/issues/{number}/comments", {"body": "On it."}))["id"]
    await bot.post(f"{REPO}/issues/{number}/reactions", {"content": "eyes"})
    await bot.patch(f"{REPO}/issues/comments/{status}", {"body": "Questions below."})
    await riley.comment(number, "1. Markdown\n2. Yes")
    pull = await publish(bot, number)
    run = await check(bot, pull)
    await morgan.press(run, "fix")
    await morgan.review(pull["number"], "REQUEST_CHANGES", "Nearly", [("skills/release-notes/SKILL.md", 2, "Shorter")])
    comment = (await github.review_comments(pull["number"]))[0]
    await bot.post(f"{REPO}/pulls/{pull['number']}/comments/{comment['id']}/replies", {"body": "Done"})
    await morgan.review(pull["number"], "APPROVE")
    await morgan.merge(pull["number"])
    assert (await github.issue(number))["state_reason"] == "completed"
    assert (await github.file("skills/release-notes/SKILL.md") or "").startswith("---")
    await github.settle()
    for event in ("issues.opened", "issues.labeled", "check_run.requested_action", "issues.closed"):
        assert event in sent(github)
    assert sent(github).index("pull_request.closed") < sent(github).index("issues.closed")


async def publish(bot: Any, number: int) -> Any:
    tip = (await bot.get(f"{REPO}/git/ref/heads/main"))["object"]["sha"]
    base = (await bot.get(f"{REPO}/git/commits/{tip}"))["tree"]["sha"]
    text = "---\nname: release-notes\ndescription: x\n---\n"
    entry = {"path": "skills/release-notes/SKILL.md", "mode": "100644", "type": "blob", "content": text}
    tree = await bot.post(f"{REPO}/git/trees", {"base_tree": base, "tree": [entry]})
    data = {"message": "Add release-notes", "tree": tree["sha"], "parents": [tip]}
    commit = await bot.post(f"{REPO}/git/commits", data)
    assert commit["verification"]["verified"]
    await bot.post(f"{REPO}/git/refs", {"ref": f"refs/heads/skill/issue-{number}", "sha": commit["sha"]})
    body = {"title": "Add", "head": f"skill/issue-{number}", "base": "main", "body": f"Closes #{number}"}
    return await bot.post(f"{REPO}/pulls", body)


async def check(bot: Any, pull: Any) -> int:
    note = {"path": "skills/release-notes/SKILL.md", "start_line": 1, "end_line": 1, "annotation_level": "notice"}
    output = {"title": "1 note", "summary": "One", "annotations": [{**note, "message": "Hm"}]}
    action = {"label": "Fix", "description": "Apply the fixes", "identifier": "fix"}
    data = {"name": "skill-fleet", "head_sha": pull["head"]["sha"], "status": "in_progress"}
    run = await bot.post(f"{REPO}/check-runs", data)
    done = {"status": "completed", "conclusion": "success", "output": output, "actions": [action]}
    await bot.patch(f"{REPO}/check-runs/{run['id']}", done)
    return int(run["id"])


async def test_a_directory_that_is_not_a_sandboxes_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(StateDirectoryError, match="not empty"):
        await Sandbox.create(tmp_path)
    assert (tmp_path / "file.txt").read_text() == "mine"
