"""What is kept of a push."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from bot.jobs.events import BasePushed, InboxRow
from bot.jobs.identity import BotIdentity
from bot.jobs.intake import interpret, repository_of
from bot.pushes import LARGEST, MOST_COMMITS, MOST_PATHS, brief
from bot.subjects import SubjectError, is_accepted
from tests.unit.bot.test_skim import RECORDED
from tests.unit.jobs import builders as make

REPOSITORY = {"id": 7, "name": "skills", "owner": {"login": "acme", "name": "acme"}, "default_branch": "trunk"}
COMMIT = {"id": "a" * 40, "message": "x" * 5_000, "added": ["a.md"], "modified": ["b/c.md"], "removed": ["a.md"]}


def pushed(**changes: JsonValue) -> bytes:
    whole = {"ref": "refs/heads/trunk", "repository": REPOSITORY, "installation": {"id": 3}, "commits": [COMMIT]}
    return json.dumps({**whole, **changes}).encode()


def event_in(body: bytes) -> tuple[BasePushed | None, Any]:
    row = InboxRow(id=1, delivery="d", key="7:12", event="push", action="", body=body, received_at=make.NOW)
    event = interpret(row, label="skill-request", bot=BotIdentity(app_id=1, login="skill-fleet[bot]"))
    assert event is None or isinstance(event, BasePushed)
    return event, repository_of(row)


def test_a_push_of_any_length_is_kept_as_its_place_and_its_paths() -> None:
    body = brief(pushed())
    assert len(body) < 300
    event, repository = event_in(body)
    assert event == BasePushed(paths=("a.md", "b/c.md"))
    assert (repository.full_name, repository.default_branch, repository.installation_id) == ("acme/skills", "trunk", 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"forced": True},
        {"commits": []},
        {"commits": [{}] * MOST_COMMITS},
        {"commits": [{**COMMIT, "message": "x" * LARGEST}]},
        {"commits": [{"added": [f"{n}.md" for n in range(MOST_PATHS + 1)]}]},
    ],
    ids=["forced", "no commits", "as many commits as GitHub tells", "too long", "too many paths"],
)
def test_what_github_does_not_tell_in_full_may_be_anything(changes: dict[str, JsonValue]) -> None:
    event, _ = event_in(brief(pushed(**changes)))
    assert event == BasePushed(paths=None)


def test_pushes_as_github_recorded_them_are_kept_where_they_go_to_the_default_branch() -> None:
    kept = [payload for event, payload in RECORDED if event == "push" and is_accepted(event, "", payload)]
    assert kept
    for payload in kept:
        event, _ = event_in(brief(json.dumps(payload).encode()))
        assert event is not None


@pytest.mark.parametrize("changes", [{"repository": None}, {"repository": {"id": 7}}, {"commits": [None]}])
def test_a_push_without_what_names_its_repository_is_an_error_that_says_what(changes: dict[str, JsonValue]) -> None:
    with pytest.raises(SubjectError, match=r"repository|commits"):
        brief(pushed(**changes))
