"""The main job: a labelled issue becomes a merged skill, on both databases, with one of everything."""

from pathlib import Path

from bot.jobs.job import JobStatus
from tests.e2e.town import Town, town


async def test_a_labelled_issue_becomes_a_merged_skill(tmp_path: Path, database_url: str) -> None:
    async with town(tmp_path, database_url) as there:
        github = there.github
        number = await there.file(start=False)
        assert await there.state_label(number) == "waiting-for-start"
        assert (await there.words(number))[0].startswith("### Skill request")

        await there.say("morgan", number, "/skill start")
        assert await there.state_label(number) == "needs-answer"
        assert (await there.words(number))[-1].startswith("@riley")

        await there.say("riley", number, "Count the lines of both lists: the numbers must be the same.")
        assert await there.state_label(number) == "needs-decision"
        assert "Count the lines of both lists" in (await there.words(number))[-1]

        first = await there.open_digest(number)
        await there.say("riley", number, 'Add a section "Reverts" that says: leave out a revert and what it reverts.')
        assert await there.open_digest(number) != first
        assert "leave out a revert" in (await there.words(number))[-1].lower()

        await there.say("morgan", number, "/skill approve")
        assert await there.state_label(number) == "in-review"
        [pull] = await github.pulls()
        assert pull["title"] == "Add skill release-notes"
        assert f"Closes #{number}" in pull["body"]
        [commit] = await github.as_user("morgan").get(f"/repos/{github.repo}/pulls/{pull['number']}/commits")
        riley = (await github.issue(number))["user"]["id"]
        trailer = f"Co-authored-by: riley <{riley}+riley@users.noreply.github.com>"
        assert commit["commit"]["message"].splitlines()[-1] == trailer
        [check] = await github.check_runs(pull["head"]["sha"])
        assert (check["name"], check["status"], check["conclusion"]) == ("skill-fleet", "completed", "success")

        merge_sha = await github.as_user("morgan").merge(pull["number"])
        await there.bot.quiet()
        assert await there.state_label(number) == "promoted"
        assert (await github.issue(number))["state"] == "closed"
        assert merge_sha[:10] in (await there.words(number))[-1]
        await there.assert_nothing_twice(number)

        skill = await github.file("skills/release-notes/SKILL.md")
        assert skill is not None
        assert "leave out a revert" in skill.lower()


async def test_review_comments_become_one_more_commit_with_an_answer_in_the_thread(there: Town) -> None:
    number, pull = await there.to_review()
    path = "skills/release-notes/SKILL.md"
    await there.github.as_user("morgan").comment_on_line(
        pull["number"], path, 1, 'Add a section "Tone" that says: write for users, not for developers.'
    )
    await there.bot.quiet()
    changed = await there.github.pull(pull["number"])
    assert changed["head"]["sha"] != pull["head"]["sha"]
    assert changed["commits"] == 2
    text = await there.github.file(path, f"skill/issue-{number}")
    assert text is not None
    assert "write for users" in text.lower()
    replies = await there.github.review_comments(pull["number"])
    assert [reply["user"]["login"] for reply in replies] == ["morgan", there.github.bot_login]
    [check] = await there.github.check_runs(changed["head"]["sha"])
    assert check["conclusion"] == "success"
    assert await there.status(number) is JobStatus.IN_REVIEW


async def test_closing_the_pull_request_rejects_and_retry_reopens_the_road(there: Town) -> None:
    number, pull = await there.to_review()
    morgan = there.github.as_user("morgan")
    await there.say("sam", pull["number"], "We have this in another repository.")
    await morgan.post(f"{morgan.repo}/pulls/{pull['number']}/reviews", {"event": "COMMENT", "body": "Not now."})
    await morgan.patch(f"{morgan.repo}/pulls/{pull['number']}", {"state": "closed"})
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.REJECTED
    await there.say("morgan", pull["number"], "Next year, perhaps.")
    rejection = (await there.bot.job(number)).rejection
    heard = [(said.by, said.text) for said in rejection]
    # The first two may bear the same second, and a comment and a review have no order between them then.
    assert sorted(heard[:2]) == [("morgan", "Not now."), ("sam", "We have this in another repository.")]
    assert heard[2:] == [("morgan", "Next year, perhaps.")]
    assert "2 remarks from there are kept" in (await there.words(number))[-1]

    await morgan.patch(f"{morgan.repo}/pulls/{pull['number']}", {"state": "open"})
    await there.bot.quiet()
    assert await there.status(number) is JobStatus.IN_REVIEW
    await morgan.patch(f"{morgan.repo}/pulls/{pull['number']}", {"state": "closed"})
    await there.bot.quiet()
    await there.say("morgan", number, "/skill retry")
    assert await there.status(number) is JobStatus.PENDING_HITL
    await there.say("morgan", number, f"/skill approve {await there.open_digest(number)}")
    assert await there.status(number) is JobStatus.IN_REVIEW
    assert (await there.github.pull(pull["number"]))["state"] == "open"
    assert len(await there.github.pulls()) == 1


async def test_a_thin_request_is_asked_about_before_anything_is_written(there: Town) -> None:
    number = await there.file(name="", purpose="release notes", when="release notes", examples="", constraints="")
    assert await there.status(number) is JobStatus.PENDING_USER_INPUT
    assert await there.github.pulls() == []


async def test_a_small_edit_is_suggested_in_its_thread_and_the_next_commit_goes_on_from_it(there: Town) -> None:
    number, pull = await there.to_review()
    morgan, path, branch = there.github.as_user("morgan"), "skills/release-notes/SKILL.md", f"skill/issue-{number}"
    before = await there.github.file(path, branch)
    assert before is not None
    line = next(n for n, text in enumerate(before.splitlines(), 1) if "in the past tense" in text)
    await morgan.comment_on_line(pull["number"], path, line, 'Replace "in the past tense" with "in the present tense".')
    await there.bot.quiet()
    assert (await there.github.pull(pull["number"]))["head"]["sha"] == pull["head"]["sha"], "nothing is committed"
    [_, reply] = await there.github.review_comments(pull["number"])
    suggested = before.splitlines()[line - 1].replace("past", "present")
    assert f"```suggestion\n{suggested}\n```" in reply["body"]
    assert await there.status(number) is JobStatus.IN_REVIEW

    taken = before.replace(before.splitlines()[line - 1], suggested)
    await morgan.commit(branch, {path: taken}, "Apply suggestion from code review")
    await there.bot.quiet()
    await morgan.comment_on_line(pull["number"], path, line, 'Add a section "Tone" that says: write for users.')
    await there.bot.quiet()
    after = await there.github.file(path, branch)
    assert after is not None
    assert suggested in after
    assert "write for users" in after.lower()
    await there.assert_nothing_twice(number)
