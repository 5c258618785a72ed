"""The block structure of Markdown by markdown-it-py's rules, several times faster: the same blocks, without its tokens.

Block quotes and link definitions are read by the library's own rules; the others are written anew for what a `Block`
needs. That both find the same blocks is a property test; whoever changes this runs it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, repeat
from operator import add, sub
from types import FunctionType, SimpleNamespace
from typing import Literal

from markdown_it import MarkdownIt, helpers
from markdown_it.common.utils import MD_TRIM_CHARS
from markdown_it.rules_block import StateBlock, blockquote, reference
from markdown_it.rules_block.html_block import HTML_SEQUENCES
from markdown_it.rules_block.table import MAX_AUTOCOMPLETED_CELLS, escapedSplit
from markdown_it.token import Token

from pipeline.skills.markdown import Block, BlockKind

Rule = Callable[["BlockState", int, int, bool], bool]

_ITEM = re.compile(r"(?:[*+-]|([0-9]{1,9})[.)])(?=[ \t]|\Z)")
_RULE = re.compile(r"([*_-])[ \t]*(?:\1[ \t]*){2,}\Z")
_HEADING = re.compile(r"(#{1,6})(?=[ \t]|\Z)")
_FENCE = re.compile(r"`{3,}(?=[^`]*\Z)|~{3,}")
_COLUMN = re.compile(r":?-+:?")
_CLOSING = {mark: re.compile(rf"\n {{0,3}}({mark}{{3,}})[ \t]*(?=\n|\Z)") for mark in "`~"}


def read_blocks(parser: MarkdownIt, source: str, environment: dict[str, object], first_line: int) -> list[Block]:
    """The leaf blocks of a text whose lines end in line feeds; `first_line` is the number of its first line."""
    state = BlockState(source, parser, environment, first_line)
    _tokenize(state, 0, state.lineMax)
    return state.blocks


def prepare(parser: MarkdownIt) -> None:
    """Makes the library's rules for quotes, definitions and links ask the functions here.

    A parser so prepared reads blocks by `read_blocks` only.
    """
    chains = {"blockquote": [_ends_quote], "reference": [_ends_text]}
    parser.block.ruler.getRules = chains.__getitem__  # type: ignore[method-assign, assignment]
    parser.block.tokenize = _tokenize  # type: ignore[method-assign, assignment]
    parser.helpers = SimpleNamespace(  # type: ignore[assignment]
        parseLinkLabel=helpers.parseLinkLabel,
        parseLinkTitle=helpers.parseLinkTitle,
        parseLinkDestination=_destination,
    )


_PLAIN_DESTINATION = re.compile(r"[^\x00-\x20\x7f<>()\\&]+(?=[) ])")


def _destination(text: str, start: int, end: int) -> object:
    """Where a link leads; the library's function looks at every character, for the sake of a few of them."""
    plain = _PLAIN_DESTINATION.match(text, start, end)
    if plain is None:
        return helpers.parseLinkDestination(text, start, end)
    return SimpleNamespace(ok=True, pos=plain.end(), str=plain[0])


