"""The block parser is faster than the library's and gives the same tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pipeline.skills.block_rules import block_tokens, speed_up

BLANKS = [" ", "  ", "    ", "\t", "\n", "\n\n", "\n", "\u00a0", "\x0b", "\ufeff"]
LISTS = ["- ", "* ", "+ ", "1. ", "2) ", "10. ", "2. ", "- [ ] ", "> ", ">"]
LINES = ["# ", "###### ", "#x", "```", "~~~", "```sh\n", "---", "===", "-", "=", "***", "___"]
TABLES = ["| a | b |", "|-|-|", "| - | :-: |", ":-", "|", "\\|", "| c \\| d |\n"]
TEXTS = ["a", "word", "\\", "`a`", "é", "&amp;", "[a]: b", "[a]: b 'c'", "[a](b)", "<div>", "</div>", "<!-- c -->"]
PIECES = [*BLANKS, *LISTS, *LINES, *TABLES, *TEXTS]

FIELDS = ("type", "tag", "nesting", "attrs", "map", "content", "markup", "info", "children")


def tokens(source: str, *, fast: bool) -> tuple[list[tuple[object, ...]], object]:
    """The tokens as tuples. Closing ones by type alone: the fast parser makes one of each kind."""
    parser = MarkdownIt("commonmark").enable("table")
    environment: dict[str, object] = {}
    found: list = []
    if fast:
        speed_up(parser)
        found = block_tokens(parser, source, environment)
    else:
        parser.block.parse(source, parser, environment, found)
    described = [
        (token.type,) if token.nesting < 0 else (token.level, *(getattr(token, name) for name in FIELDS))
        for token in found
    ]
    return described, environment


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(max_examples=1500, deadline=None)
def test_any_mixture_of_block_markers_gives_the_same_tokens(source):
    assert tokens(source, fast=True) == tokens(source, fast=False)


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
def test_lists_quotes_tables_and_underlines_give_the_same_tokens(source):
    assert tokens(source, fast=True) == tokens(source, fast=False)
