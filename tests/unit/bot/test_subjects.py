"""Which job an event belongs to."""

import json

import pytest
from pydantic import JsonValue

from bot.store.keys import is_pull, is_shared
from bot.subjects import SubjectError, concerned, is_accepted, newcomers, subject

REPO: dict[str, JsonValue] = {"repository": {"id": 7}}


def pull(ref: str, *, home: JsonValue = 7) -> dict[str, JsonValue]:
    return {**REPO, "pull_request": {"number": 9, "head": {"ref": ref, "repo": {"id": home} if home else None}}}


CASES: list[tuple[str, dict[str, JsonValue], str]] = [
    ("issues", {**REPO, "issue": {"number": 5}}, "7:5"),
    ("issue_comment", {**REPO, "issue": {"number": 5}}, "7:5"),
    ("issue_comment", {**REPO, "issue": {"number": 9, "pull_request": {"url": "x"}}}, "7:pull/9"),
    ("pull_request", pull("skill/issue-5"), "7:5"),
    ("pull_request", pull("skill/issue-5-2"), "7:5"),
    ("pull_request", pull("skill/issue-5x"), "7:pull/9"),
    ("pull_request", pull("feature"), "7:pull/9"),
    ("pull_request", pull("skill/issue-5", home=8), "7:pull/9"),
    ("pull_request", pull("skill/issue-5", home=None), "7:pull/9"),
    ("pull_request_review", pull("skill/issue-5"), "7:5"),
    ("pull_request_review_comment", pull("skill/issue-5"), "7:5"),
    ("check_run", {**REPO, "check_run": {"external_id": "7:5"}}, "7:5"),
    ("check_run", {**REPO, "check_run": {"external_id": "7:5:check"}}, "7:5"),
    (
        "check_run",
        {**REPO, "check_run": {"external_id": "", "check_suite": {"head_branch": "skill/issue-6"}}},
        "7:6",
    ),
    ("check_run", {**REPO, "check_run": {"pull_requests": [{"number": 9}]}}, "7:check/9"),
    ("check_run", {**REPO, "check_run": {"external_id": "7:check/9:abc"}}, "7:check/9"),
    ("pull_request", {**pull("feature"), "action": "opened"}, "7:check/9"),
    ("pull_request", {**pull("feature"), "action": "synchronize"}, "7:check/9"),
    ("pull_request", {**pull("skill/issue-5", home=8), "action": "reopened"}, "7:check/9"),
    ("pull_request", {**pull("skill/issue-5"), "action": "synchronize"}, "7:5"),
    ("pull_request", {**pull("feature"), "action": "closed"}, "7:pull/9"),
    ("check_suite", {**REPO, "check_suite": {"head_branch": "skill/issue-6"}}, "7:6"),
    ("check_suite", {**REPO, "check_suite": {"head_branch": None, "pull_requests": [{"number": 9}]}}, "7:check/9"),
    (
        "check_suite",
        {**REPO, "check_suite": {"head_branch": None, "head_sha": "ab" * 20, "pull_requests": []}},
        f"7:check/@{'ab' * 20}",
    ),
    ("installation", {"installation": {"id": 3}}, "installation:3"),
    ("installation_repositories", {"installation": {"id": 3}}, "installation:3"),
    ("repository", REPO, "repository:7"),
    ("push", REPO, "repository:7"),
]


