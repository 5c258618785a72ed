"""Whatever befalls any single write of a whole journey, GitHub looks the same in the end as if nothing had happened.

For every write n: the connection is dropped before it or after it was applied, 502 comes before or after, the answer is
cut short, a limit strikes, the bot dies right after it, or dies before it notes what it did.
"""

import asyncio
import base64
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.jobs.effects import (
    Amend,
    Check,
    Close,
    Published,
    React,
    ReplyInThread,
    Say,
    SetState,
    ShowStatus,
    UpdatePull,
)
from bot.sandbox.faults import Kind
from tests.integration.github.test_effects import SKILL, draft, publication
from tests.integration.github.town import BOT, Town, town

FAULTS = [
    Kind.DROP_BEFORE,
    Kind.DROP_AFTER,
    Kind.STATUS,
    Kind.STATUS_AFTER,
    Kind.TRUNCATE,
    Kind.SECONDARY,
    Kind.SECONDARY_429,
]


async def journey(here: Town) -> dict[str, Any]:
    """One of every effect, as a request's life brings them; then all that can be seen on GitHub."""
    issue = await here.open_issue()

    async def do(effect: Any) -> Any:
        return await here.perform(effect, issue)

    await do(React(key="react:label", target="issue", target_id=issue, content="eyes"))
    await do(SetState(key="state:1", number=issue, label="skill:working"))
    await do(ShowStatus(number=issue, body="working"))
    await do(Say(key="say:preview", number=issue, body="A preview"))
    await do(ShowStatus(number=issue, body="waiting"))
    await do(Amend(key="superseded", said="say:preview", body="Superseded"))
    first = await do(publication(issue, draft(**{"references/a.md": "a\n"})))
    assert isinstance(first, Published), first
    await do(check(first, "check:1"))
    await do(SetState(key="state:2", number=issue, label="skill:in-review"))
    pull = first.pull_number
    thread = await here.ask(
        "POST",
        f"/pulls/{pull}/comments",
        body="Why?",
        commit_id=first.head_sha,
        path="skills/release-notes/SKILL.md",
        line=6,
        side="RIGHT",
    )
    second = await do(
        publication(issue, draft(SKILL + "\nMore.\n"), "publish:2", known_head=first.head_sha),
    )
    assert isinstance(second, Published), second
    await do(check(second, "check:2"))
    await do(ReplyInThread(key="reply:1", pull_number=pull, comment_id=thread["id"], body="Because."))
    await do(UpdatePull(key="body:2", number=pull, body="Second round"))
    await do(Close(key="close:pull", number=pull, what="pull"))
    await do(Close(key="close:issue", number=issue, what="issue", reason="not_planned"))
    return await everything(here, issue, pull)


def check(published: Published, key: str) -> Check:
    return Check(key=key, head_sha=published.head_sha, path="skills/release-notes", pull_number=published.pull_number)


async def everything(here: Town, issue: int, pull: int) -> dict[str, Any]:
    """All that people can see of it; ids of commits differ from run to run, so the files speak for them."""
    branch = f"skill/issue-{issue}"
    commits = await here.ask("GET", f"/commits?sha={branch}&per_page=100")
    runs = [
        (run["name"], run["status"], run["conclusion"], run["output"]["annotations_count"])
        for commit in commits
        for run in (await here.ask("GET", f"/commits/{commit['sha']}/check-runs?filter=all"))["check_runs"]
    ]
    skill = await here.ask("GET", f"/contents/skills/release-notes/SKILL.md?ref={branch}")
    tree = (await here.ask("GET", f"/git/trees/{branch.replace('/', '%2F')}?recursive=1"))["tree"]
    issues = await here.ask("GET", f"/issues/{issue}")
    pulls = await here.ask("GET", "/pulls?state=all")
    return {
        "comments": Counter(await here.comments(issue)),
        "reactions": [each["content"] for each in await here.ask("GET", f"/issues/{issue}/reactions")],
        "labels": sorted(label["name"] for label in issues["labels"]),
        "known labels": sorted(label["name"] for label in await here.ask("GET", "/labels")),
        "issue": (issues["state"], issues["state_reason"]),
        "pulls": [(each["number"], each["state"], each["title"], each["body"]) for each in pulls],
        "review": [each["body"] for each in await here.ask("GET", f"/pulls/{pull}/comments")],
        "messages": [commit["commit"]["message"] for commit in commits],
        "text": base64.b64decode(skill["content"]),
        "tree": sorted(f"{entry['mode']} {entry['path']} {entry['sha']}" for entry in tree),
        "checks": runs,
        "branches": sorted(each["name"] for each in await here.ask("GET", "/branches")),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int, int]:
    """The journey without trouble: how it ends, how many writes and how many records it takes."""

    async def calm() -> tuple[dict[str, Any], int, int]:
        async with town(tmp_path_factory.mktemp("calm") / "github") as here:
            seen = await journey(here)
            assert not here.setbacks
            return seen, len(here.writes()), here.mortal.recorded

    return asyncio.run(calm())


