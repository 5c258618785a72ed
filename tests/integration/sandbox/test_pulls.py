"""Pull requests, reviews and checks: followed branches, real merges, and every way GitHub says no."""

from typing import Any

import pytest

from bot.sandbox.model import Protection
from tests.github_sandbox import GitHub, RefusedError

REPO = "/repos/acme/skills"


async def opened(github: GitHub, branch: str = "topic", body: str = "", text: str = "one\ntwo\nthree\n") -> int:
    morgan = github.as_user("morgan")
    await morgan.commit(branch, {f"{branch}.md": text})
    bot = await github.as_installation()
    data = {"head": branch, "base": "main", "title": "T", "body": body}
    return int((await bot.post(f"{REPO}/pulls", data))["number"])


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"head": "nowhere"}, "head", None),
        ({"base": "nowhere"}, "base", None),
        ({"head": "stranger:topic"}, "head", None),
        ({"head": "same"}, None, "No commits between main and same"),
        ({"head": "topic"}, None, "A pull request already exists for acme:topic."),
        ({"title": ""}, "title", None),
    ],
)
async def test_a_pull_request_that_cannot_be_is_refused(
    github: GitHub, change: Any, field: str | None, words: str | None
) -> None:
    morgan = github.as_user("morgan")
    await opened(github)
    await morgan.commit("new", {"n.md": "n"})
    main = (await morgan.get(f"{REPO}/git/ref/heads/main"))["object"]["sha"]
    await morgan.post(f"{REPO}/git/refs", {"ref": "refs/heads/same", "sha": main})
    answer = await morgan.request("POST", f"{REPO}/pulls", {"title": "T", "head": "new", "base": "main", **change})
    assert (answer.status, answer.data["message"]) == (422, "Validation Failed")
    error = answer.data["errors"][0]
    assert (error["resource"], error.get("field")) == ("PullRequest", field)
    assert words is None or (error["code"], error["message"]) == ("custom", words)


async def test_a_pull_request_is_an_issue_too(github: GitHub) -> None:
    number = await opened(github)
    morgan, bot = github.as_user("morgan"), await github.as_installation(permissions={"pull_requests": "write"})
    assert (await github.issue(number))["pull_request"]["merged_at"] is None
    assert number in [each["number"] for each in await morgan.get(f"{REPO}/issues")]
    await bot.post(f"{REPO}/issues/{number}/comments", {"body": "by pull request permission"})
    await bot.post(f"{REPO}/issues/{number}/labels", {"labels": ["bug"]})
    await bot.delete(f"{REPO}/issues/{number}/labels/bug")
    issue = await morgan.open_issue("x")
    assert (await bot.request("POST", f"{REPO}/issues/{issue}/comments", {"body": "no"})).status == 403
    assert (await morgan.request("GET", f"{REPO}/pulls/{issue}")).status == 404
    await morgan.patch(f"{REPO}/pulls/{number}", {"title": "New", "body": "b", "state": "closed"})
    await morgan.patch(f"{REPO}/issues/{number}", {"state": "open"})
    assert (await github.pull(number))["title"] == "New"
    assert (await github.as_user("sam").request("PATCH", f"{REPO}/pulls/{number}", {"title": "x"})).status == 403


async def test_lists_filter_by_head_base_and_state(github: GitHub) -> None:
    first, second = await opened(github, "one"), await opened(github, "two")
    morgan = github.as_user("morgan")
    await morgan.close(first)
    for query, numbers in (
        ({"state": "all"}, [second, first]),
        ({"head": "acme:two"}, [second]),
        ({"head": "acme:one"}, []),
        ({"head": "acme:one", "state": "closed"}, [first]),
        ({"base": "other"}, []),
        ({"state": "all", "direction": "asc"}, [first, second]),
    ):
        assert [each["number"] for each in await morgan.get(f"{REPO}/pulls", **query)] == numbers, query


async def test_mergeability_is_not_known_at_first(github: GitHub) -> None:
    number = await opened(github)
    seen = [(pull["mergeable"], pull["mergeable_state"]) for pull in [await github.pull(number) for _ in range(2)]]
    assert seen == [(None, "unknown"), (True, "clean")]


