"""The block parser is faster than the library's and finds the same blocks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.skills.block_rules import prepare, read_blocks
from pipeline.skills.markdown import Block, BlockKind
from pipeline.skills.markdown import _parser as link_parser

BLANKS = [" ", "  ", "    ", "\t", "\n", "\n\n", "\n", "\u00a0", "\x0b", "\ufeff"]
LISTS = ["- ", "* ", "+ ", "1. ", "2) ", "10. ", "2. ", "- [ ] ", "> ", ">"]
LINES = ["# ", "###### ", "#x", "```", "~~~", "```sh\n", "---", "===", "-", "=", "***", "___"]
TABLES = ["| a | b |", "|-|-|", "| - | :-: |", ":-", "|", "\\|", "| c \\| d |\n"]
TEXTS = ["a", "word", "\\", "`a`", "é", "&amp;", "[a]: b", "[a]: b 'c'", "[a](b)", "<div>", "</div>", "<!-- c -->"]
PIECES = [*BLANKS, *LISTS, *LINES, *TABLES, *TEXTS]

LEAVES = {"fence": BlockKind.FENCE, "code_block": BlockKind.CODE, "html_block": BlockKind.HTML}
OPENED = {"paragraph_open": BlockKind.PARAGRAPH, "heading_open": BlockKind.HEADING}


def by_the_library(source: str) -> tuple[list[Block], object]:
    """The blocks that the library's own tokens amount to."""
    parser = MarkdownIt("commonmark").enable("table")
    environment: dict[str, object] = {}
    tokens: list = []
    parser.block.parse(source, parser, environment, tokens)
    blocks: list[Block] = []
    quotes, section, lists = 0, "", []
    kind, level, markup = BlockKind.PARAGRAPH, 0, ""
    for token in tokens:
        quotes += token.nesting if token.type.startswith("blockquote") else 0
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token.type == "ordered_list_open")
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type in OPENED:
            kind = OPENED[token.type]
            level, markup = (int(token.tag[1:]), token.markup) if kind is BlockKind.HEADING else (0, "")
        elif token.type in ("td_open", "th_open"):
            kind, level, markup = BlockKind.CELL, 0, token.type[:2]
        elif token.type == "inline" or token.type in LEAVES:
            is_text = token.type == "inline"
            line, end = (number + 1 for number in token.map)
            place = (line, end, quotes > 0, len(lists))
            if is_text:
                ordered = bool(lists) and lists[-1]
                blocks.append(Block(kind, token.content, *place, level, "", markup, section, ordered))
                section = token.content if kind is BlockKind.HEADING else section
            else:
                blocks.append(Block(LEAVES[token.type], token.content, *place, 0, token.info, token.markup, section))
    return blocks, environment


def by_us(source: str) -> tuple[list[Block], object]:
    parser = MarkdownIt("commonmark").enable("table")
    prepare(parser)
    environment: dict[str, object] = {}
    return read_blocks(parser, source, environment, 1), environment


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=1500, deadline=None)
def test_any_mixture_of_block_markers_gives_the_same_blocks(source):
    assert by_us(source) == by_the_library(source)


@pytest.mark.parametrize(
    "source",
    [
        "text\n- item\n  more\nlazy\n\n  para\n1. x\n",
        "> quote\nlazy\n> ---\n===\n",
        "- a\n\n- b\n  ---\n- c\n---\n",
        "a\n| x | y |\n| - | - |\n| 1 | 2 |\nafter\n",
        "> a\n> b\n    c\n\ttab\n",
        "para\n2. not a list\n1. a list\n",
        "title\n---\ntitle\n===  \nnot\n--- x\n",
        "-\n  a\n-\n\n  b\n",
        "[a]: b\n'title\nmore'\ntext\n---\n",
        "   text\n    \tcode?\n  more   \n",
    ],
)
def test_lists_quotes_tables_and_underlines_give_the_same_blocks(source):
    assert by_us(source) == by_the_library(source)


LINKS = [
    "[",
    "]",
    "(",
    ")",
    "](",
    "![",
    "](a.md)",
    "[a](b)",
    "[x]",
    "<",
    ">",
    "<http://a.b>",
    "<!-- c -->",
    "<a b='c'>",
]
AROUND = [
    "*",
    "**",
    "_",
    "`",
    "``",
    "\\",
    "&amp;",
    "&",
    "\n",
    "  \n",
    " ",
    '"t"',
    "'t'",
    "é",
    "a",
    "b.md",
    "#h",
    "\x00",
    "\x7f",
]


def targets(parser: MarkdownIt, text: str) -> list[tuple[str, ...]]:
    """The links, images and pieces of HTML of a text, in order."""
    found: list = []
    parser.inline.parse(text, parser, {"references": {"X": {"href": "x.md", "title": ""}}}, tokens := [])
    for token in tokens:
        if token.type == "link_open":
            found.append(("link", token.attrs["href"], token.attrs.get("title", "")))
        elif token.type == "image":
            found.append(("image", token.attrs["src"], token.attrs.get("title", ""), token.content))
        elif token.type == "html_inline":
            found.append(("html", token.content))
    return found


@given(st.lists(st.sampled_from([*LINKS, *AROUND]), max_size=30).map("".join))
@settings(max_examples=300, deadline=None)
def test_links_and_comments_are_those_the_library_finds_with_all_its_rules(text):
    plain = MarkdownIt("commonmark")
    plain.normalizeLink = lambda url: url
    plain.validateLink = lambda url: True
    assert targets(link_parser(), text) == targets(plain, text)
