"""The *Fix* button: a commit on our own branch, a comment with the changes on anybody else's."""

from typing import Any

from tests.e2e.town import Town
from tests.integration.github.test_effects import SKILL

PATH = "skills/release-notes/SKILL.md"


async def _run(there: Town, number: int) -> dict[str, Any]:
    head = (await there.github.pull(number))["head"]["sha"]
    [run] = await there.github.check_runs(head)
    return run


async def test_on_our_branch_it_commits_and_the_next_check_passes(there: Town) -> None:
    number, pull = await there.to_review()
    branch = f"skill/issue-{number}"
    published = await there.github.file(PATH, branch)
    assert published is not None
    await there.github.as_user("morgan").commit(branch, {PATH: f"\n{published}"}, "Oops")
    await there.bot.quiet()
    broken = await _run(there, pull["number"])
    assert broken["conclusion"] == "failure"

    await there.github.as_user("morgan").press(broken["id"], "fix")
    await there.bot.quiet()
    assert await there.github.file(PATH, branch) == published
    assert (await _run(there, pull["number"]))["conclusion"] == "success"


async def test_elsewhere_it_says_what_it_would_change(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("by-hand", {PATH: f"\n{SKILL}"}, "Add a skill")
    number = await morgan.open_pull("by-hand", "A skill by hand")
    await there.bot.quiet()
    await morgan.press((await _run(there, number))["id"], "fix")
    await there.bot.quiet()
    [said] = await there.words(number)
    assert "--- a/skills/release-notes/SKILL.md" in said
    assert "skill-fleet validate --fix" in said
    assert await there.github.file(PATH, "by-hand") == f"\n{SKILL}"
