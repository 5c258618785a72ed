import json

import pytest

from bot.setup.manifest import EVENTS, PERMISSIONS, Visibility, manifest, missing_permissions, required_permissions


def example(**changes):
    return manifest(
        **{
            "name": "Skill Fleet",
            "homepage": "https://bot.example",
            "webhook_url": "https://bot.example/webhook",
            "redirect_url": "http://127.0.0.1:1234/created",
            **changes,
        }
    )


def test_the_app_asks_for_five_permissions_and_no_more() -> None:
    assert required_permissions() == {
        "metadata": "read",
        "issues": "write",
        "pull_requests": "write",
        "contents": "write",
        "checks": "write",
    }


def test_every_permission_says_what_it_is_for() -> None:
    for permission in PERMISSIONS:
        assert len(permission.why) > 30, permission.name
        assert permission.without, permission.name


def test_the_app_hears_eight_events_and_installation_events_are_implicit() -> None:
    assert EVENTS == (
        "issues",
        "issue_comment",
        "pull_request",
        "pull_request_review",
        "pull_request_review_comment",
        "check_run",
        "check_suite",
        "push",
    )


def test_a_manifest_holds_no_secret_because_github_refuses_those() -> None:
    content = example()
    assert content["hook_attributes"] == {"url": "https://bot.example/webhook", "active": True}
    assert "secret" not in json.dumps(content)


def test_an_app_is_private_unless_asked_otherwise() -> None:
    assert example()["public"] is False
    assert example(visibility=Visibility.PUBLIC)["public"] is True


@pytest.mark.parametrize("name", ["", "x" * 35, "two\nlines"])
def test_a_name_that_github_would_refuse_is_refused_here(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        example(name=name)


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (required_permissions(), {}),
        ({**required_permissions(), "checks": "admin", "actions": "read"}, {}),
        ({**required_permissions(), "issues": "read"}, {"issues": "write"}),
        ({"metadata": "read", "issues": "write", "contents": "write", "checks": "write"}, {"pull_requests": "write"}),
        ({**required_permissions(), "issues": "nonsense"}, {"issues": "write"}),
    ],
)
def test_missing_permissions_are_those_absent_or_too_low(granted: dict[str, str], missing: dict[str, str]) -> None:
    assert missing_permissions(granted) == missing
