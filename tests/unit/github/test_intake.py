"""Stored deliveries become domain events: recorded payloads are all accepted, and each kind means what it should."""

import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.jobs import events as ev
from bot.jobs.events import InboxRow
from bot.jobs.identity import BotIdentity
from bot.jobs.intake import DamagedEventError, interpret, parse, repository_of

RECORDED = Path(__file__).parents[2] / "data" / "webhooks-examples" / "index.json.gz"
BOT = BotIdentity(app_id=29310, login="skill-fleet[bot]")


def row(event: str, action: str, payload: dict[str, Any]) -> InboxRow:
    return InboxRow(
        id=1,
        key="1:7",
        event=event,
        action=action,
        delivery="d",
        received_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        body=json.dumps({"action": action, **payload}).encode(),
    )


def recorded() -> list[tuple[str, dict[str, Any]]]:
    groups = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return [(group["name"], example) for group in groups for example in group["examples"]]


def recorded_row(event: str, payload: dict[str, Any]) -> InboxRow:
    """As an App receives it: recordings of repository hooks name no installation."""
    return row(event, str(payload.get("action", "")), {"installation": {"id": 3}, **payload})


def test_every_recorded_payload_is_read() -> None:
    examples = recorded()
    assert len(examples) > 100
    for event, payload in examples:
        assert parse(recorded_row(event, payload)) is not None, (event, payload.get("action"))


def test_recorded_payloads_mean_what_their_names_say() -> None:
    meant: Counter[tuple[str, str, str]] = Counter()
    for event, payload in recorded():
        happened = interpret(recorded_row(event, payload), label="bug", bot=BOT)
        if happened is not None:
            meant[event, str(payload.get("action", "")), happened.kind] += 1
    assert meant == RECORDED_MEANINGS


RECORDED_MEANINGS = {
    ("check_suite", "rerequested", "check_requested"): 2,
    ("installation", "deleted", "issue_gone"): 2,
    ("installation", "suspend", "issue_gone"): 1,
    ("installation_repositories", "removed", "issue_gone"): 1,
    ("issue_comment", "created", "commented"): 5,
    ("issue_comment", "deleted", "comment_deleted"): 2,
    ("issue_comment", "edited", "comment_edited"): 2,
    ("issues", "deleted", "issue_gone"): 1,
    ("issues", "edited", "request_edited"): 3,
    ("issues", "labeled", "labelled"): 2,
    ("issues", "opened", "labelled"): 4,
    ("issues", "reopened", "issue_reopened"): 1,
    ("issues", "transferred", "issue_gone"): 1,
    ("issues", "unlabeled", "unlabelled"): 2,
    ("pull_request", "closed", "pull_closed"): 2,
    ("pull_request", "reopened", "pull_reopened"): 2,
    ("pull_request", "synchronize", "pull_pushed"): 1,
    ("pull_request_review_comment", "created", "line_commented"): 3,
    ("issues", "unlocked", "unlocked"): 2,
}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff"])
def test_a_body_that_is_no_object_any_more_is_called_damaged(body: bytes) -> None:
    broken = row("issues", "opened", {}).model_copy(update={"body": body})
    for read in (lambda: interpret(broken, label="bug", bot=BOT), lambda: repository_of(broken)):
        with pytest.raises(DamagedEventError, match=r"event 1 \(issues.opened\): its stored payload is damaged"):
            read()


@pytest.mark.parametrize("body", [b'{"issue": 5}', b'{"issue": {"number": "x"}}'])
def test_a_body_that_is_no_payload_means_nothing(body: bytes) -> None:
    broken = row("issues", "opened", {}).model_copy(update={"body": body})
    assert interpret(broken, label="bug", bot=BOT) is None
    assert repository_of(broken) is None


# --- a payload per kind ----------------------------------------------------------------------------------------------

