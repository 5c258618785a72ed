"""Each effect on a GitHub of its own: what it writes, what it adopts, what it leaves alone, what it reports."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.github.effects.marker import marker
from bot.github.models import CheckRun, Comment
from bot.github.tokens import Purpose
from bot.jobs.effects import (
    Amend,
    Check,
    Close,
    Done,
    DropRest,
    Publish,
    Published,
    React,
    Refused,
    ReplyInThread,
    Rest,
    Say,
    SetState,
    ShowStatus,
    UpdatePull,
)
from bot.sandbox.faults import Kind
from pipeline.models import ReportedFinding, SkillDraft
from tests.integration.github.town import BOT, MAINTAINER, REQUESTER, Town, town

SKILL = """---
name: release-notes
description: Writes release notes from merged pull requests. Use when somebody prepares a release or asks what changed.
---

# Release notes

Collect the merged pull requests since the last tag and group them by kind of change.
"""
BROKEN = SKILL.replace("name: release-notes", "name: Release Notes")


def draft(text: str = SKILL, **more: str) -> SkillDraft:
    return SkillDraft(name="release-notes", path="skills/release-notes", files={"SKILL.md": text, **more})


def publication(issue: int, files: SkillDraft, key: str = "publish:1", **more: Any) -> Publish:
    return Publish(
        key=key,
        issue_number=issue,
        branch=f"skill/issue-{issue}",
        draft=files,
        commit_message="Add release-notes\n\nCo-authored-by: riley <riley@users.noreply.github.com>",
        title="Add the skill release-notes",
        body=f"Closes #{issue}",
        **more,
    )


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path / "github") as place:
        yield place


# --- talk ------------------------------------------------------------------------------------------------------------


async def test_a_comment_is_said_once_however_often_it_is_performed(here: Town) -> None:
    issue = await here.open_issue()
    effect = Say(key="say:hello", number=issue, body="Hello")
    first = await here.perform(effect, issue)
    here.log.forget()
    assert await here.perform(effect, issue) == first
    ((login, body),) = await here.comments(issue)
    assert (login, body) == (BOT, f"Hello\n\n{marker(here.key(issue), 'say:hello')}")


async def test_somebody_else_s_copy_of_our_marker_is_not_taken_for_ours(here: Town) -> None:
    issue = await here.open_issue()
    forged = f"Ha\n\n{marker(here.key(issue), 'say:hello')}"
    await here.ask("POST", f"/issues/{issue}/comments", REQUESTER, body=forged)
    await here.perform(Say(key="say:hello", number=issue, body="Hello"), issue)
    assert [login for login, _ in await here.comments(issue)] == [REQUESTER, BOT]


async def test_our_comment_is_found_behind_a_hundred_others(here: Town) -> None:
    issue = await here.open_issue()
    for number in range(105):
        await here.ask("POST", f"/issues/{issue}/comments", REQUESTER, body=f"{number}")
    effect = Say(key="say:hello", number=issue, body="Hello")
    await here.perform(effect, issue)
    here.log.forget()
    await here.perform(effect, issue)
    assert len([1 for method, path in here.writes() if path.endswith("/comments")]) == 1


async def test_a_locked_conversation_is_reported_as_such(here: Town) -> None:
    issue = await here.open_issue()
    here.trouble(Kind.STATUS, status=403, body='{"message": "Unable to create comment because issue is locked."}')
    result = await here.perform(Say(key="say:x", number=issue, body="Hello"), issue)
    assert isinstance(result, Refused)
    assert result.code == "locked"


async def test_an_issue_that_is_not_there_is_gone(here: Town) -> None:
    result = await here.perform(Say(key="say:x", number=999, body="Hello"), 999)
    assert isinstance(result, Refused)
    assert result.code == "gone"


async def test_a_comment_is_amended_even_when_its_row_is_lost(here: Town) -> None:
    issue = await here.open_issue()
    await here.perform(Say(key="say:preview", number=issue, body="Preview"), issue)
    here.log.forget()
    await here.perform(Amend(key="superseded", said="say:preview", body="Superseded"), issue)
    ((_, body),) = await here.comments(issue)
    assert body.startswith("Superseded\n")
    here.log.forget()
    await here.perform(Say(key="say:preview", number=issue, body="Preview"), issue)
    assert len(await here.comments(issue)) == 1, "an amended comment is still that comment"


async def test_amending_what_was_deleted_or_never_said_is_refused(here: Town) -> None:
    issue = await here.open_issue()
    said = await here.perform(Say(key="say:preview", number=issue, body="Preview"), issue)
    assert isinstance(said, Done)
    await here.ask("DELETE", f"/issues/comments/{said.remote_id}")
    for name in ("say:preview", "say:never"):
        result = await here.perform(Amend(key=f"amend:{name}", said=name, body="x"), issue)
        assert isinstance(result, Refused)
        assert result.code == "gone"


async def test_the_status_is_one_comment_edited_in_place_and_left_alone_when_unchanged(here: Town) -> None:
    issue = await here.open_issue()
    for body in ("working", "working", "done"):
        await here.perform(ShowStatus(number=issue, body=body), issue)
    ((_, body),) = await here.comments(issue)
    assert body.startswith("done\n")
    assert [method for method, _ in here.writes()] == ["POST", "PATCH"]


async def test_a_deleted_status_comes_back(here: Town) -> None:
    issue = await here.open_issue()
    shown = await here.perform(ShowStatus(number=issue, body="working"), issue)
    assert isinstance(shown, Done)
    await here.ask("DELETE", f"/issues/comments/{shown.remote_id}")
    await here.perform(ShowStatus(number=issue, body="working"), issue)
    assert len(await here.comments(issue)) == 1


async def test_of_two_statuses_the_oldest_stays(here: Town) -> None:
    issue = await here.open_issue()
    first = await here.perform(ShowStatus(number=issue, body="working"), issue)
    assert isinstance(first, Done)
    talk = here.connection.client(here.repository, Purpose.TALK)
    twin = f"working\n\n{marker(here.key(issue), 'status')}"
    at = {"owner": "acme", "repo": "skills", "number": issue}
    await talk.post("/repos/{owner}/{repo}/issues/{number}/comments", at, {"body": twin}, Comment)
    here.log.forget()
    again = await here.perform(ShowStatus(number=issue, body="done"), issue)
    assert isinstance(again, Done)
    assert again.remote_id == first.remote_id
    assert len(await here.comments(issue)) == 1


# --- labels, reactions, closing --------------------------------------------------------------------------------------


async def _labels(here: Town, issue: int) -> list[str]:
    return sorted(label["name"] for label in await here.ask("GET", f"/issues/{issue}/labels"))


async def test_exactly_one_state_label_is_on_the_issue_and_others_stay(here: Town) -> None:
    issue = await here.open_issue()
    await here.ask("POST", f"/issues/{issue}/labels", labels=["bug", "skill-request"])
    for number, name in enumerate(["skill:working", "skill:needs-answer", "skill:needs-answer", "skill:working"]):
        await here.perform(SetState(key=f"state:{number}", number=issue, label=name), issue)
        assert await _labels(here, issue) == sorted(["bug", "skill-request", name])
    label = await here.ask("GET", "/labels/skill%3Aworking")
    assert (label["color"], label["description"]) == ("1d76db", "The skill is being worked on")


async def test_reactions_go_to_issues_and_comments_and_never_double(here: Town) -> None:
    issue = await here.open_issue()
    comment = await here.ask("POST", f"/issues/{issue}/comments", REQUESTER, body="hm")
    for target, number in (("issue", issue), ("issue_comment", comment["id"])):
        effect = React.model_validate({"key": f"r:{target}", "target": target, "target_id": number, "content": "eyes"})
        await here.perform(effect, issue)
        here.log.forget()
        await here.perform(effect, issue)
    assert len(await here.ask("GET", f"/issues/{issue}/reactions")) == 1
    assert len(await here.ask("GET", f"/issues/comments/{comment['id']}/reactions")) == 1


async def test_reacting_to_a_deleted_comment_is_refused(here: Town) -> None:
    issue = await here.open_issue()
    result = await here.perform(React(key="r", target="issue_comment", target_id=1, content="eyes"), issue)
    assert isinstance(result, Refused)
    assert result.code == "gone"


async def test_an_issue_is_closed_with_its_reason_and_only_once(here: Town) -> None:
    issue = await here.open_issue()
    effect = Close(key="close", number=issue, what="issue", reason="not_planned")
    await here.perform(effect, issue)
    closed = await here.ask("GET", f"/issues/{issue}")
    assert (closed["state"], closed["state_reason"]) == ("closed", "not_planned")
    await here.ask("PATCH", f"/issues/{issue}", state="open")
    await here.perform(effect, issue)
    assert (await here.ask("GET", f"/issues/{issue}"))["state"] == "open", "a person's reopening is respected"


# --- publishing ------------------------------------------------------------------------------------------------------


async def _published(here: Town, effect: Publish, issue: int) -> Published:
    result = await here.perform(effect, issue)
    assert isinstance(result, Published), result
    return result


async def _files(here: Town, ref: str) -> dict[str, str]:
    tree = await here.ask("GET", f"/git/trees/{ref.replace('/', '%2F')}?recursive=1")
    return {entry["path"]: entry["mode"] for entry in tree["tree"] if entry["type"] == "blob"}


async def _text(here: Town, path: str, ref: str) -> str:
    file = await here.ask("GET", f"/contents/{path}?ref={ref}")
    return base64.b64decode(file["content"]).decode()


async def test_a_skill_is_published_as_one_commit_and_a_pull_request(here: Town) -> None:
    issue = await here.open_issue()
    files = draft(**{"scripts/collect.sh": "#!/bin/sh\necho\n", "references/style.md": "Short.\n"})
    result = await _published(here, publication(issue, files), issue)
    pull = await here.ask("GET", f"/pulls/{result.pull_number}")
    assert (pull["head"]["sha"], pull["base"]["ref"], pull["commits"]) == (result.head_sha, "main", 1)
    assert f"Closes #{issue}" in pull["body"]
    commit = (await here.ask("GET", f"/commits/{result.head_sha}"))["commit"]
    assert commit["message"].endswith("Co-authored-by: riley <riley@users.noreply.github.com>")
    tree = await _files(here, result.head_sha)
    assert tree["skills/release-notes/scripts/collect.sh"] == "100755"
    assert tree["skills/release-notes/SKILL.md"] == "100644"
    assert await _text(here, "skills/release-notes/SKILL.md", result.head_sha) == SKILL


async def test_publishing_again_changes_nothing_and_a_second_round_adds_one_commit(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft(**{"references/a.md": "a\n"})), issue)
    here.log.forget()
    assert await _published(here, publication(issue, draft(**{"references/a.md": "a\n"})), issue) == first
    changed = draft(SKILL + "\nMore.\n", **{"references/b.md": "b\n"})
    second = await _published(here, publication(issue, changed, "publish:2", known_head=first.head_sha), issue)
    assert second.pull_number == first.pull_number
    commit = await here.ask("GET", f"/git/commits/{second.head_sha}")
    assert [parent["sha"] for parent in commit["parents"]] == [first.head_sha]
    tree = await _files(here, second.head_sha)
    assert "skills/release-notes/references/b.md" in tree
    assert "skills/release-notes/references/a.md" not in tree, "what the draft no longer has is gone"


@pytest.mark.parametrize("remembered", ["known head", "nothing"])
async def test_commits_by_people_are_kept_and_built_upon(here: Town, remembered: str) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft(**{"references/a.md": "a\n"})), issue)
    branch = f"skill/issue-{issue}"
    theirs = await commit_as_person(
        here, branch, {"skills/release-notes/assets/x.txt": "x", "docs/y.md": "y"}, "By hand"
    )
    if remembered == "nothing":
        here.log.forget()
    known = first.head_sha if remembered == "known head" else ""
    second = await _published(here, publication(issue, draft(SKILL + "\nNew.\n"), "publish:2", known_head=known), issue)
    commit = await here.ask("GET", f"/git/commits/{second.head_sha}")
    assert [parent["sha"] for parent in commit["parents"]] == [theirs]
    tree = await _files(here, second.head_sha)
    assert {"skills/release-notes/assets/x.txt", "docs/y.md"} <= tree.keys()
    assert "skills/release-notes/references/a.md" not in tree


async def commit_as_person(here: Town, branch: str, files: dict[str, str], message: str) -> str:
    ref = await here.ask("GET", f"/git/ref/heads/{branch}")
    parent = ref["object"]["sha"]
    base = (await here.ask("GET", f"/git/commits/{parent}"))["tree"]["sha"]
    entries = [{"path": path, "mode": "100644", "type": "blob", "content": text} for path, text in files.items()]
    tree = await here.ask("POST", "/git/trees", base_tree=base, tree=entries)
    commit = await here.ask("POST", "/git/commits", message=message, tree=tree["sha"], parents=[parent])
    await here.ask("PATCH", f"/git/refs/heads/{branch}", sha=commit["sha"])
    return str(commit["sha"])


async def test_a_file_that_was_there_before_us_is_never_deleted(here: Town) -> None:
    await commit_as_person(
        here, "main", {"skills/release-notes/SKILL.md": SKILL, "skills/release-notes/logo.svg": "<svg/>"}, "x"
    )
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft(SKILL + "\nA.\n", **{"references/a.md": "a"})), issue)
    second = await _published(
        here, publication(issue, draft(SKILL + "\nB.\n"), "publish:2", known_head=first.head_sha), issue
    )
    tree = await _files(here, second.head_sha)
    assert "skills/release-notes/logo.svg" in tree
    assert "skills/release-notes/references/a.md" not in tree


async def test_a_pull_request_that_a_person_closed_stays_closed_until_asked(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft()), issue)
    await here.ask("PATCH", f"/pulls/{first.pull_number}", state="closed")
    changed = draft(SKILL + "\nMore.\n")
    result = await here.perform(publication(issue, changed, "publish:2"), issue)
    assert isinstance(result, Refused)
    assert result.code == "closed_by_person"
    again = await _published(here, publication(issue, changed, "publish:3", reopen=True), issue)
    pull = await here.ask("GET", f"/pulls/{again.pull_number}")
    assert (pull["state"], pull["head"]["sha"]) == ("open", again.head_sha)


async def test_a_pull_request_that_we_closed_is_taken_up_again(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft()), issue)
    await here.perform(Close(key="close", number=first.pull_number, what="pull"), issue)
    again = await _published(here, publication(issue, draft(SKILL + "\nB.\n"), "publish:2"), issue)
    assert (await here.ask("GET", f"/pulls/{again.pull_number}"))["state"] == "open"


async def test_a_merged_pull_request_is_a_conflict(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft()), issue)
    await here.ask("PUT", f"/pulls/{first.pull_number}/merge", merge_method="merge")
    result = await here.perform(publication(issue, draft(SKILL + "\nB.\n"), "publish:2"), issue)
    assert isinstance(result, Refused)
    assert result.code == "merged"


async def test_a_pull_request_that_was_merged_before_its_opening_was_noted_is_ours(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft()), issue)
    await here.ask("PUT", f"/pulls/{first.pull_number}/merge", merge_method="merge")
    here.log.forget()
    assert await _published(here, publication(issue, draft()), issue) == first


async def test_an_existing_branch_and_pull_request_are_adopted(here: Town) -> None:
    issue = await here.open_issue()
    main = (await here.ask("GET", "/git/ref/heads/main"))["object"]["sha"]
    branch = f"skill/issue-{issue}"
    await here.ask("POST", "/git/refs", ref=f"refs/heads/{branch}", sha=main)
    theirs = await commit_as_person(here, branch, {"notes.md": "n"}, "Start")
    pull = await here.ask("POST", "/pulls", title="Mine", head=branch, base="main", body="My words")
    result = await _published(here, publication(issue, draft()), issue)
    assert result.pull_number == pull["number"]
    commit = await here.ask("GET", f"/git/commits/{result.head_sha}")
    assert [parent["sha"] for parent in commit["parents"]] == [theirs]


async def test_a_skill_that_is_already_there_word_for_word_is_no_pull_request(here: Town) -> None:
    await commit_as_person(here, "main", {"skills/release-notes/SKILL.md": SKILL}, "Already")
    issue = await here.open_issue()
    result = await here.perform(publication(issue, draft()), issue)
    assert isinstance(result, Refused)
    assert result.code == "invalid"


@pytest.mark.parametrize(
    "path", ["../x", "/x", "skills//x", "skills/.git/x", ".github/workflows/x", "a\\b", "a\nb", ""]
)
async def test_a_path_out_of_bounds_is_never_written(here: Town, path: str) -> None:
    issue = await here.open_issue()
    files = SkillDraft(name="x", path=path, files={"SKILL.md": SKILL})
    result = await here.perform(publication(issue, files), issue)
    assert isinstance(result, Refused)
    assert result.code == "invalid"
    assert here.writes() == []


# --- the pull request's body -----------------------------------------------------------------------------------------


async def test_people_s_words_in_the_pull_request_survive_our_update(here: Town) -> None:
    issue = await here.open_issue()
    published = await _published(here, publication(issue, draft()), issue)
    pull = await here.ask("GET", f"/pulls/{published.pull_number}")
    edited = f"Reviewer: please look.\r\n\r\n{pull['body']}\r\nAnd below."
    await here.ask("PATCH", f"/pulls/{published.pull_number}", body=edited)
    await here.perform(UpdatePull(key="body:2", number=published.pull_number, body="Second round"), issue)
    body = (await here.ask("GET", f"/pulls/{published.pull_number}"))["body"].replace("\r\n", "\n")
    assert body.startswith("Reviewer: please look.")
    assert body.endswith("And below.")
    assert "Second round" in body
    assert f"Closes #{issue}" not in body
    before = len(here.writes())
    await here.perform(UpdatePull(key="body:3", number=published.pull_number, body="Second round"), issue)
    assert len(here.writes()) == before, "nothing to change, nothing written"


async def test_a_reply_lands_in_its_thread_once(here: Town) -> None:
    issue = await here.open_issue()
    published = await _published(here, publication(issue, draft()), issue)
    number = published.pull_number
    line = await here.ask(
        "POST",
        f"/pulls/{number}/comments",
        MAINTAINER,
        body="Why?",
        commit_id=published.head_sha,
        path="skills/release-notes/SKILL.md",
        line=6,
        side="RIGHT",
    )
    effect = ReplyInThread(key="reply:1", pull_number=number, comment_id=line["id"], body="Because.")
    await here.perform(effect, issue)
    here.log.forget()
    await here.perform(effect, issue)
    comments = await here.ask("GET", f"/pulls/{number}/comments")
    assert [comment.get("in_reply_to_id") for comment in comments] == [None, line["id"]]


# --- checks ----------------------------------------------------------------------------------------------------------


async def _runs(here: Town, sha: str) -> list[dict[str, Any]]:
    return list((await here.ask("GET", f"/commits/{sha}/check-runs?filter=all"))["check_runs"])


async def _check(here: Town, published: Published, issue: int, key: str = "") -> Done:
    result = await here.perform(
        Check(
            key=key or f"check:{published.head_sha}",
            head_sha=published.head_sha,
            path="skills/release-notes",
            pull_number=published.pull_number,
        ),
        issue,
    )
    assert isinstance(result, Done), result
    return result


@pytest.mark.parametrize(("text", "conclusion"), [(SKILL, "success"), (BROKEN, "failure")])
async def test_the_check_says_what_the_rules_say(here: Town, text: str, conclusion: str) -> None:
    issue = await here.open_issue()
    published = await _published(here, publication(issue, draft(text)), issue)
    result = await _check(here, published, issue)
    (run,) = await _runs(here, published.head_sha)
    assert (run["name"], run["status"], run["conclusion"]) == ("skill-fleet", "completed", conclusion)
    assert run["id"] == result.remote_id
    assert run["external_id"].startswith(f"{here.key(issue)}:")
    annotations = await here.ask("GET", f"/check-runs/{run['id']}/annotations")
    assert bool([each for each in annotations if each["annotation_level"] == "failure"]) == (conclusion == "failure")
    assert {each["path"] for each in annotations} <= {"skills/release-notes/SKILL.md"}


async def test_a_check_is_made_once_and_anew_when_asked_again(here: Town) -> None:
    issue = await here.open_issue()
    published = await _published(here, publication(issue, draft()), issue)
    first = await _check(here, published, issue)
    here.log.forget()
    assert await _check(here, published, issue) == first
    assert await _check(here, published, issue, key="check:again:5") != first
    assert len(await _runs(here, published.head_sha)) == 2


async def test_many_findings_come_in_batches_and_the_rest_is_counted(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = await here.open_issue()
    published = await _published(here, publication(issue, draft()), issue)
    monkeypatch.setattr("bot.github.service.validate_folder", _findings(312))
    await _check(here, published, issue)
    (run,) = await _runs(here, published.head_sha)
    assert run["output"]["annotations_count"] == 250
    assert "62 more are not shown" in run["output"]["summary"]


async def test_a_lost_answer_in_the_middle_of_the_batches_doubles_no_annotation(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = await here.open_issue()
    published = await _published(here, publication(issue, draft()), issue)
    monkeypatch.setattr("bot.github.service.validate_folder", _findings(120))
    for skip in range(3):
        here.trouble(Kind.DROP_AFTER, skip=skip)
        await _check(here, published, issue, key=f"check:{skip}")
        here.sandbox.api.faults.clear()
    for run in await _runs(here, published.head_sha):
        assert (run["output"]["annotations_count"], run["status"]) == (120, "completed")


def _findings(count: int) -> Any:
    def validate(path: str, files: object, *, profile: str) -> list[ReportedFinding]:
        return [
            ReportedFinding(
                rule="X001",
                severity="warning",
                message=f"finding {number}",
                file=f"{path}/SKILL.md",
                line=1 + number % 5,
                column=1,
            )
            for number in range(count)
        ]

    return validate


async def test_a_folder_that_is_not_there_is_neither_good_nor_bad(here: Town) -> None:
    issue = await here.open_issue()
    main = (await here.ask("GET", "/git/ref/heads/main"))["object"]["sha"]
    await here.perform(Check(key="c", head_sha=main, path="skills/nowhere", pull_number=0), issue)
    (run,) = await _runs(here, main)
    assert run["conclusion"] == "neutral"


async def test_a_run_left_open_on_an_older_commit_is_concluded(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft()), issue)
    left_open = {"name": "skill-fleet", "head_sha": first.head_sha, "status": "in_progress", "external_id": "old"}
    publisher = here.connection.client(here.repository, Purpose.PUBLISH)
    await publisher.post("/repos/{owner}/{repo}/check-runs", {"owner": "acme", "repo": "skills"}, left_open, CheckRun)
    second = await _published(
        here, publication(issue, draft(SKILL + "\nB.\n"), "publish:2", known_head=first.head_sha), issue
    )
    await _check(here, second, issue)
    (old,) = await _runs(here, first.head_sha)
    assert (old["status"], old["conclusion"]) == ("completed", "neutral")


async def test_a_skill_of_very_many_or_large_files_costs_a_bounded_number_of_requests(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.checks.MAX_FILES_READ", 5)
    many = {f"skills/release-notes/references/{number}.md": f"{number}\n" for number in range(30)}
    files = {"skills/release-notes/SKILL.md": BROKEN, "skills/release-notes/assets/big.bin": "x" * 1_200_000, **many}
    await commit_as_person(here, "main", files, "Many")
    main = (await here.ask("GET", "/git/ref/heads/main"))["object"]["sha"]
    issue = await here.open_issue()
    before = len(here.sandbox.api.log)
    await here.perform(Check(key="c", head_sha=main, path="skills/release-notes", pull_number=0), issue)
    read = [each for each in list(here.sandbox.api.log)[before:] if "/git/blobs/" in each.path]
    assert len(read) <= 5
    (run,) = await _runs(here, main)
    assert run["conclusion"] == "failure", "what matters most is read first"


async def test_what_a_person_wrote_meanwhile_is_never_written_over(here: Town) -> None:
    issue = await here.open_issue()
    first = await _published(here, publication(issue, draft()), issue)
    branch = f"skill/issue-{issue}"
    theirs = await commit_as_person(here, branch, {"skills/release-notes/SKILL.md": SKILL + "\nMine.\n"}, "By hand")
    late = publication(issue, draft(SKILL + "\nLate.\n"), "publish:2", known_head=first.head_sha)
    result = await here.perform(late, issue)
    assert isinstance(result, Refused)
    assert result.code == "human_edits"
    assert (await here.ask("GET", f"/git/ref/heads/{branch}"))["object"]["sha"] == theirs


async def test_a_picture_that_a_person_added_is_not_ours_to_delete(here: Town) -> None:
    issue = await here.open_issue()
    await _published(here, publication(issue, draft()), issue)
    blob = await here.ask("POST", "/git/blobs", content="iVBORw0KGgr/", encoding="base64")
    branch = f"skill/issue-{issue}"
    tip = (await here.ask("GET", f"/git/ref/heads/{branch}"))["object"]["sha"]
    base = (await here.ask("GET", f"/git/commits/{tip}"))["tree"]["sha"]
    entry = {"path": "skills/release-notes/assets/x.png", "mode": "100644", "type": "blob", "sha": blob["sha"]}
    tree = await here.ask("POST", "/git/trees", base_tree=base, tree=[entry])
    commit = await here.ask("POST", "/git/commits", message="Picture", tree=tree["sha"], parents=[tip])
    await here.ask("PATCH", f"/git/refs/heads/{branch}", sha=commit["sha"])
    later = publication(issue, draft(SKILL + "\nB.\n"), "publish:2", known_head=commit["sha"])
    second = await _published(here, later, issue)
    assert "skills/release-notes/assets/x.png" in await _files(here, second.head_sha)


# --- what finds no room ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "skip", "times"),
    [(None, 0, 0), (Kind.DROP_AFTER, 0, 3), (Kind.DROP_AFTER, 1, 1)],
    ids=["no trouble", "three answers lost", "the answer to PUT lost, which the connection repeats by itself"],
)
async def test_what_finds_no_room_is_a_file_on_a_branch_of_its_own(
    here: Town, kind: Kind | None, skip: int, times: int
) -> None:
    issue = await here.open_issue()
    said = Say(key="say:p", number=issue, body="Preview", rest=Rest(name="preview-1a.md", text="# All\n\nOf it.\n"))
    if kind is not None:
        here.trouble(kind, skip=skip, times=times)
    await here.perform(said, issue)
    here.log.forget()
    again = said.model_copy(update={"key": "say:q", "body": "The same"})
    await here.perform(again, issue)
    (_, first), (_, second) = await here.comments(issue)
    branch = f"skill-fleet/issue-{issue}"
    tip = (await here.ask("GET", f"/git/ref/heads/{branch}"))["object"]["sha"]
    link = f"/blob/{tip}/.skill-fleet/issue-{issue}/preview-1a.md>"
    assert first.startswith("Preview\n\n**In full:** <")
    assert link in first
    assert link in second
    file = await here.ask("GET", f"/contents/.skill-fleet/issue-{issue}/preview-1a.md?ref={branch}")
    assert base64.b64decode(file["content"]).decode() == "# All\n\nOf it.\n"
    assert len(await here.ask("GET", f"/commits?sha={branch}")) == 2, "written once"
    published = await here.perform(publication(issue, draft(), rest=said.rest), issue)
    assert isinstance(published, Published)
    pull = await here.ask("GET", f"/pulls/{published.pull_number}")
    assert link in pull["body"]
    files = await here.ask("GET", f"/pulls/{published.pull_number}/files")
    assert [file["filename"] for file in files] == ["skills/release-notes/SKILL.md"], (
        "merging adds nothing but the skill"
    )
    if kind is not None:
        here.trouble(kind)
    await here.perform(DropRest(key="drop_rest:1"), issue)
    here.log.forget()
    await here.perform(DropRest(key="drop_rest:1"), issue)
    assert branch not in {each["name"] for each in await here.ask("GET", "/branches")}
    kept = await here.ask("GET", f"/contents/.skill-fleet/issue-{issue}/preview-1a.md?ref={tip}")
    assert base64.b64decode(kept["content"]).decode() == "# All\n\nOf it.\n", "what the link names is still there"


async def test_a_branch_of_long_texts_that_somebody_else_committed_to_is_kept(here: Town) -> None:
    issue = await here.open_issue()
    branch = f"skill-fleet/issue-{issue}"
    await here.perform(Say(key="say:p", number=issue, body="Preview", rest=Rest(name="p.md", text="All")), issue)
    note = base64.b64encode(b"mine").decode()
    await here.ask("PUT", "/contents/notes.md", message="Note", content=note, branch=branch)
    await here.perform(DropRest(key="drop_rest:1"), issue)
    assert branch in {each["name"] for each in await here.ask("GET", "/branches")}


async def test_a_repository_that_takes_no_such_branch_is_told_without_the_link(here: Town) -> None:
    issue = await here.open_issue()
    here.trouble(Kind.STATUS, status=422, body='{"message": "Repository rule violations found"}')
    await here.perform(Say(key="say:p", number=issue, body="Preview", rest=Rest(name="p.md", text="All")), issue)
    ((_, body),) = await here.comments(issue)
    assert body.startswith("Preview\n\n<!--")