class BlockState(StateBlock):
    """The parser's state, with the lines found in fewer steps, and blocks in place of tokens."""

    def __init__(self, source: str, parser: MarkdownIt, environment: dict[str, object], first_line: int) -> None:
        super().__init__("", parser, environment, [])
        self.src = source
        lines = source.split("\n")
        if not lines[-1].strip(" \t"):
            lines.pop()
        lengths = list(map(len, lines))
        shifts = list(map(sub, lengths, map(len, map(str.lstrip, lines, repeat(" \t")))))
        self.bMarks = [0, *accumulate(map(add, lengths, repeat(1)))]
        self.eMarks = [begin - 1 for begin in self.bMarks[1:]]
        self.bMarks[-1] = len(source)  # the line after the last, so that rules may look there
        self.eMarks.append(len(source))
        self.tShift = [*shifts, 0]
        if "\t" in source:
            shifts = [
                shift if "\t" not in line[:shift] else len(line[:shift].expandtabs(4))
                for line, shift in zip(lines, shifts, strict=True)
            ]
        self.sCount = [*shifts, 0]
        self.bsCount = [0] * len(self.bMarks)
        self.lineMax = len(lines)
        self.blocks: list[Block] = []
        self.first_line = first_line
        self.quotes = 0
        self.lists: list[bool] = []
        self.section = ""

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        """Called for block quotes only: counts how deep they are nested."""
        self.quotes += nesting
        self.level += nesting
        return _IGNORED

    def add(
        self, kind: BlockKind, text: str, line: int, end: int, level: int = 0, info: str = "", markup: str = ""
    ) -> None:
        """Adds a leaf block of the given lines, 0-based in the text."""
        lists, first = self.lists, self.first_line
        depth = len(lists)
        ordered = depth > 0 and lists[-1] and kind in _TEXT
        self.blocks.append(
            Block(kind, text, line + first, end + first, self.quotes > 0, depth, level,
                  info, markup, self.section, ordered)
        )  # fmt: skip
        if level:
            self.section = text

    def getLines(self, begin: int, end: int, indent: int, keepLastLF: bool) -> str:  # noqa: N802, N803 - the library's
        """The text of some lines without their first `indent` columns."""
        source, begins, ends = self.src, self.bMarks, self.eMarks
        if begin >= end:
            return ""
        if not indent and not self.quotes:
            return source[begins[begin] : ends[end - 1] + keepLastLF]
        margin = " " * indent
        parts: list[str] = []
        for line in range(begin, end):
            start = begins[line]
            last = ends[line] + (1 if line + 1 < end or keepLastLF else 0)
            if start + indent <= last and source.startswith(margin, start):
                parts.append(source[start + indent : last])
            else:
                parts.append(super().getLines(line, line + 1, indent, last > ends[line]))
        return "".join(parts)


_IGNORED = Token("ignored", "", 0)
_TEXT = (BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.CELL)


class _Silence:
    """A logger that says nothing, at the price of a call."""

    def debug(self, *_: object) -> None:
        """Says nothing."""


def _silent(rule: Callable[[StateBlock, int, int, bool], bool]) -> Callable[[StateBlock, int, int, bool], bool]:
    """The library's rule without its debug messages, which cost more than most of its decisions."""
    assert isinstance(rule, FunctionType)
    names = {**rule.__globals__, "LOGGER": _Silence()}
    return FunctionType(rule.__code__, names, rule.__name__, rule.__defaults__, rule.__closure__)


_quote = _silent(blockquote)
_definition = _silent(reference)


def _tokenize(state: BlockState, start: int, end: int) -> None:
    """Reads the blocks of some lines, those of a list item or quote among them."""
    begins, shifts, ends, columns = state.bMarks, state.tShift, state.eMarks, state.sCount
    deepest = state.md.options.maxNesting
    source = state.src
    line = start
    while line < end:
        last = state.lineMax
        while line < last and begins[line] + shifts[line] >= ends[line]:
            line += 1
        state.line = line
        if line >= end or columns[line] < state.blkIndent:
            break
        if state.level >= deepest:
            state.line = end
            break
        if not (_delimiter_below(state, line) and _table(state, line, end, False)):
            if columns[line] - state.blkIndent >= 4:
                _code(state, line, end)
            else:
                for rule in _BEGINNING.get(source[begins[line] + shifts[line]], ()):
                    if rule(state, line, end, False):
                        break
                else:
                    _text(state, line, end)
        line = state.line
        if line < end and begins[line] + shifts[line] >= ends[line]:
            line += 1
            state.line = line


def _ends_text(state: BlockState, line: int, end: int, silent: bool = True) -> bool:
    """Whether a line ends the paragraph or definition above it."""
    if _delimiter_below(state, line) and _table(state, line, end, True):
        return True
    return _ends_quote(state, line, end)


def _ends_quote(state: BlockState, line: int, end: int, silent: bool = True) -> bool:
    """Whether a line ends the quote or table above it."""
    start = state.bMarks[line] + state.tShift[line]
    if start >= state.eMarks[line] or state.sCount[line] - state.blkIndent >= 4:
        return False
    for rule in _INTERRUPTING.get(state.src[start], ()):  # noqa: SIM110 - any() would cost a generator for each line
        if rule(state, line, end, True):
            return True
    return False


