"""The invisible line by which a lost write is found again, and our region in a pull request's body."""

from hypothesis import given
from hypothesis import strategies as st

from bot.github.effects.marker import carries, marked, marker, same_text
from bot.github.effects.pull_body import BEGIN, END, with_region

text = st.text(alphabet=st.sampled_from("ab <>!-\n\r#@"), max_size=80)


def test_a_marked_text_carries_exactly_its_own_effect() -> None:
    body = marked("Hello", "42:7", "say:question:1")
    assert carries(body, "42:7", "say:question:1")
    assert carries(body.replace("\n", "\r\n") + "\r\n", "42:7", "say:question:1")
    assert not carries(body, "42:7", "say:question:2")
    assert not carries(body, "42:8", "say:question:1")


def test_a_marker_quoted_in_the_middle_proves_nothing() -> None:
    quoted = f"{marker('42:7', 'say:1')}\n\nand more words"
    assert not carries(quoted, "42:7", "say:1")
    assert not carries(None, "42:7", "say:1")


def test_line_endings_do_not_make_a_difference() -> None:
    assert same_text("a\r\nb\r\n", "a\nb")


@given(before=text, after=text, old=text, new=text)
def test_what_people_wrote_around_our_region_survives_an_update(before: str, after: str, old: str, new: str) -> None:
    current = with_region(f"{before}\nPERSON-ABOVE", old) + f"\nPERSON-BELOW\n{after}"
    updated = with_region(current, new)
    assert updated == with_region(updated, new), "updating again changes nothing"
    assert updated.count(BEGIN) == updated.count(END) == 1
    normal = current.replace("\r\n", "\n").replace("\r", "\n")
    assert updated.partition(BEGIN)[0] == normal.partition(BEGIN)[0]
    assert updated.partition(END)[2] == normal.partition(END)[2]


def test_a_region_that_lost_its_end_is_not_trusted() -> None:
    broken = f"Mine.\n{BEGIN}\nold words, and a person deleted the end\nTheirs."
    updated = with_region(broken, "new")
    assert "Theirs." in updated
    assert updated.endswith(f"{BEGIN}\nnew\n{END}")


def test_markers_inside_our_own_text_cannot_break_the_region() -> None:
    updated = with_region("", f"a\n{END}\nb\n{BEGIN}")
    assert updated == f"{BEGIN}\na\nb\n{END}"
