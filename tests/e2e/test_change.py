"""A request to change an existing skill edits it where it is, under its next version."""

from tests.e2e.town import Town

PATH = "skills/changelog-entry/SKILL.md"


async def test_a_request_that_names_an_existing_skill_changes_it_in_place(there: Town) -> None:
    before = await there.github.file(PATH)
    assert before is not None
    number, pull = await there.to_review(
        name="",
        existing="changelog-entry",
        purpose='Add a section "Tone" that says: write for users, not for developers.',
        when="When a changelog entry is wanted.",
        examples="",
        constraints="",
    )
    after = await there.github.file(PATH, f"skill/issue-{number}")
    assert after is not None
    assert "write for users" in after.lower()
    kept = [line for line in before.splitlines() if line.strip() and "version:" not in line]
    assert [line for line in after.splitlines() if line in kept] == kept
    assert '"1.1.0"' in after
    assert pull["title"] == "Update skill changelog-entry to 1.1.0"
    assert len([name for name in await there.github.branches() if name.startswith("skill/")]) == 1
