"""The contract checker notices what it is for, on examples that GitHub itself would accept or refuse."""

import copy
from typing import Any

import pytest

from tests.contract import Contract

R = "/repos/acme/skills"
CONTRACT = Contract.load()


def wrong(method: str, path: str, query: dict[str, str] | None = None, body: Any = None) -> list[str]:
    return [each.message for each in CONTRACT.check_request(method, path, query or {}, body, body is not None)]


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", f"{R}/issues", {"state": "all", "labels": "skill-request", "per_page": "100"}, None),
        ("POST", f"{R}/issues", None, {"title": "x", "labels": ["a"]}),
        ("GET", f"{R}/contents/skills/x/SKILL.md", {"ref": "main"}, None),
        ("GET", f"{R}/contents/", None, None),
        ("GET", "/repositories/12/issues", {"page": "2"}, None),
        ("PATCH", f"{R}/git/refs/heads/skill/issue-1", None, {"sha": "a" * 40}),
        ("GET", f"{R}/compare/main...skill/issue-1", None, None),
        ("POST", "/app/installations/1/access_tokens", None, None),
        ("POST", "/app/installations/1/access_tokens", None, {"permissions": {"issues": "write"}}),
    ],
)
def test_good_requests_pass(method: str, path: str, query: dict[str, str] | None, body: Any) -> None:
    assert wrong(method, path, query, body) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "expected"),
    [
        ("POST", f"{R}/issues", None, {"title": "x", "lables": ["a"]}, "unknown property /lables"),
        ("POST", f"{R}/issues", None, {"body": "x"}, "'title' is a required property"),
        ("POST", f"{R}/issues", None, None, "a body is required"),
        ("GET", f"{R}/issues", {"per_page": "500"}, None, "over 100"),
        ("GET", f"{R}/issues", {"stat": "open"}, None, "unknown parameter 'stat'"),
        ("GET", f"{R}/issues", {"state": "opened"}, None, "not one of"),
        ("GET", f"{R}/isues", None, None, "no such operation"),
        ("POST", f"{R}/git/trees", None, {"tree": [{"path": "a", "sah": None}]}, "unknown property /tree/0/sah"),
        ("POST", f"{R}/check-runs", None, {"name": "x", "head_sha": "a", "output": {"title": "t"}}, "summary"),
        ("GET", f"{R}/milestones", None, None, "not among the operations"),
        ("GET", "/search/issues", None, None, "'q' is missing"),
    ],
)
def test_a_request_that_breaks_the_contract_is_named(
    method: str, path: str, query: dict[str, str] | None, body: Any, expected: str
) -> None:
    assert any(expected in message for message in wrong(method, path, query, body))


USER = {
    **{f"{name}_url": "https://x" for name in ("avatar", "html", "followers", "following", "gists", "starred")},
    **{f"{name}_url": "https://x" for name in ("subscriptions", "organizations", "repos", "events", "received_events")},
    "login": "riley",
    "id": 1,
    "node_id": "U_1",
    "gravatar_id": "",
    "url": "https://x",
    "type": "User",
    "site_admin": False,
}


def test_an_answer_is_held_against_its_schema() -> None:
    reaction = {"id": 1, "node_id": "R", "user": USER, "content": "eyes", "created_at": "2026-01-01T00:00:00Z"}
    path = f"{R}/issues/1/reactions"
    assert CONTRACT.check_response("POST", path, 201, reaction) == []
    broken = copy.deepcopy(reaction)
    del broken["user"]["login"]  # type: ignore[attr-defined]
    assert CONTRACT.check_response("POST", path, 201, broken)
    assert CONTRACT.check_response("POST", path, 202, reaction)[0].where == "status"
    assert CONTRACT.check_response("POST", path, 502, None) == []


def test_what_is_wrong_is_said_every_time_whatever_was_right_before() -> None:
    def told(**changes: object) -> list[str]:
        user = USER | changes
        reaction = {"id": 1, "node_id": "R", "user": user, "content": "eyes", "created_at": "2026-01-01T00:00:00Z"}
        return [each.message for each in CONTRACT.check_response("POST", f"{R}/issues/1/reactions", 201, reaction)]

    for port in (40_001, 40_002):
        assert told(url=f"http://127.0.0.1:{port}/u", login="sam") == []
    for _ in range(2):
        assert "is not of type 'string'" in told(url=40_001, login="sam")[0]
        assert "is not of type 'boolean'" in told(url="http://127.0.0.1:40001/u", login="sam", site_admin=0)[0]
    assert told(url="http://127.0.0.1:40001/u", login="sam") == []


def test_a_webhook_is_held_against_its_schema() -> None:
    assert CONTRACT.check_webhook("issues", {"action": "invented"})[0].where == "event"
    assert any(
        "'issue' is a required property" in str(each) for each in CONTRACT.check_webhook("issues", {"action": "opened"})
    )