@pytest.mark.parametrize(("event", "payload", "key"), CASES)
def test_an_event_names_its_job(event: str, payload: dict[str, JsonValue], key: str) -> None:
    assert subject(event, payload) == key
    assert is_pull(key) == ("pull/" in key)
    assert is_shared(key) == (":" in key and not key[0].isdigit())


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", {}),
        ("issues", {**REPO, "issue": {"number": True}}),
        ("issues", {"repository": {"id": -1}, "issue": {"number": 5}}),
        ("issues", {"repository": [], "issue": {"number": 5}}),
        ("pull_request", {**REPO, "pull_request": None}),
        ("check_suite", {**REPO, "check_suite": {"head_branch": "main", "pull_requests": []}}),
        ("check_suite", {**REPO, "check_suite": {"head_sha": "../../x", "pull_requests": []}}),
        ("check_run", {**REPO, "check_run": {"head_sha": "ab" * 20, "pull_requests": []}}),
        ("installation", {}),
        ("fork", REPO),
    ],
)
def test_an_event_that_names_nothing_is_an_error_that_says_what_is_missing(
    event: str, payload: dict[str, JsonValue]
) -> None:
    with pytest.raises(SubjectError, match=r"missing|name a job|not one we keep"):
        subject(event, payload)


def test_bots_are_not_listened_to_but_people_and_deletions_are() -> None:
    bot: dict[str, JsonValue] = {"sender": {"type": "Bot"}}
    person: dict[str, JsonValue] = {"sender": {"type": "User"}}
    assert not is_accepted("issue_comment", "created", bot)
    assert not is_accepted("pull_request_review", "submitted", bot)
    assert is_accepted("issue_comment", "deleted", bot)
    assert is_accepted("issue_comment", "created", person)
    assert is_accepted("pull_request", "closed", bot), "a merge queue is a bot"
    assert is_accepted("issues", "labeled", bot), "who may start a job is decided with the repository's rules"


@pytest.mark.parametrize(("label", "kept"), [("skill-request", True), ("bug", True), ("skill:running", False)])
def test_labels_that_show_a_state_say_nothing(label: str, kept: bool) -> None:
    assert is_accepted("issues", "labeled", {"label": {"name": label}}) is kept
    assert is_accepted("issues", "unlabeled", {"label": {"name": label}}) is kept


@pytest.mark.parametrize(
    ("ref", "default", "kept"),
    [
        ("refs/heads/main", "main", True),
        ("refs/heads/skill/issue-5", "main", False),
        ("refs/tags/main", "main", False),
        ("refs/heads/None", None, False),
        (None, "main", False),
    ],
)
def test_of_pushes_only_those_to_the_default_branch_are_kept(ref: JsonValue, default: JsonValue, kept: bool) -> None:
    assert is_accepted("push", "", {"ref": ref, "repository": {"id": 7, "default_branch": default}}) is kept


def test_a_shared_event_names_whom_it_concerns() -> None:
    assert concerned("push", b'{"repository":{"id":7}}') == (None, [7])
    assert concerned("installation", b'{"installation":{"id":3}}') == (3, [])
    assert concerned("repository", b'{"repository":{"id":7}}') == (None, [7])
    removed = b'{"installation":{"id":3},"repositories_removed":[{"id":7},{"id":"x"},null]}'
    assert concerned("installation_repositories", removed) == (None, [7])


def _installed(event: str, action: str, count: int) -> bytes:
    listed = [{"id": number, "full_name": f"acme/r{number}"} for number in range(1, count + 1)]
    name = "repositories" if event == "installation" else "repositories_added"
    return json.dumps({"installation": {"id": 9}, name: listed}).encode()


@pytest.mark.parametrize(
    ("event", "action", "count", "welcomed"),
    [
        ("installation", "created", 2, 2),
        ("installation_repositories", "added", 20, 20),
        ("installation_repositories", "added", 21, 0),
        ("installation_repositories", "removed", 2, 0),
        ("installation", "deleted", 2, 0),
    ],
)
def test_repositories_that_were_chosen_are_welcomed(event: str, action: str, count: int, welcomed: int) -> None:
    found = newcomers(event, action, _installed(event, action, count))
    assert len(found) == welcomed
    assert all((new.owner, new.name, new.installation_id) == ("acme", f"r{new.id}", 9) for new in found)


def test_a_repository_without_a_name_is_not_welcomed() -> None:
    body = json.dumps({"installation": {"id": 9}, "repositories": [{"id": 1}, {"full_name": "acme/x"}, "x"]}).encode()
    assert newcomers("installation", "created", body) == []
