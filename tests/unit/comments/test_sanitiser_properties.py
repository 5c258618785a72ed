"""Whatever goes in, nothing that GitHub would act on comes out, and sanitising twice changes nothing."""

import html
import re
from urllib.parse import unquote

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bot.comments.audit import active_in
from bot.comments.invisible import clean
from bot.comments.markdown import (
    _parsed_inline,
    _stable_inline,
    cell,
    code_block,
    details,
    inline_code,
    quote,
    safe_block,
    safe_inline,
    safe_plain,
)
from bot.comments.references import Kind, is_linkable, scan
from bot.comments.render import PARSER, parse

HOSTILE = [
    "@octocat",
    "@org/team",
    "#123",
    "o/r#7",
    "GH-9",
    "deadbeef1",
    "https://github.com/o/r/issues/1",
    "www.github.com/o/r/pull/2",
    "https://ghe.example/o/r/issues/3",
    "https://example.com/page",
    "closes ",
    "fixes ",
    "/skill approve",
    "/lgtm",
    "<!-- skill-fleet job=1 -->",
    "<!--",
    "-->",
    "<details>",
    "</details>",
    "<b>",
    "</b>",
    "<script>",
    "<img src=x>",
    "![a](http://e.vil/x.png)",
    "[t](https://e.vil)",
    "[t](javascript:x)",
    "[r]",
    "[r]: https://a.b",
    "```",
    "````",
    "```mermaid",
    "```suggestion",
    "~~~",
    "`",
    "``",
    "*",
    "**",
    "_",
    "~~",
    "\\",
    "&#64;user",
    "&amp;",
    "|",
    "|---|",
    "- ",
    "* ",
    "1. ",
    "2) ",
    "> ",
    "# ",
    "===",
    "---",
    "    ",
    "\t",
    "\n",
    "\n\n",
    "  \n",
    " ",
    "[ ] ",
    "[^1]",
    "$x$",
    "$$",
    "\u200b",
    "\u202e",
    "\U000e0041",
    "é",
    "日本",
    "👩‍💻",
    "word",
    "snake_case",
    "a@b.com",
    "<a@b.com>",
    "<https://x.y>",
    "<https://github.com/a/b>",
    ":",
    "!",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    "@",
    "#",
    "1",
    "/",
    ".",
    "=",
    "+",
    "-",
]
documents = st.one_of(
    st.text(max_size=200),
    st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=4)), max_size=40).map("".join),
)
few = settings(max_examples=300, deadline=None)


@few
@given(documents)
def test_no_active_construct_survives_in_a_block(text: str) -> None:
    assert active_in(safe_block(text)) == []


@few
@given(documents)
@example("/m\xb5\u200c\xb5")
@example("~~~\ufe0f")
@example("<!---->\ufe0f")
def test_a_block_is_a_fixed_point(text: str) -> None:
    once = safe_block(text)
    assert safe_block(once) == once


@few
@given(documents)
def test_an_inline_text_is_one_inert_line_and_a_fixed_point(text: str) -> None:
    once = safe_inline(text)
    assert "\n" not in once
    assert active_in(once) == []
    assert safe_inline(once) == once


@few
@given(documents, st.integers(min_value=40, max_value=400))
def test_a_limit_is_kept_and_stays_inert(text: str, limit: int) -> None:
    block = safe_block(text, limit)
    assert len(block) <= limit
    assert active_in(block) == []
    assert safe_block(block, limit) == block
    line = safe_inline(text, limit)
    assert len(line) <= limit
    assert active_in(line) == []


@few
@given(documents)
def test_a_plain_line_holds_nothing_that_a_commit_message_would_act_on(text: str) -> None:
    plain = safe_plain(text)
    assert "\n" not in plain
    assert len(plain) <= 200
    assert safe_plain(plain) == plain
    for reference in scan(plain, at_line_start=True):
        harmless = (
            reference.kind is Kind.MATH
            or (reference.kind is Kind.URL and is_linkable(reference.text))
            or (reference.kind is Kind.URL and reference.text.lower().startswith("www."))
            or (reference.kind is Kind.COMMIT and reference.text.isdigit())
        )
        assert harmless, reference


