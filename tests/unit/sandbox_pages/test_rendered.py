"""The rendered comparison of two Markdown texts."""

from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.pages.rendered import compare

_LINES = st.sampled_from(
    ["# A", "one", "two", "- item", "  more", "", "", "```", "| a | b |", "| - | - |", "> said", "---"]
)
_TEXTS = st.lists(_LINES, max_size=14).map("\n".join)


def test_a_changed_block_is_there_as_it_was_and_as_it_is() -> None:
    found = compare("# A\n\none\n\n- x\n- y\n", "# A\n\ntwo\n\n- x\n- y\n")
    assert [(block.kind, block.text) for block in found] == [
        ("kept", "# A\n"),
        ("removed", "one\n"),
        ("added", "two\n"),
        ("kept", "- x\n- y\n"),
    ]


def test_frontmatter_is_a_block_of_its_own() -> None:
    found = compare("", "---\nname: a\n---\n\n# A\n")
    assert [block.text for block in found] == ["```yaml\nname: a\n```\n", "# A\n"]


@given(_TEXTS, _TEXTS)
def test_both_texts_are_there_in_their_order_and_equal_ones_show_no_change(before: str, after: str) -> None:
    found = compare(before, after)
    old = [block.text for block in found if block.kind != "added"]
    new = [block.text for block in found if block.kind != "removed"]
    assert old == [block.text for block in compare(before, before)]
    assert new == [block.text for block in compare(after, after)]
    assert all(block.kind == "kept" for block in compare(before, before))


def test_texts_of_too_many_blocks_are_not_compared() -> None:
    assert compare("", "word\n\n" * 700) == ()
