"""The request label as it is read before anything is installed: the one that the real reading finds, or none."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import repo_config
from bot.plain_config import plain_label
from bot.setup.onboarding import configuration


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", "skill-request"),
        (configuration(), "skill-request"),
        ("# ours\nlabel: wish\n", "wish"),
        ('label: "a wish"\nauto_start: [riley, sam-i-am]\nreviewers: []\n', "a wish"),
        ("label: yes\n", None),
        ("Label: wish\n", None),
        ("label: wish\nlabel: wish\n", None),
        ("label: [wish]\n", None),
        ("pipeline:\n  max_question_rounds: 0\n", None),  # good, but not for sure
        ("# a\x85label: other\n", None),
    ],
)
def test_a_label_is_read_where_that_is_plain(text: str, label: str | None) -> None:
    assert plain_label(text) == label


_LINES = ["", "# words", "label: wish", 'label: "a wish"', "label: No", "label: null-x", "auto_start: [a, on]", "---"]
_LINES += ["reviewers: [b, c-d]", "model: a/b", "\tx", "label:", "label: a: b", "label: a #b", '"label": a', "label: -"]


@example(['label: "skill: x"'])
@given(st.lists(st.sampled_from(_LINES) | st.text(max_size=2).map("label: a{}".format), max_size=4))
def test_a_plain_label_is_the_one_that_counts(lines: list[str]) -> None:
    label = plain_label("\n".join(lines))
    if label is not None:
        assert repo_config.load("\n".join(lines)).label == label
