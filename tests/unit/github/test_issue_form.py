"""Issues become requests, whatever is in them."""

from hypothesis import given
from hypothesis import strategies as st

from bot.jobs.issue_form import read_request

FORM = """### Name

release-notes

### What it should do

Write release notes from commits.

### Steps

1. Collect

```
### Examples
not a label: inside code
```

### When an agent should use it

When somebody tags a release.

### Examples

_No response_

### Existing skill

_No response_
"""


def test_the_form_s_answers_are_taken_apart_by_its_own_labels_only() -> None:
    request = read_request("Skill request: release notes", FORM, "ana")
    assert request.title == "release notes"
    assert request.name == "release-notes"
    assert request.purpose.startswith("Write release notes")
    assert "### Steps" in request.purpose
    assert "### Examples\nnot a label" in request.purpose
    assert request.when == "When somebody tags a release."
    assert request.examples == request.existing_skill == request.constraints == ""
    assert request.text == FORM


def test_windows_line_endings_make_no_difference() -> None:
    assert read_request("t", FORM.replace("\n", "\r\n"), "ana") == read_request("t", FORM, "ana")


def test_free_text_is_a_request_without_fields() -> None:
    request = read_request("Please", "Just do it. ![](https://example.com/x.png)", "ana")
    assert (request.name, request.purpose, request.text[:7]) == ("", "", "Just do")


def test_the_first_of_two_equal_labels_wins() -> None:
    assert read_request("t", "### Name\n\none\n\n### Name\n\ntwo", "a").name == "one"


@given(title=st.text(max_size=1_200), body=st.text(max_size=500), author=st.text(max_size=120))
def test_no_issue_whatsoever_fails(title: str, body: str, author: str) -> None:
    read_request(title, body, author)


def test_a_huge_body_is_cut_to_the_bounds() -> None:
    request = read_request("t" * 5_000, "### Name\n\n" + "x" * 200_000, "ana")
    assert len(request.title) == len(request.name) == 1_000
    assert len(request.text) == 70_000
