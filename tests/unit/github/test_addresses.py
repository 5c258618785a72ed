"""URL paths come only from templates and whole, encoded segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from bot.github.urls import BadAddressError, path

ISSUE = "/repos/{owner}/{repo}/issues/{number}"


def test_values_become_single_encoded_segments() -> None:
    assert path(ISSUE, {"owner": "acme", "repo": "tools", "number": 7}) == "/repos/acme/tools/issues/7"
    ref = path("/repos/{owner}/{repo}/git/ref/{ref}", {"owner": "a", "repo": "b", "ref": "heads/skill/issue-7"})
    assert ref == "/repos/a/b/git/ref/heads%2Fskill%2Fissue-7"


@pytest.mark.parametrize("value", ["", ".", "..", "a\nb", "a\x00b", "x" * 1_001, True])
def test_values_that_are_no_segment_are_refused(value: str) -> None:
    with pytest.raises(BadAddressError):
        path(ISSUE, {"owner": value, "repo": "tools", "number": 7})


@pytest.mark.parametrize(
    "template",
    [
        "https://evil.example/{owner}",
        "//evil.example/x",
        "/repos/{+owner}",
        "/a/../b",
        "/repos/{owner*}",
        "repos/x",
        "",
    ],
)
def test_templates_that_could_leave_the_api_are_refused(template: str) -> None:
    with pytest.raises(BadAddressError):
        path(template, {"owner": "acme"})


def test_a_missing_value_is_named() -> None:
    with pytest.raises(BadAddressError, match="number"):
        path(ISSUE, {"owner": "a", "repo": "b"})


@given(st.text(min_size=1, max_size=60))
def test_no_value_whatsoever_changes_the_endpoint(value: str) -> None:
    try:
        filled = path(ISSUE, {"owner": "acme", "repo": value, "number": 1})
    except BadAddressError:
        return
    url = URL("https://api.example" + filled)
    assert url.host == "api.example"
    assert len(url.raw_parts) == 6
    assert (url.raw_parts[1], url.raw_parts[2], url.raw_parts[4], url.raw_parts[5]) == ("repos", "acme", "issues", "1")
    assert not url.raw_query_string