ANA = {"login": "ana", "id": 5, "type": "User"}
MAX = {"login": "max", "id": 6, "type": "User"}
US = {"login": "Skill-Fleet[bot]", "id": 9, "type": "Bot"}
OTHER_BOT = {"login": "other[bot]", "id": 10, "type": "Bot"}
PLACE = {
    "repository": {"id": 42, "name": "tools", "owner": {"login": "acme"}, "default_branch": "trunk", "private": True},
    "installation": {"id": 3},
    "surprise": {"from": "the future"},
}
ISSUE = {"number": 7, "title": "T", "body": "B", "state": "open", "user": ANA, "labels": [{"name": "Skill-Request"}]}
PULL = {"number": 8, "merged": False, "merge_commit_sha": "m" * 40, "head": {"sha": "h" * 40, "ref": "skill/issue-7"}}
COMMENT = {"id": 100, "body": "hello", "user": ANA}
RUN = {"name": "skill-fleet", "head_sha": "h" * 40, "app": {"id": 29310}}


def read(event: str, action: str, **parts: Any) -> ev.Event | None:
    return interpret(row(event, action, {**PLACE, "sender": MAX, **parts}), label="skill-request", bot=BOT)


def test_opening_with_the_label_and_labelling_both_ensure_a_job() -> None:
    opened = read("issues", "opened", issue=ISSUE)
    labelled = read("issues", "labeled", issue=ISSUE, label={"name": "skill-request"})
    assert isinstance(opened, ev.Labelled)
    assert opened == labelled
    assert (opened.actor.login, opened.issue.author.login) == ("max", "ana")
    assert opened.repository.full_name == "acme/tools"
    assert (opened.repository.default_branch, opened.repository.private) == ("trunk", True)


def test_other_labels_and_pull_requests_mean_nothing() -> None:
    assert read("issues", "opened", issue={**ISSUE, "labels": []}) is None
    assert read("issues", "labeled", issue=ISSUE, label={"name": "bug"}) is None
    assert read("issues", "unlabeled", issue=ISSUE, label={"name": "skill:running"}) is None
    assert read("issues", "labeled", issue={**ISSUE, "pull_request": {}}, label={"name": "skill-request"}) is None


def test_a_deleted_author_is_the_ghost() -> None:
    opened = read("issues", "opened", issue={**ISSUE, "user": None, "body": None})
    assert isinstance(opened, ev.Labelled)
    assert opened.issue.author.login == "ghost"


