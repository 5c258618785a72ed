"""What intake picks out of a payload decides the same as the whole payload does."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.skim import SkimError, skim
from bot.subjects import (
    ACCEPTED,
    SubjectError,
    installation_of,
    is_accepted,
    is_talk,
    repository_of,
    subject,
)

EXAMPLES = json.loads(
    gzip.decompress((Path(__file__).parents[2] / "data" / "webhooks-examples" / "index.json.gz").read_bytes())
)
RECORDED = [(kind["name"], payload) for kind in EXAMPLES for payload in kind["examples"]]


def decision(event: str, payload: Mapping[str, JsonValue]) -> object:
    """Everything that intake decides by a payload."""
    said = payload.get("action")
    action = said if isinstance(said, str) else ""
    accepted = is_accepted(event, action, payload)
    try:
        key = subject(event, payload)
    except SubjectError as error:
        return accepted, str(error)
    return accepted, key, is_talk(event, action, key, payload), repository_of(payload), installation_of(payload)


def test_recorded_payloads_are_decided_the_same() -> None:
    differing = [
        (event, payload.get("action"))
        for event, payload in RECORDED
        if decision(event, skim(json.dumps(payload).encode())) != decision(event, payload)
    ]
    assert differing == []
    assert sum(event in ACCEPTED for event, _ in RECORDED) > 50


ODD: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.text(max_size=3), st.lists(st.integers(), max_size=2)
)


def objects(**fields: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    return st.one_of(ODD, st.fixed_dictionaries({}, optional={**fields, "other": ODD}))


REF = st.sampled_from(["skill/issue-5", "skill/issue-5-2", "main", ""]) | ODD
PULL = objects(number=ODD, head=objects(ref=REF, repo=objects(id=ODD)))
PULLS: st.SearchStrategy[JsonValue] = st.lists(objects(number=ODD), max_size=2).map(lambda found: list(found)) | ODD
SUITE = objects(head_branch=REF, pull_requests=PULLS)
ACTIONS = sorted({action for actions in ACCEPTED.values() for action in actions})
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(ACTIONS) | ODD,
        "ref": st.sampled_from(["refs/heads/main", "refs/heads/x"]) | ODD,
        "repository": objects(id=ODD, default_branch=st.sampled_from(["main", "x"]) | ODD),
        "installation": objects(id=ODD),
        "sender": objects(type=st.sampled_from(["User", "Bot"])),
        "label": objects(name=st.sampled_from(["skill: queued", "skill-request"])),
        "comment": objects(body=st.sampled_from(["hello", "/skill approve", "\u2028/skill"]) | ODD),
        "issue": objects(number=ODD, pull_request=ODD),
        "pull_request": PULL,
        "check_run": objects(external_id=st.sampled_from(["7:5", ""]) | ODD, pull_requests=PULLS, check_suite=SUITE),
        "check_suite": SUITE,
        "other": ODD,
    },
)


@settings(max_examples=300, deadline=None)
@given(event=st.sampled_from(sorted(ACCEPTED)), payload=PAYLOADS, ascii_only=st.booleans())
def test_any_payload_is_decided_the_same(event: str, payload: dict[str, JsonValue], ascii_only: bool) -> None:
    body = json.dumps(payload, ensure_ascii=ascii_only).encode()
    assert decision(event, skim(body)) == decision(event, payload)


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert skim(b'{"action": "a", "issue": {"number": 1}, "issue": {"number": 2}, "action": "b"}')["action"] == "b"
    assert skim(b'{"issue": {"number": 1}, "issue": {"number": 2}}')["issue"] == {"number": 2}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"a": "\\ud800"}', "not JSON"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"action"', "not a JSON object"),
        (b"null", "not a JSON object"),
    ],
)
def test_what_is_no_object_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(SkimError, match=reason):
        skim(body)


@pytest.mark.parametrize(
    ("event", "payload", "talk"),
    [
        ("issues", {"action": "edited"}, False),
        ("issue_comment", {"action": "created", "comment": {"body": "a thought"}}, True),
        ("issue_comment", {"action": "created", "comment": {"body": "/skill retry"}}, False),
        ("issue_comment", {"action": "edited", "comment": {"body": "/skill retry"}}, True),
        ("issue_comment", {"action": "created", "repository": {"url": "/skills"}}, True),
        ("pull_request_review", {"action": "submitted"}, False),
        ("pull_request", {"action": "synchronize"}, True),
        ("check_run", {"action": "rerequested"}, True),
    ],
)
def test_talk_is_what_is_worth_nothing_without_a_job(event: str, payload: dict[str, JsonValue], talk: bool) -> None:
    assert is_talk(event, str(payload["action"]), "7:5", payload) is talk
    assert is_talk(event, str(payload["action"]), "7:pull/5", payload) is False
