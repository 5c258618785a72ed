"""Cutting a body at its headings, and what models wrap around one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sections import headings, join, rename, split, unwrapped

LINES = st.sampled_from(["## A", "## B ##", "text", "", "```", "~~~~", "# T", "### C", "- x", "    ## code", "````md"])


@given(st.lists(LINES, max_size=30))
def test_joining_the_parts_gives_the_body_back(lines: list[str]) -> None:
    body = "\n".join(lines)
    assert "".join(part.text for part in split(body)) == body


@given(st.lists(LINES, max_size=30))
def test_joining_changes_nothing_but_blank_lines_before_headings(lines: list[str]) -> None:
    body = "\n".join(lines)
    assert join(split(body)).replace("\n", "") == body.replace("\n", "")


def test_headings_inside_fences_do_not_count() -> None:
    assert headings("## A\n```md\n## B\n```\n## C\n") == ["A", "C"]
    assert headings("````md\n```\n## B\n````\n## C\n") == ["C"]


def test_a_renamed_part_keeps_its_text() -> None:
    part = split("## A\n\nfirst  \nsecond\n")[1]
    assert rename(part, "# New <x>").below == part.below


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("```markdown\n# A\n\ntext\n```", "# A\n\ntext\n"),
        ("# A\n\n```python\nx\n```", "# A\n\n```python\nx\n```\n"),
        ("---\nname: x\ndescription: y\n---\n\n# A\n", "# A\n"),
        ("---\n\n# A\n\n---\n", "---\n\n# A\n\n---\n"),
        ("# A\r\n\r\ntext", "# A\n\ntext\n"),
        ("# A\n\n<!-- hidden -->\n\ntext", "# A\n\n\n\ntext\n"),
        ("# A\n\n```html\n<!-- shown -->\n```", "# A\n\n```html\n<!-- shown -->\n```\n"),
    ],
)
def test_what_models_wrap_around_a_body_is_taken_off(written: str, body: str) -> None:
    assert unwrapped(written) == body