def _ends_list(state: BlockState, line: int) -> bool:
    """Whether a line ends the list above it, list items left aside."""
    start, stop = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    character = state.src[start] if start < stop else ""
    if character in "*-_":
        return bool(character) and _RULE.match(state.src, start, stop) is not None
    return character == ">" or (character in "`~" and _FENCE.match(state.src, start, stop) is not None)


def _delimiter_below(state: BlockState, line: int) -> bool:
    """Whether the next line can be a table's delimiter row, without which there is no table."""
    start = state.bMarks[line + 1] + state.tShift[line + 1]
    end = state.eMarks[line + 1]
    return start < end and state.src[start] in "|-:" and not state.src[start:end].strip("|-: \t")


def _code(state: BlockState, line: int, end: int) -> None:
    """Indented code."""
    last = below = line + 1
    while below < end:
        if state.isEmpty(below):
            below += 1
            continue
        if state.sCount[below] - state.blkIndent < 4:
            break
        below += 1
        last = below
    state.line = last
    state.add(BlockKind.CODE, state.getLines(line, last, 4 + state.blkIndent, False) + "\n", line, last)


def _fence(state: BlockState, line: int, end: int, silent: bool) -> bool:
    source, begins, shifts, ends, columns = state.src, state.bMarks, state.tShift, state.eMarks, state.sCount
    start = begins[line] + shifts[line]
    opening = _FENCE.match(source, start, ends[line])
    if opening is None:
        return False
    if silent:
        return True
    markup, info = opening[0], source[opening.end() : ends[line]]
    marker, indent = markup[0], state.blkIndent
    below = line + 1
    closed = False
    if not indent and not state.quotes and end == state.lineMax:
        below = end
        for found in _CLOSING[marker].finditer(source, ends[line]):
            if len(found[1]) >= len(markup):
                below = bisect_right(begins, found.start())
                closed = True
                break
    while not closed and below < end:
        start, stop = begins[below] + shifts[below], ends[below]
        if start < stop:
            if columns[below] < indent:
                break  # a line left of the list item ends it, and the fence with it
            if (
                source[start] == marker
                and columns[below] - indent < 4
                and source.startswith(markup, start)
                and not source[start:stop].lstrip(marker).strip(" \t")
            ):
                closed = True
                break
        elif start >= len(source):
            break
        below += 1
    state.line = below + closed
    content = state.getLines(line + 1, below, columns[line], True)
    state.add(BlockKind.FENCE, content, line, state.line, 0, info, markup)
    return True


def _horizontal(state: BlockState, line: int, end: int, silent: bool) -> bool:
    if _RULE.match(state.src, state.bMarks[line] + state.tShift[line], state.eMarks[line]) is None:
        return False
    if not silent:
        state.line = line + 1
    return True


def _heading(state: BlockState, line: int, end: int, silent: bool) -> bool:
    start, stop = state.bMarks[line] + state.tShift[line], state.eMarks[line]
    found = _HEADING.match(state.src, start, stop)
    if found is None:
        return False
    if not silent:
        text = state.src[found.end() : stop].rstrip(" \t")
        bare = text.rstrip("#")
        if bare[-1:] in (" ", "\t"):
            text = bare
        state.line = line + 1
        state.add(BlockKind.HEADING, text.strip(MD_TRIM_CHARS), line, line + 1, len(found[1]), "", found[1])
    return True


def _html(state: BlockState, line: int, end: int, silent: bool) -> bool:
    text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    kind = next((sequence for sequence in HTML_SEQUENCES if sequence[0].search(text)), None)
    if kind is None:
        return False
    closing = kind[1]
    if silent:
        return kind[2]
    ends_on_blank = closing.search("") is not None
    below = line + 1
    if not closing.search(text):
        while below < end:
            outdented = state.sCount[below] < state.blkIndent
            if outdented and (ends_on_blank or not state.isEmpty(below)):
                break
            text = state.src[state.bMarks[below] + state.tShift[below] : state.eMarks[below]]
            if closing.search(text):
                below += bool(text)
                break
            below += 1
    state.line = below
    state.add(BlockKind.HTML, state.getLines(line, below, state.blkIndent, True), line, below)
    return True