async def test_the_head_follows_its_branch(github: GitHub) -> None:
    number, morgan = await opened(github), github.as_user("morgan")
    sha = await morgan.commit("topic", {"more.md": "x\n"})
    pull = await github.pull(number)
    assert (pull["head"]["sha"], pull["commits"], pull["changed_files"]) == (sha, 2, 2)
    files = await morgan.get(f"{REPO}/pulls/{number}/files")
    assert [(each["filename"], each["additions"]) for each in files] == [("more.md", 1), ("topic.md", 3)]
    assert files[0]["patch"] == "@@ -0,0 +1 @@\n+x"
    assert [each["sha"] for each in await morgan.get(f"{REPO}/pulls/{number}/commits")][-1] == sha
    for accept, start in (("diff", "diff --git"), ("patch", "From ")):
        answer = await morgan.request(
            "GET", f"{REPO}/pulls/{number}", headers={"Accept": f"application/vnd.github.{accept}"}
        )
        assert answer.data.startswith(start)
    assert (await morgan.get(f"{REPO}/commits/{sha}/pulls"))[0]["number"] == number


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_merging_keeps_what_others_merged(github: GitHub, method: str) -> None:
    first, second = await opened(github, "one"), await opened(github, "two")
    morgan = github.as_user("morgan")
    await morgan.merge(first)
    assert (await morgan.request("GET", f"{REPO}/pulls/{second}/merge")).status == 404
    sha = await morgan.merge(second, method)
    assert (await morgan.request("GET", f"{REPO}/pulls/{second}/merge")).status == 204
    assert await github.file("one.md") == await github.file("two.md") == "one\ntwo\nthree\n"
    pull = await github.pull(second)
    assert (pull["merged"], pull["merged_by"]["login"], pull["merge_commit_sha"]) == (True, "morgan", sha)
    parents = len((await morgan.get(f"{REPO}/git/commits/{sha}"))["parents"])
    assert parents == (2 if method == "merge" else 1)
    answer = await morgan.request("PUT", f"{REPO}/pulls/{second}/merge", {})
    assert (answer.status, answer.data["message"]) == (405, "Pull Request is not mergeable")


async def test_conflicts_and_moved_heads_stop_a_merge(github: GitHub) -> None:
    number, morgan = await opened(github), github.as_user("morgan")
    answer = await morgan.request("PUT", f"{REPO}/pulls/{number}/merge", {"sha": "a" * 40})
    assert (answer.status, "Head branch was modified" in answer.data["message"]) == (409, True)
    await morgan.commit("main", {"topic.md": "else\n"})
    await github.pull(number)
    pull = await github.pull(number)
    assert (pull["mergeable"], pull["mergeable_state"]) == (False, "dirty")
    assert (await morgan.request("PUT", f"{REPO}/pulls/{number}/merge", {})).status == 405
    assert (await github.as_user("riley").request("PUT", f"{REPO}/pulls/{number}/merge", {})).status == 403


async def test_a_protected_branch_wants_approvals_and_checks(github: GitHub) -> None:
    number, morgan, bot = await opened(github), github.as_user("morgan"), await github.as_installation()
    github.sandbox.repository.protected["main"] = Protection(approvals=1, checks=("skill-fleet",))
    with pytest.raises(RefusedError, match="At least 1 approving review is required"):
        await morgan.merge(number)
    await morgan.review(number, "APPROVE")
    with pytest.raises(RefusedError, match='Required status check "skill-fleet" is expected'):
        await morgan.merge(number)
    head = (await github.pull(number))["head"]["sha"]
    await bot.post(f"{REPO}/check-runs", {"name": "skill-fleet", "head_sha": head, "conclusion": "success"})
    assert (await github.pull(number))["mergeable_state"] == "clean"
    await morgan.merge(number)


@pytest.mark.parametrize(
    ("body", "closed"),
    [
        ("Closes #1", True),
        ("fixes: #1.", True),
        ("Resolved acme/skills#1", True),
        ("Closes other/repo#1", False),
        ("See #1", False),
        ("`Closes #1`", False),
        ("<!-- Closes #1 -->", False),
        ("encloses #1", False),
    ],
)
async def test_keywords_close_issues_on_merge(github: GitHub, body: str, closed: bool) -> None:
    morgan = github.as_user("morgan")
    await morgan.open_issue("x")
    await morgan.merge(await opened(github, body=body))
    assert (await github.issue(1))["state"] == ("closed" if closed else "open")


async def test_a_commit_message_closes_an_issue_once_it_is_on_main(github: GitHub) -> None:
    morgan = github.as_user("morgan")
    number = await morgan.open_issue("x")
    await morgan.commit("main", {"a.md": "x"}, f"Add a\n\nFixes #{number}")
    assert (await github.issue(number))["state"] == "closed"


