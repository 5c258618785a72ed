"""People commit to the bot's branch: what they wrote stays, byte for byte, and refinements go on from it."""

from tests.e2e.town import Town

PATH = "skills/release-notes/SKILL.md"
TONE = 'Add a section "Tone" that says: write for users, not for developers.'


async def test_a_refinement_goes_on_from_what_a_person_committed(there: Town) -> None:
    number, pull = await there.to_review()
    branch = f"skill/issue-{number}"
    morgan = there.github.as_user("morgan")
    published = await there.github.file(PATH, branch)
    assert published is not None
    by_hand = published.replace("Group them by label", "Group them by label  (ask if unsure)")
    by_hand = by_hand.replace("---\n\n", "license: 'MIT'   # as everything here\n---\n\n", 1)
    notes = "# Notes\n\nBy hand.\n"
    await morgan.commit(branch, {PATH: by_hand, "skills/release-notes/references/notes.md": notes}, "Edit by hand")
    await there.bot.quiet()

    await morgan.comment_on_line(pull["number"], PATH, 1, TONE)
    await there.bot.quiet()
    refined = await there.github.file(PATH, branch)
    assert refined is not None
    assert "write for users" in refined.lower()
    assert refined[: len(by_hand) // 2] == by_hand[: len(by_hand) // 2]
    kept = [line for line in by_hand.splitlines() if line.strip()]
    assert [line for line in refined.splitlines() if line in kept] == kept
    assert await there.github.file("skills/release-notes/references/notes.md", branch) == notes
    changed = await there.github.pull(pull["number"])
    assert changed["commits"] == 3
    [check] = await there.github.check_runs(changed["head"]["sha"])
    assert check["status"] == "completed"