def _list(state: BlockState, line: int, end: int, silent: bool) -> bool:
    source, begins, shifts, ends, columns = state.src, state.bMarks, state.tShift, state.eMarks, state.sCount
    indent = state.blkIndent
    if 0 <= state.listIndent <= columns[line] - 4 and columns[line] < indent:
        return False  # a continuation of the paragraph in the item above
    start = begins[line] + shifts[line]
    item = _ITEM.match(source, start, ends[line])
    if item is None:
        return False
    number = item[1]
    if silent:
        if state.parentType != "paragraph" or columns[line] < indent:
            return True
        if number is not None and int(number) != 1:
            return False
        return bool(source[item.end() : ends[line]].strip(" \t"))
    marker = source[item.end() - 1]
    parent, state.parentType = state.parentType, "list"
    state.lists.append(number is not None)
    state.level += 2
    while True:
        _item(state, line, end, item.end())
        line = state.line
        if line >= end or columns[line] < state.blkIndent or columns[line] - state.blkIndent >= 4:
            break
        if _ends_list(state, line):
            break
        item = _ITEM.match(source, begins[line] + shifts[line], ends[line])
        if item is None or (item[1] is None) != (number is None) or source[item.end() - 1] != marker:
            break
    state.level -= 2
    state.lists.pop()
    state.parentType = parent
    return True


def _item(state: BlockState, line: int, end: int, after: int) -> None:
    """Reads one list item, whose marker ends at `after`."""
    source, stop = state.src, state.eMarks[line]
    shift, column = state.tShift[line], state.sCount[line]
    initial = offset = column + after - (state.bMarks[line] + shift)
    content = after
    while content < stop:
        character = source[content]
        if character == " ":
            offset += 1
        elif character == "\t":
            offset += 4 - (offset + state.bsCount[line]) % 4
        else:
            break
        content += 1
    width = 1 if content >= stop or offset - initial > 4 else offset - initial
    outer, state.listIndent = state.listIndent, state.blkIndent
    state.blkIndent = initial + width
    state.tShift[line] = content - state.bMarks[line]
    state.sCount[line] = offset
    if content >= stop and state.isEmpty(line + 1):
        state.line = min(state.line + 2, end)
    elif (width == 1 and offset - initial > 4) or not _reads_one_line(state, line, end):
        _tokenize(state, line, end)
    state.blkIndent = state.listIndent
    state.listIndent = outer
    state.tShift[line] = shift
    state.sCount[line] = column


def _reads_one_line(state: BlockState, line: int, end: int) -> bool:
    """Reads a list item that is nothing but one line of text, as most are; False, with nothing done, for any other."""
    source, begins, shifts, ends, columns = state.src, state.bMarks, state.tShift, state.eMarks, state.sCount
    start, below = begins[line] + shifts[line], line + 1
    if start >= ends[line] or source[start] in _BEGINNING or below >= end or state.level >= state.md.options.maxNesting:
        return False
    next_start = begins[below] + shifts[below]
    if next_start >= ends[below]:
        last = state.lineMax
        while below < last and begins[below] + shifts[below] >= ends[below]:
            below += 1
        if below < end and columns[below] >= state.blkIndent:
            return False
    elif (
        not 0 <= columns[below] < state.blkIndent
        or columns[below] - state.listIndent >= 4
        or _ITEM.match(source, next_start, ends[below]) is None
        or _delimiter_below(state, line)
    ):
        return False
    state.line = below
    state.add(BlockKind.PARAGRAPH, source[start : ends[line]].strip(MD_TRIM_CHARS), line, line + 1)
    return True


def _cells(row: str) -> list[str]:
    """A table row's cells; the library's function looks at every character, for the sake of backslashes."""
    cells = escapedSplit(row) if "\\" in row else row.split("|")
    if cells and cells[0] == "":
        cells.pop(0)
    if cells and cells[-1] == "":
        cells.pop()
    return cells