async def test_deleting_the_branch_closes_and_bringing_it_back_allows_reopening(github: GitHub) -> None:
    number, morgan = await opened(github), github.as_user("morgan")
    head = (await github.pull(number))["head"]["sha"]
    await morgan.delete_branch("topic")
    assert (await github.pull(number))["state"] == "closed"
    assert (await morgan.request("PATCH", f"{REPO}/pulls/{number}", {"state": "open"})).status == 422
    await morgan.post(f"{REPO}/git/refs", {"ref": "refs/heads/topic", "sha": head})
    await morgan.patch(f"{REPO}/pulls/{number}", {"state": "open"})
    assert (await github.pull(number))["state"] == "open"


async def test_pushing_the_head_to_main_merges(github: GitHub) -> None:
    number, morgan = await opened(github), github.as_user("morgan")
    head = (await github.pull(number))["head"]["sha"]
    await morgan.patch(f"{REPO}/git/refs/heads/main", {"sha": head})
    assert (await github.pull(number))["merged"]


async def test_updating_a_branch_merges_the_base_into_it(github: GitHub) -> None:
    number, morgan = await opened(github), github.as_user("morgan")
    assert (await morgan.request("PUT", f"{REPO}/pulls/{number}/update-branch", {})).status == 422
    await morgan.commit("main", {"b.md": "x"})
    assert (await morgan.request("PUT", f"{REPO}/pulls/{number}/update-branch", {})).status == 202
    assert await github.file("b.md", "topic") == "x"


# --- reviews ---------------------------------------------------------------------------------------------------------


async def test_reviews_are_pending_submitted_changed_and_dismissed(github: GitHub) -> None:
    number, morgan = await opened(github), github.as_user("morgan")
    path = f"{REPO}/pulls/{number}/reviews"
    pending = (await morgan.post(path, {"body": "draft"}))["id"]
    assert await github.as_user("riley").get(path) == []
    assert (await morgan.request("GET", f"{path}/{pending}")).data["state"] == "PENDING"
    await morgan.put(f"{path}/{pending}", {"body": "better"})
    await morgan.post(f"{path}/{pending}/events", {"event": "REQUEST_CHANGES"})
    assert [each["state"] for each in await github.as_user("riley").get(path)] == ["CHANGES_REQUESTED"]
    await morgan.put(f"{path}/{pending}/dismissals", {"message": "settled"})
    assert (await morgan.get(f"{path}/{pending}"))["state"] == "DISMISSED"
    dropped = (await morgan.post(path, {}))["id"]
    await morgan.delete(f"{path}/{dropped}")
    assert (await morgan.request("GET", f"{path}/{dropped}")).status == 404


async def test_nobody_approves_their_own_and_a_review_says_something(github: GitHub) -> None:
    number, bot = await opened(github), await github.as_installation()
    path = f"{REPO}/pulls/{number}/reviews"
    answer = await bot.request("POST", path, {"event": "APPROVE"})
    assert (answer.status, answer.data["errors"]) == (422, ["Can not approve your own pull request"])
    assert (await github.as_user("morgan").request("POST", path, {"event": "COMMENT"})).status == 422


async def test_comments_sit_on_lines_of_the_diff_and_lose_them_when_these_change(github: GitHub) -> None:
    number, morgan, bot = await opened(github), github.as_user("morgan"), await github.as_installation()
    comment = await morgan.comment_on_line(number, "topic.md", 2, "why?")
    shown = (await github.review_comments(number))[0]
    assert (shown["line"], shown["side"], shown["position"]) == (2, "RIGHT", 2)
    assert shown["diff_hunk"] == "@@ -0,0 +1,3 @@\n+one\n+two"
    with pytest.raises(RefusedError, match="must be part of the diff"):
        await morgan.comment_on_line(number, "topic.md", 9, "?")
    with pytest.raises(RefusedError, match=r"pull_request_review_thread\.path"):
        await morgan.comment_on_line(number, "README.md", 1, "?")
    reply = await bot.post(f"{REPO}/pulls/{number}/comments/{comment}/replies", {"body": "because"})
    assert (reply["in_reply_to_id"], reply["line"]) == (comment, 2)
    assert len(await morgan.get(f"{REPO}/pulls/comments")) == 2
    review = shown["pull_request_review_id"]
    assert len(await morgan.get(f"{REPO}/pulls/{number}/reviews/{review}/comments")) == 1
    await morgan.patch(f"{REPO}/pulls/comments/{comment}", {"body": "why not?"})
    assert (await morgan.get(f"{REPO}/pulls/comments/{comment}"))["body"] == "why not?"
    await morgan.commit("topic", {"topic.md": "one\n2\nthree\n"})
    assert (await github.review_comments(number))[0]["line"] is None
    await morgan.delete(f"{REPO}/pulls/comments/{comment}")