CASES: list[tuple[str, str, dict[str, Any], type[Any] | None]] = [
    ("issues", "edited", {"issue": ISSUE}, ev.RequestEdited),
    ("issues", "closed", {"issue": ISSUE}, ev.IssueClosed),
    ("issues", "closed", {"issue": ISSUE, "sender": US}, None),
    ("issues", "reopened", {"issue": ISSUE}, ev.IssueReopened),
    ("issues", "unlabeled", {"issue": ISSUE, "label": {"name": "skill-request"}}, ev.Unlabelled),
    ("issues", "transferred", {"issue": ISSUE}, ev.IssueGone),
    ("issues", "deleted", {"issue": ISSUE}, ev.IssueGone),
    ("issues", "pinned", {"issue": ISSUE}, None),
    ("issue_comment", "created", {"issue": ISSUE, "comment": COMMENT}, ev.Commented),
    ("issue_comment", "created", {"issue": ISSUE, "comment": {**COMMENT, "user": US}, "sender": US}, None),
    ("issue_comment", "created", {"issue": ISSUE, "comment": {**COMMENT, "user": OTHER_BOT}}, None),
    (
        "issue_comment",
        "created",
        {"issue": ISSUE, "comment": {**COMMENT, "performed_via_github_app": {"id": 29310}}},
        None,
    ),
    (
        "issue_comment",
        "edited",
        {"issue": ISSUE, "comment": COMMENT, "changes": {"body": {"from": "old"}}},
        ev.CommentEdited,
    ),
    ("issue_comment", "edited", {"issue": ISSUE, "comment": COMMENT, "changes": {"body": {"from": "hello"}}}, None),
    ("issue_comment", "edited", {"issue": ISSUE, "comment": COMMENT, "changes": {}}, None),
    ("issue_comment", "deleted", {"issue": ISSUE, "comment": COMMENT}, ev.CommentDeleted),
    ("pull_request", "closed", {"pull_request": PULL}, ev.PullClosed),
    ("pull_request", "closed", {"pull_request": PULL, "sender": US}, None),
    ("pull_request", "closed", {"pull_request": {**PULL, "merged": True}, "sender": US}, ev.PullMerged),
    ("pull_request", "reopened", {"pull_request": PULL}, ev.PullReopened),
    ("pull_request", "synchronize", {"pull_request": PULL}, ev.PullPushed),
    ("pull_request", "synchronize", {"pull_request": PULL, "sender": US}, None),
    ("pull_request", "labeled", {"pull_request": PULL}, None),
    (
        "pull_request_review",
        "submitted",
        {"pull_request": PULL, "review": {"id": 1, "state": "CHANGES_REQUESTED", "body": None, "user": MAX}},
        ev.Reviewed,
    ),
    (
        "pull_request_review",
        "submitted",
        {"pull_request": PULL, "review": {"id": 1, "state": "commented", "body": "", "user": MAX}},
        None,
    ),
    (
        "pull_request_review_comment",
        "created",
        {"pull_request": PULL, "comment": {**COMMENT, "path": "skills/x/SKILL.md", "line": None, "original_line": 4}},
        ev.LineCommented,
    ),
    ("check_run", "rerequested", {"check_run": RUN}, ev.CheckRequested),
    ("check_run", "rerequested", {"check_run": {**RUN, "app": {"id": 1}}}, None),
    ("check_run", "requested_action", {"check_run": RUN, "requested_action": {"identifier": "fix"}}, ev.CheckRequested),
    ("check_run", "requested_action", {"check_run": RUN, "requested_action": {"identifier": "rm"}}, None),
    ("check_suite", "rerequested", {"check_suite": {"head_sha": "h", "app": {"id": 29310}}}, ev.CheckRequested),
    ("check_suite", "rerequested", {"check_suite": {"head_sha": "h", "app": None}}, None),
    ("installation", "deleted", {}, ev.IssueGone),
    ("skill_fleet", "timer", {"timer": "remind"}, ev.TimerDue),
    ("skill_fleet", "timer", {}, None),
    ("skill_fleet", "run_again", {}, ev.RunAgain),
    ("skill_fleet", "cancel", {}, ev.CancelAsked),
    ("star", "created", {}, None),
]


@pytest.mark.parametrize(("event", "action", "parts", "meaning"), CASES)
def test_each_kind_of_delivery_has_its_meaning(
    event: str, action: str, parts: dict[str, Any], meaning: type[Any] | None
) -> None:
    happened = read(event, action, **parts)
    assert type(happened) is (meaning or type(None))


def test_sender_and_author_are_kept_apart() -> None:
    happened = read(
        "issue_comment", "edited", issue=ISSUE, comment=COMMENT, changes={"body": {"from": "before\r\nthis"}}
    )
    assert isinstance(happened, ev.CommentEdited)
    assert (happened.actor.login, happened.author.login, happened.before) == ("max", "ana", "before\nthis")


def test_a_comment_on_the_pull_request_says_which() -> None:
    happened = read("issue_comment", "created", issue={**ISSUE, "number": 8, "pull_request": {}}, comment=COMMENT)
    assert isinstance(happened, ev.Commented)
    assert happened.pull_number == 8


@pytest.mark.parametrize(("base", "into"), [({"ref": "trunk"}, ""), ({}, ""), ({"ref": "develop"}, "develop")])
def test_a_merge_says_into_which_branch_where_that_is_not_the_default_one(base: dict[str, str], into: str) -> None:
    happened = read("pull_request", "closed", pull_request={**PULL, "merged": True, "base": base})
    assert isinstance(happened, ev.PullMerged)
    assert happened.into == into


def test_a_huge_comment_is_cut() -> None:
    happened = read("issue_comment", "created", issue=ISSUE, comment={**COMMENT, "body": "x" * 200_000})
    assert isinstance(happened, ev.Commented)
    assert len(happened.body) == 70_000