@few
@given(documents)
def test_code_is_exactly_the_text_and_closed(text: str) -> None:
    block = code_block(text)
    tree = parse(block + "\n\nafter")
    assert [node.type for node in tree.children] == ["fence", "paragraph"]
    assert active_in(block) == []
    assert active_in(inline_code(text)) == []


@few
@given(documents)
def test_quotes_and_details_stay_closed(text: str) -> None:
    assert [node.type for node in parse(quote(text) + "\n\nafter").children] == ["blockquote", "paragraph"]
    folded = parse(details(text, safe_block(text)) + "\n\nafter").children
    assert folded[0].type == "html_block"
    assert folded[-1].type == "paragraph"
    assert re.fullmatch(r"<details>\n<summary>[^\n]*</summary>\n", folded[0].content)


@few
@given(documents)
def test_a_table_cell_never_ends_early(text: str) -> None:
    row = parse(f"| a | b |\n| --- | --- |\n| {cell(text)} | end |\n").children[0].children[1].children[0]
    last = row.children[-1].children[0].children
    assert len(row.children) == 2
    assert [node.content for node in last] == ["end"]


# Markup whose own letters are no words of the text: entities, comments, labels of links, hosts outside ASCII.
_LETTERS_OF_MARKUP = re.compile(r"&|<!--|\]:|:")


@few
@given(documents)
@example("[0]:=")
@example("[a]: b 'c'\n[A]: d")
@example("> [a]: b\n\n- [c]: d")
@example("00.")
@example("7)\n7)\n\n    7)")
@example("~~~a!")
@example("```some words\nof code")
@example("- ```a b\n\n1. ```c d")
@example("[a](b 'c') ![d](e 'f') [](<> 'g') <h:i> [http://x](http://x 'y')")
def test_words_are_preserved(text: str) -> None:
    assume(_LETTERS_OF_MARKUP.search(text) is None or not _hides_letters(text))
    shown = "".join(_words(safe_block(text)))
    assert [word for word in _words(clean(text).text) if word not in shown] == []


def _hides_letters(text: str) -> bool:
    """Does the text mean something by letters that are not shown, or shown as others?"""
    if html.unescape(text) != text or "<!--" in text or "xn--" in safe_block(text):
        return True
    return any("label" in child.meta for token in PARSER.parse(text) for child in token.children or ())


def _words(text: str) -> list[str]:
    """All runs of letters and digits; addresses are compared as they read, not as they are encoded."""
    return re.findall(r"[^\W_]+", unquote(text))


@few
@given(st.text(max_size=200))
def test_cleaning_is_idempotent_and_counts(text: str) -> None:
    once = clean(text)
    assert clean(once.text) == (once.text, 0)
    assert once.removed >= 0


PARTS = ["Reads", "a table", " and ", ", ", ". ", " e.g. 3%", " (or none)", " it's ", '"so"', "1. ", "- ", "a.b"]
ACTIVE_PARTS = ["acceded", "deadbeef", "1234567", "GH-9", "www.", "github.com/o", "/skill approve", "closes ", "#1"]
PROSE = st.lists(
    st.sampled_from([*PARTS, *ACTIVE_PARTS]) | st.text("aB1 .,:;!?()'\"/%+-", max_size=5), min_size=1, max_size=8
).map(lambda parts: " ".join("".join(["It", *parts]).split()))


@given(PROSE)
@example("gh-9 and GH-9")
@example("See www.example.org. It is at github.com/o")
@example("Effaced 1234567 deadbeef")
@settings(max_examples=400)
def test_prose_that_is_not_parsed_comes_out_as_if_it_were(text: str) -> None:
    assert _stable_inline(text) == _parsed_inline(text)
