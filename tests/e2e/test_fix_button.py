"""The *Fix* button: a commit on our own branch, suggestions on anybody else's."""

from typing import Any

from tests.e2e.town import Town
from tests.integration.github.test_effects import SKILL

PATH = "skills/release-notes/SKILL.md"
OLD = "\n" + SKILL.replace("release-notes", "old") + "\n".join(["A line."] * 20) + "\nThe last line.\n"


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


async def test_elsewhere_it_suggests_at_the_lines_and_shows_the_rest(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("main", {"skills/old/SKILL.md": OLD}, "Add a skill")
    mine = {PATH: f"\n{SKILL}", "skills/old/SKILL.md": OLD.replace("last line", "end")}
    await morgan.commit("by-hand", mine, "Add and change")
    number = await morgan.open_pull("by-hand", "A skill by hand")
    await there.bot.quiet()
    await morgan.press((await _run(there, number))["id"], "fix")
    await there.bot.quiet()
    assert await there.words(number) == []
    [suggested] = await there.github.review_comments(number)
    assert (suggested["path"], suggested["line"]) == (PATH, 1)
    assert suggested["body"].endswith("```suggestion\n```")
    [review] = await morgan.all(f"{morgan.repo}/pulls/{number}/reviews")
    assert "as 1 suggestion" in review["body"]
    assert "--- a/skills/old/SKILL.md" in review["body"], "its first line is not shown in the pull request"
    assert "--- a/skills/release-notes/SKILL.md" not in review["body"]
    assert await there.github.file(PATH, "by-hand") == f"\n{SKILL}"
