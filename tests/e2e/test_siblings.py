"""Two requests of one repository: what the merge of one means for the other."""

from datetime import timedelta

import pytest

from bot.jobs.job import Job, JobStatus
from pipeline.models import Dependency
from tests.e2e.town import Town

LISTED = """# Skills

| Skill | What it does |
| --- | --- |
| [changelog-entry](skills/changelog-entry) | Writes changelog entries. |
| [sql-migration-review](skills/sql-migration-review) | Reviews migrations. |
"""


async def _misses(there: Town, job: Job, name: str) -> None:
    """As if the plan had named a skill that is not there yet."""
    understanding = job.journey.understanding
    assert understanding is not None
    needs = understanding.dependencies.model_copy(update={"missing": [Dependency(name=name, reason="It comes first.")]})
    journey = job.journey.model_copy(update={"understanding": understanding.model_copy(update={"dependencies": needs})})
    jobs = there.bot.service.stores.jobs
    row = await jobs.find(job.key)
    assert row is not None
    await jobs.save(job.with_(journey=journey), rev=row.rev, done=[], task="test")


@pytest.fixture(autouse=True)
def _looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.jobs.review.LOOKS", (timedelta(milliseconds=100), timedelta(seconds=5)))


async def test_a_push_to_either_branch_that_brings_a_conflict_is_told_as_soon_as_github_has_worked_it_out(
    there: Town,
) -> None:
    there.github.sandbox.world.mergeability_takes_looks = 3  # the first two are those of the push itself
    morgan = there.github.as_user("morgan")
    number, pull = await there.to_review()
    await morgan.commit("main", {"NOTES.md": "One thing.\n"}, "Note on the default branch")
    await there.bot.quiet()
    assert await there.words(pull["number"]) == [], "nothing conflicts"

    written = {f"skills/release-notes/{name}": "By hand.\n" for name in ("SKILL.md", "notes.md")}
    await morgan.commit("main", written, "Write the same skill on the default branch")
    await there.github.until(lambda: _said(there, pull["number"], "cannot be merged as it is"), 60)
    await there.github.until(lambda: _said(there, number, "conflicts with the default branch"), 60)
    await morgan.commit("main", dict.fromkeys(written), "Take it away again")
    await there.github.until(lambda: _said(there, number, "Merging it finishes the request"), 60)
    await there.bot.quiet()
    assert "conflicts with the default branch" not in (await there.words(number))[0]
    assert len(await there.words(pull["number"])) == 1

    await morgan.commit(f"skill/issue-{number}", {"NOTES.md": "Another thing.\n"}, "Note on the branch")
    await there.github.until(lambda: _said(there, number, "conflicts with the default branch"), 60)
    await there.bot.quiet()
    assert len(await there.words(pull["number"])) == 2
    assert "conflicts with the default branch" in (await there.words(number))[0]
    await there.assert_nothing_twice(pull["number"])


async def test_a_merge_tells_those_who_waited_for_the_skill_and_those_who_conflict_with_it(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("main", {"README.md": LISTED}, "List the skills")
    _, first = await there.to_review()
    number, second = await there.to_review(name="release-plan", purpose="Plan a release.\n\n1. Choose a date.")
    await _misses(there, await there.bot.job(number), "release-notes")

    await morgan.merge(first["number"])
    await there.bot.quiet()
    await there.github.until(lambda: _said(there, number, "which this request builds on, is there now"), 60)
    await there.github.until(lambda: _said(there, second["number"], "cannot be merged as it is"), 60)
    await there.bot.quiet()
    assert "conflicts with the default branch" in (await there.words(number))[0]

    await there.say("sam", second["number"], "/skill regenerate")
    assert (await there.github.pull(second["number"]))["commits"] == 1, "sam may not"
    await there.say("morgan", second["number"], "/skill regenerate")
    assert await there.status(number) is JobStatus.IN_REVIEW
    resolved = await there.github.pull(second["number"])
    assert "The skill itself is unchanged" in (await there.words(second["number"]))[-1]
    assert "conflicts with the default branch" not in (await there.words(number))[0]
    [check] = await there.github.check_runs(resolved["head"]["sha"])
    assert check["conclusion"] == "success"

    await morgan.merge(second["number"])
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.PROMOTED
    listed = await there.github.file("README.md")
    assert listed is not None
    assert "skills/release-notes" in listed
    assert "skills/release-plan" in listed
    await there.assert_nothing_twice(number)
    await there.assert_nothing_twice(second["number"])


async def _said(there: Town, number: int, words: str) -> bool:
    return any(words in text for text in await there.words(number))