async def test_an_undisturbed_journey_writes_everything_once(undisturbed: tuple[dict[str, Any], int, int]) -> None:
    seen, writes, _ = undisturbed
    assert sum(seen["comments"].values()) == 2
    assert {login for login, _ in seen["comments"]} == {BOT}
    assert len(seen["pulls"]) == 1
    assert len(seen["checks"]) == 2
    assert len(seen["messages"]) == 3
    assert 20 <= writes <= 30, "a new write needs its cases here: they are counted automatically"


@pytest.mark.parametrize("kind", FAULTS)
async def test_no_fault_at_any_write_changes_the_outcome(
    kind: Kind, undisturbed: tuple[dict[str, Any], int, int], tmp_path: Path
) -> None:
    seen, writes, _ = undisturbed
    # At every write there are two or three of the kinds; `make faults` plays each of them at each write of the service.
    for nth in range(FAULTS.index(kind) % 3, writes, 3):
        async with town(tmp_path / f"{nth}") as here:
            fault = here.trouble(kind, skip=nth)
            assert await journey(here) == seen, (kind, nth, here.writes())
            assert fault.hits == 1


async def test_dying_right_after_any_write_changes_nothing(
    undisturbed: tuple[dict[str, Any], int, int], tmp_path: Path
) -> None:
    seen, writes, _ = undisturbed
    died = 0
    for nth in range(writes):
        async with town(tmp_path / f"{nth}") as here:
            here.mortal.on_wait = True
            here.trouble(Kind.DROP_AFTER, skip=nth)
            assert await journey(here) == seen, (nth, here.writes())
            died += here.deaths
    assert died > writes // 2


async def test_dying_before_any_effect_is_noted_changes_nothing(
    undisturbed: tuple[dict[str, Any], int, int], tmp_path: Path
) -> None:
    seen, _, records = undisturbed
    for nth in range(1, records + 1):
        async with town(tmp_path / f"{nth}") as here:
            here.mortal.record = nth
            assert await journey(here) == seen, (nth, here.writes())
            assert here.deaths == 1


async def test_losing_the_whole_effects_table_doubles_nothing(
    undisturbed: tuple[dict[str, Any], int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, _, _ = undisturbed
    async with town(tmp_path / "github") as here:
        perform = here.service.perform

        async def forgetful(*args: Any) -> Any:
            here.log.forget()
            await perform(*args)
            here.log.forget()
            return await perform(*args)

        monkeypatch.setattr(here.service, "perform", forgetful)
        assert await journey(here) == seen


async def test_enterprise_server_with_its_path_makes_no_difference(
    undisturbed: tuple[dict[str, Any], int, int], tmp_path: Path
) -> None:
    seen, _, _ = undisturbed
    async with town(tmp_path / "github", enterprise=True) as here:
        assert here.sandbox.api_url.endswith("/api/v3")
        assert await journey(here) == seen


async def test_no_secret_is_seen_outside_the_authorization_header(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with town(tmp_path / "github") as here:
        here.trouble(Kind.STATUS_AFTER, skip=3, times=2)
        here.trouble(Kind.DROP_AFTER, skip=9, times=2)
        seen = await journey(here)
        tokens = [token for token in here.sandbox.world.tokens._installation if token.startswith("ghs_")]
        assert len(tokens) >= 2
        assert all(len(token) > 400 for token in tokens), "tokens of today's length"
        sent = [f"{each.path} {each.query} {each.headers} {each.body}" for each in here.sandbox.api.log]
        noted = [recorded.model_dump_json() for recorded in here.log._recorded.values()]
        outside = "\n".join([*sent, *noted, *here.setbacks, str(seen), str(vars(here.service)), repr(here.options)])
    outside += "".join(capfd.readouterr()) + caplog.text
    secrets = [*tokens, here.sandbox.private_key, here.sandbox.private_key.splitlines()[5]]
    assert not [secret for secret in secrets if secret in outside]