def _row(state: BlockState, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip(MD_TRIM_CHARS)


def _table(state: BlockState, line: int, end: int, silent: bool) -> bool:
    """A table; called only where the line below may be its delimiter row."""
    indent = state.blkIndent
    below = line + 1
    if line + 2 > end or state.sCount[below] < indent or state.sCount[below] - indent >= 4:
        return False
    start, stop = state.bMarks[below] + state.tShift[below], state.eMarks[below]
    delimiters = state.src[start:stop]
    if len(delimiters) < 2 or (delimiters[0] == "-" and delimiters[1] in " \t"):
        return False
    parts = [part.strip(MD_TRIM_CHARS) for part in delimiters.split("|")]
    if not all(parts[1:-1]) or not all(_COLUMN.fullmatch(part) for part in parts if part):
        return False
    header = _row(state, line)
    if "|" not in header or state.sCount[line] - indent >= 4:
        return False
    cells = _cells(header)
    count = len(cells)
    if not count or count != sum(1 for part in parts if part):
        return False
    if silent:
        return True
    parent, state.parentType = state.parentType, "table"
    for cell in cells:
        state.add(BlockKind.CELL, cell.strip(MD_TRIM_CHARS), line, line + 1, 0, "", "th")
    completed = 0
    line = below + 1
    while line < end and state.sCount[line] >= indent and not _ends_quote(state, line, end):
        row = _row(state, line)
        if not row or state.sCount[line] - indent >= 4:
            break
        cells = _cells(row)
        completed += count - len(cells)
        if completed > MAX_AUTOCOMPLETED_CELLS:
            break
        for index in range(count):
            cell = cells[index].strip(MD_TRIM_CHARS) if index < len(cells) else ""
            state.add(BlockKind.CELL, cell, line, line + 1, 0, "", "td")
        line += 1
    state.parentType = parent
    state.line = line
    return True


def _text(state: BlockState, line: int, end: int) -> None:
    """A paragraph, or a heading that is underlined.

    The underline is looked for up to `end`, the paragraph's end up to the last line: in a quote they differ.
    """
    start, below = state.bMarks[line] + state.tShift[line], line + 1
    if below < end and state.bMarks[below] + state.tShift[below] >= state.eMarks[below]:
        state.line = below
        state.add(BlockKind.PARAGRAPH, state.src[start : state.eMarks[line]].strip(MD_TRIM_CHARS), line, below)
        return
    parent, state.parentType = state.parentType, "paragraph"
    level, below = _scan(state, line, end, underlines=True)
    if level:
        state.line = below + 1
        state.parentType = parent
        text = state.getLines(line, below, state.blkIndent, False).strip(MD_TRIM_CHARS)
        state.add(BlockKind.HEADING, text, line, below, level, "", "=" if level == 1 else "-")
        return
    if end != state.lineMax:
        _, below = _scan(state, line, state.lineMax, underlines=False)
    state.line = below
    if below == line + 1:
        content = state.src[start : state.eMarks[line]]
    else:
        content = state.getLines(line, below, state.blkIndent, False)
    state.add(BlockKind.PARAGRAPH, content.strip(MD_TRIM_CHARS), line, below)


def _scan(state: BlockState, line: int, end: int, *, underlines: bool) -> tuple[int, int]:
    """The level of the heading that a line underlines (0: none), and that line or the first behind the paragraph."""
    source, begins, shifts, ends, columns = state.src, state.bMarks, state.tShift, state.eMarks, state.sCount
    indent = state.blkIndent
    below = line + 1
    while below < end:
        start = begins[below] + shifts[below]
        if start >= ends[below]:
            break
        column = columns[below]
        if column - indent <= 3:
            character = source[start]
            if (
                underlines
                and character in "-="
                and column >= indent
                and not source[start : ends[below]].lstrip(character).strip(" \t")
            ):
                return (1 if character == "=" else 2), below
            if column >= 0 and (
                (character in _INTERRUPTING and _ends_quote(state, below, end))
                or (_delimiter_below(state, below) and _table(state, below, end, True))
            ):
                break
        below += 1
    return 0, below


_BEGINNING: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys("`~", (_fence,)),
    ">": (_quote,),
    **dict.fromkeys("*-", (_horizontal, _list)),
    "_": (_horizontal,),
    **dict.fromkeys("+0123456789", (_list,)),
    "[": (_definition,),
    "<": (_html,),
    "#": (_heading,),
}
_INTERRUPTING = {character: rules for character, rules in _BEGINNING.items() if character != "["}
