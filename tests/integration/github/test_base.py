"""A pull request that conflicts with its base is brought up to it; what people wrote on both sides is left to them."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.jobs.effects import EffectResult, MergeBase, Publish, Published, Refused
from bot.sandbox import Seed
from bot.sandbox.faults import Kind
from pipeline.models import SkillDraft
from tests.integration.github.test_effects import SKILL
from tests.integration.github.town import MAINTAINER, Town, town

LISTED = "# Skills\n\n| Skill | What |\n| --- | --- |\n| [eld](skills/eld) | Eld. |\n| [old](skills/old) | Old. |\n"
OLD = SKILL.replace("release-notes", "old")
ELD = SKILL.replace("release-notes", "eld")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    seed = Seed(
        folder=None,
        files={"README.md": LISTED, "skills/old/SKILL.md": OLD, "skills/eld/SKILL.md": ELD, "NOTES.md": "Notes.\n"},
    )
    async with town(tmp_path / "github", seed) as place:
        yield place


async def _publish(here: Town, name: str, text: str = SKILL, **more: Any) -> tuple[int, EffectResult]:
    number = more.pop("number", 0) or await here.open_issue(name)
    draft = SkillDraft(name=name, path=f"skills/{name}", files={"SKILL.md": text.replace("release-notes", name)})
    effect = Publish(
        key=f"publish:{len(here.writes())}",
        issue_number=number,
        branch=f"skill/issue-{number}",
        draft=draft,
        commit_message=f"Write {name}",
        title=f"Add {name}",
        body="",
        **more,
    )
    return number, await here.perform(effect, number)


async def _merge(here: Town, pull_number: int) -> None:
    await here.ask("PUT", f"/pulls/{pull_number}/merge", MAINTAINER, merge_method="squash")


async def _commit(here: Town, branch: str, path: str, text: str) -> None:
    found = await here.ask("GET", f"/contents/{path}?ref={branch}")
    content = base64.b64encode(text.encode()).decode()
    await here.ask(
        "PUT", f"/contents/{path}", MAINTAINER, message="By hand", content=content, branch=branch, sha=found["sha"]
    )


async def _text(here: Town, path: str, branch: str) -> str:
    found = await here.ask("GET", f"/contents/{path}?ref={branch}")
    return base64.b64decode(found["content"]).decode()


def _up_to_date(number: int, pull: int, name: str) -> MergeBase:
    return MergeBase(
        key="merge:1", branch=f"skill/issue-{number}", path=f"skills/{name}", pull_number=pull, by="morgan"
    )


async def _conflicts(here: Town, pull: Published) -> bool | None:
    """As soon as GitHub has worked it out: not at the first look."""
    here.sandbox.world.mergeability_takes_looks = 3
    assert await here.service.conflicts(here.repository, pull.pull_number) is None
    return await here.service.conflicts(here.repository, pull.pull_number)


async def _two(here: Town) -> tuple[int, Published]:
    """Two skills in review that both stand in the list; one is merged, so the other conflicts."""
    _, first = await _publish(here, "first")
    number, second = await _publish(here, "next")
    assert isinstance(first, Published)
    assert isinstance(second, Published)
    assert not await _conflicts(here, second)
    await _merge(here, first.pull_number)
    assert await _conflicts(here, second)
    return number, second


@pytest.mark.parametrize("kind", [None, Kind.DROP_AFTER], ids=str)
async def test_a_conflict_in_the_lists_alone_keeps_the_skill_as_it_was_reviewed(here: Town, kind: Kind | None) -> None:
    number, second = await _two(here)
    branch = f"skill/issue-{number}"
    await _commit(here, branch, "NOTES.md", "Notes by a person on the branch.\n")
    before = await _text(here, "skills/next/SKILL.md", branch)
    if kind is not None:
        here.trouble(kind, times=3)
    result = await here.perform(_up_to_date(number, second.pull_number, "next"), number)
    assert isinstance(result, Published)
    assert not await _conflicts(here, second)
    assert await _text(here, "skills/next/SKILL.md", branch) == before
    assert await _text(here, "NOTES.md", branch) == "Notes by a person on the branch.\n"
    listed = await _text(here, "README.md", branch)
    assert [name for name in ("eld", "first", "next", "old") if f"skills/{name}" in listed] == [
        "eld",
        "first",
        "next",
        "old",
    ]
    merges = [
        commit
        for commit in await here.ask("GET", f"/pulls/{second.pull_number}/commits")
        if len(commit["parents"]) == 2
    ]
    assert len(merges) == 1
    await _merge(here, second.pull_number)


async def test_what_people_changed_on_both_sides_is_left_to_them(here: Town) -> None:
    number, second = await _publish(here, "next")
    assert isinstance(second, Published)
    branch = f"skill/issue-{number}"
    await _commit(here, branch, "NOTES.md", "One.\n")
    await _commit(here, branch, "README.md", (await _text(here, "README.md", branch)) + "\nBy hand.\n")
    await _commit(here, "main", "NOTES.md", "Another.\n")
    await _commit(here, "main", "README.md", LISTED + "\nAlso by hand.\n")
    tip = second.head_sha
    result = await here.perform(_up_to_date(number, second.pull_number, "next"), number)
    assert isinstance(result, Refused)
    assert (result.code, "NOTES.md, README.md" in result.reason) == ("conflict", True)
    pull = await here.ask("GET", f"/pulls/{second.pull_number}")
    assert pull["commits"] == 3, "nothing is written"
    assert tip != pull["head"]["sha"]


async def test_a_skill_that_changed_on_the_base_is_for_a_new_draft_to_decide(here: Town) -> None:
    number, changed = await _publish(here, "old", OLD.replace("Collect", "Gather"))
    assert isinstance(changed, Published)
    await _commit(here, "main", "skills/old/SKILL.md", OLD.replace("Collect", "Assemble"))
    result = await here.perform(_up_to_date(number, changed.pull_number, "old"), number)
    assert isinstance(result, Refused)
    assert result.code == "skill_changed"
    text = OLD.replace("Collect", "Assemble and gather")
    _, anew = await _publish(here, "old", text, number=number, onto_base=True, known_head=changed.head_sha)
    assert isinstance(anew, Published)
    assert not await _conflicts(here, changed)
    assert await _text(here, "skills/old/SKILL.md", f"skill/issue-{number}") == text
    await _merge(here, changed.pull_number)
    assert await _text(here, "skills/old/SKILL.md", "main") == text