async def test_reviewers_are_asked_among_collaborators(github: GitHub) -> None:
    number, bot = await opened(github), await github.as_installation()
    path = f"{REPO}/pulls/{number}/requested_reviewers"
    assert (await bot.request("POST", path, {"reviewers": ["sam"]})).status == 422
    await bot.post(path, {"reviewers": ["morgan", "riley"]})
    await bot.delete(path, {"reviewers": ["riley"]})
    assert [each["login"] for each in (await bot.get(path))["users"]] == ["morgan"]
    await github.as_user("morgan").review(number, "COMMENT", "looked")
    assert (await bot.get(path))["users"] == []


# --- checks ----------------------------------------------------------------------------------------------------------

NOTE = {"path": "topic.md", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "m"}


async def test_annotations_are_added_fifty_at_a_time(github: GitHub) -> None:
    number, bot = await opened(github), await github.as_installation()
    head = (await github.pull(number))["head"]["sha"]
    output = {"title": "t", "summary": "s", "annotations": [NOTE] * 50}
    data = {"name": "skill-fleet", "head_sha": head, "status": "in_progress", "external_id": "e1", "output": output}
    run = (await bot.post(f"{REPO}/check-runs", data))["id"]
    path = f"{REPO}/check-runs/{run}"
    await bot.patch(path, {"output": {"title": "t", "summary": "s", "annotations": [NOTE] * 3}})
    assert (await bot.get(path))["output"]["annotations_count"] == 53
    assert len(await bot.all(f"{path}/annotations")) == 53
    done = await bot.patch(path, {"conclusion": "failure", "output": {"title": "t2", "summary": "s2", "text": "x"}})
    assert (done["status"], done["external_id"], done["app"]["slug"]) == ("completed", "e1", "skill-fleet")
    assert done["pull_requests"][0]["number"] == number
    suite = (await bot.get(f"{REPO}/commits/{head}/check-suites"))["check_suites"][0]
    assert (suite["status"], suite["conclusion"]) == ("completed", "failure")
    assert (await bot.get(f"{REPO}/check-suites/{suite['id']}"))["latest_check_runs_count"] == 1
    assert (await bot.get(f"{REPO}/check-suites/{suite['id']}/check-runs"))["total_count"] == 1
    await bot.post(f"{REPO}/check-runs", {"name": "skill-fleet", "head_sha": head})
    for query, count in (
        ({}, 1),
        ({"filter": "all"}, 2),
        ({"check_name": "other"}, 0),
        ({"status": "completed", "filter": "all"}, 1),
    ):
        assert (await bot.get(f"{REPO}/commits/topic/check-runs", **query))["total_count"] == count, query
    await github.as_user("morgan").post(f"{path}/rerequest")
    await github.as_user("morgan").post(f"{REPO}/check-suites/{suite['id']}/rerequest")
    assert (await bot.request("POST", f"{REPO}/check-suites", {"head_sha": head})).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"head_sha": "a" * 40},
        {"actions": [{"label": "x" * 21, "description": "d", "identifier": "i"}]},
        {"actions": [{"label": "l", "description": "d", "identifier": "i"}] * 4},
        {"output": {"title": "t", "summary": "x" * 65536}},
        {"output": {"title": "t", "summary": "s", "annotations": [NOTE] * 51}},
        {"status": "completed"},
    ],
    ids=["unknown commit", "long label", "four actions", "long summary", "51 annotations", "no conclusion"],
)
async def test_a_check_run_that_cannot_be_is_refused(github: GitHub, change: Any) -> None:
    bot = await github.as_installation()
    github.contract.enforce = False
    head = (await bot.get(f"{REPO}/git/ref/heads/main"))["object"]["sha"]
    answer = await bot.request("POST", f"{REPO}/check-runs", {"name": "n", "head_sha": head, **change})
    assert answer.status == 422
    github.contract.violations.clear()


async def test_only_apps_write_checks(github: GitHub) -> None:
    morgan = github.as_user("morgan")
    head = (await morgan.get(f"{REPO}/git/ref/heads/main"))["object"]["sha"]
    answer = await morgan.request("POST", f"{REPO}/check-runs", {"name": "n", "head_sha": head})
    assert (answer.status, answer.data["message"]) == (403, "You must authenticate via a GitHub App.")
