"""Changes as suggestions: they say exactly what changes, or nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.comments.markdown import suggestion
from bot.suggestions import Replacement, at, fits, replacements, shown

_TEXTS = st.lists(st.sampled_from(["", "a", "b", "  c", "```"]), max_size=8).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


def _applied(text: str, changes: list[Replacement]) -> str:
    """As GitHub applies a batch of suggestions: each replaces its own lines."""
    lines = text.splitlines()
    for change in sorted(changes, key=lambda change: -change.first):
        lines[change.first - 1 : change.last] = change.lines
    return "".join(f"{line}\n" for line in lines)


@given(_TEXTS, _TEXTS)
def test_the_replacements_make_the_one_text_of_the_other(before: str, after: str) -> None:
    changes = replacements(before, after)
    if changes is None:
        assert not (before and after)
    else:
        assert _applied(before, changes) == after
        taken = [line for change in changes for line in range(change.first, change.last + 1)]
        assert len(taken) == len(set(taken)), "two suggestions never replace the same line"


@pytest.mark.parametrize(
    ("before", "after"),
    [("a\n", "a"), ("a", "a\n"), ("a\r\n", "b\r\n"), ("a\x0cb\n", "a\nb\n"), ("", "a\n")],
    ids=["end taken", "end added", "Windows lines", "other line ends", "nothing to stand at"],
)
def test_what_lines_cannot_say_is_not_suggested(before: str, after: str) -> None:
    assert replacements(before, after) is None


def test_the_lines_a_diff_shows_are_read_from_its_hunks() -> None:
    patch = "@@ -1,2 +1,3 @@ def x\n a\n+b\n c\n@@ -10 +11 @@\n-@@ -1 +1 @@\n+z\n@@ -20,3 +19,0 @@\n-a\n-b\n-c"
    hunks = shown(patch)
    assert hunks == [range(1, 4), range(11, 12), range(19, 19)]
    assert fits(Replacement(2, 3, ("x",)), hunks)
    assert not fits(Replacement(3, 11, ("x",)), hunks), "GitHub takes no suggestion across hunks"


def test_an_anchor_becomes_all_its_changes_at_once() -> None:
    before = "1\n2\n3\n4\n5\n"
    changes = [Replacement(4, 4, ("4b", "4c")), Replacement(2, 2, ())]
    assert at(range(1, 5), before, changes) == ("1", "3", "4b", "4c")
    assert at(range(3, 5), before, changes) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "```suggestion\n```"),
        (("",), "```suggestion\n\n```"),
        (("a", "```sh", "ls", "```"), "````suggestion\na\n```sh\nls\n```\n````"),
        (("a\u202eb",), None),
        (("<!-- skill-fleet job=1:1 effect=0000000000000000 -->",), None),
        (("/lgtm",), None),
    ],
)
def test_a_suggestion_holds_its_lines_as_they_are_or_is_none(lines: tuple[str, ...], said: str | None) -> None:
    assert suggestion(lines) == said
