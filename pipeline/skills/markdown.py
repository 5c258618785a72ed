"""Markdown as blocks, links and comments with their places in the file. CommonMark and tables, by markdown-it-py.

Block structure is parsed at once, inline structure only where a block may hold some. Bounded: a text above
`MAX_MARKDOWN` and a block above `MAX_INLINE` are not parsed further, and say so.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.skills.document import LineMap
from pipeline.skills.findings import Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from pipeline.skills.block_rules import BlockToken

MAX_MARKDOWN = 512 * 1024
"""Characters; a longer text is reported as too large instead of being parsed."""
MAX_INLINE = 64 * 1024
"""Characters of one block; links in a longer one are not looked for."""


class BlockKind(Enum):
    """What a block of text is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    CELL = "cell"
    FENCE = "fence"
    CODE = "code"
    HTML = "html"


@dataclass(slots=True)
class Block:
    """A leaf block. `line` and `end_line` are 1-based in the file, the end excluded; `info` is a fence's language."""

    kind: BlockKind
    text: str
    line: int
    end_line: int
    quoted: bool = False
    list_depth: int = 0
    level: int = 0
    info: str = ""
    markup: str = ""
    section: str = ""
    ordered: bool = False
    prose_cache: str | None = None

    @property
    def is_prose(self) -> bool:
        """Whether the block is text addressed to the reader, not code, markup or a quotation."""
        return self.kind in (BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.CELL) and not self.quoted

    @property
    def prose(self) -> str:
        """The text with code spans blanked out, offsets unchanged."""
        if self.prose_cache is None:
            self.prose_cache = blank_code_spans(self.text)
        return self.prose_cache

    @property
    def language(self) -> str:
        """A fence's language in lower case, without attributes."""
        return self.info.split(maxsplit=1)[0].lower().strip("{}.") if self.info.strip() else ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link or image. `target` is as written, `text` its label or alternative text."""

    target: str
    text: str
    title: str
    is_image: bool
    block: Block
    span: Span


@dataclass(frozen=True, slots=True)
class Comment:
    """An HTML comment: what readers of the rendered page do not see."""

    text: str
    block: Block
    span: Span


class Markdown:
    """A Markdown text that begins at `start` (an offset) of a file's text."""

    def __init__(self, text: str, lines: LineMap, start: int = 0) -> None:
        self.text = text
        self.lines = lines
        self.start = start
        self.first_line = lines.position(start)[0] if start < len(text) else lines.count + 1

    @property
    def source(self) -> str:
        """The Markdown itself."""
        return self.text[self.start :]

    @property
    def is_too_large(self) -> bool:
        """Whether the text is beyond what is parsed."""
        return len(self.text) - self.start > MAX_MARKDOWN

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The leaf blocks in document order; none when the text is too large."""
        if self.is_too_large or not self.source.strip():
            return ()
        return tuple(_blocks(_block_tokens(self.source, self.environment), self.first_line))

    @cached_property
    def prose_blocks(self) -> tuple[Block, ...]:
        """The blocks that speak to the reader, in document order."""
        return tuple(block for block in self.blocks if block.is_prose)

    @cached_property
    def environment(self) -> dict[str, object]:
        """What the parser collects on its way: link reference definitions."""
        return {}

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Links and images, in document order."""
        return self._inline[0]

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        """HTML comments, in document order."""
        return self._inline[1]

    @cached_property
    def code_spans(self) -> tuple[tuple[str, Block], ...]:
        """The contents of code spans outside quotations, with their blocks."""
        found: list[tuple[str, Block]] = []
        for block in self.prose_blocks:
            if "`" in block.text and len(block.text) <= MAX_INLINE:
                found.extend((block.text[a:b], block) for a, b in code_span_regions(block.text))
        return tuple(found)

    @cached_property
    def headings(self) -> tuple[Block, ...]:
        """The headings, in document order."""
        return tuple(block for block in self.blocks if block.kind is BlockKind.HEADING)

    @cached_property
    def fences(self) -> tuple[Block, ...]:
        """Fenced and indented code."""
        return tuple(block for block in self.blocks if block.kind in (BlockKind.FENCE, BlockKind.CODE))

    @cached_property
    def _inline(self) -> tuple[tuple[Link, ...], tuple[Comment, ...]]:
        links: list[Link] = []
        comments: list[Comment] = []
        for block in self.blocks:
            if block.kind is BlockKind.HTML:
                comments.extend(self._comments(block.text, block))
            elif block.kind in (BlockKind.FENCE, BlockKind.CODE) or len(block.text) > MAX_INLINE:
                continue
            elif "](" in block.text or "<" in block.text or ("[" in block.text and "references" in self.environment):
                self._read_inline(block, links, comments)
        return tuple(links), tuple(comments)

    def _read_inline(self, block: Block, links: list[Link], comments: list[Comment]) -> None:
        tokens: list[Token] = []
        parser = _parser()
        parser.inline.parse(block.text, parser, self.environment, tokens)
        cursor = self.lines.offset(block.line)
        end = self.lines.offset(block.end_line)
        open_links: list[tuple[str, str, list[str]]] = []
        for token in tokens:
            if token.type == "link_open":
                open_links.append((str(token.attrs.get("href", "")), str(token.attrs.get("title", "")), []))
            elif token.type == "link_close" and open_links:
                target, title, parts = open_links.pop()
                span, cursor = self._place(target, cursor, end, block)
                links.append(Link(target, "".join(parts), title, False, block, span))
            elif token.type == "image":
                target = str(token.attrs.get("src", ""))
                span, cursor = self._place(target, cursor, end, block)
                links.append(Link(target, token.content, str(token.attrs.get("title", "")), True, block, span))
            elif token.type == "html_inline":
                comments.extend(self._comments(token.content, block))
            elif open_links:
                open_links[-1][2].append(token.content)

    def _place(self, needle: str, cursor: int, end: int, block: Block) -> tuple[Span, int]:
        found = self.text.find(needle, cursor, end) if needle else -1
        if found == -1:
            return self.lines.line_span(block.line), cursor
        return self.lines.span(found, found + len(needle)), found + len(needle)

    def _comments(self, html: str, block: Block) -> Iterator[Comment]:
        position = html.find("<!--")
        while position != -1:
            end = html.find("-->", position + 4)
            stop = len(html) if end == -1 else end
            content = html[position + 4 : stop]
            first = next((line for line in content.split("\n") if line.strip()), "").strip()
            span = self.find(block, first) if first else self.lines.line_span(block.line)
            yield Comment(content.strip(), block, span)
            position = html.find("<!--", stop)

    def find(self, block: Block, needle: str, *, skip: int = 0) -> Span:
        """Where the `skip + 1`-th occurrence of a text stands in a block; the block's first line when it is not
        found.
        """
        position = self.lines.offset(block.line)
        end = self.lines.offset(block.end_line)
        for _ in range(skip + 1):
            found = self.text.find(needle, position, end)
            if found == -1:
                return self.lines.line_span(min(block.line, self.lines.count))
            position = found + len(needle)
        return self.lines.span(position - len(needle), position)

    def prose_matches(self, pattern: re.Pattern[str], *needles: str, also: Sequence[str] = ()) -> Iterator[Passage]:
        """Where a pattern matches in prose: code spans blanked, quotations, code and markup left out.

        `needles`, in lower case, are texts one of which every match is near: only blocks that hold one are searched,
        and, with `also`, one of those too.
        """
        return self._prose.search(pattern, needles, also)

    def text_matches(self, pattern: re.Pattern[str], *needles: str) -> Iterator[Passage]:
        """Where a pattern matches in any block, code included; `needles` as for `prose_matches`."""
        return self._text.search(pattern, needles)

    @cached_property
    def _prose(self) -> _Joined:
        return _Joined(self, [(block, block.prose) for block in self.prose_blocks])

    @cached_property
    def _text(self) -> _Joined:
        return _Joined(self, [(block, block.text) for block in self.blocks])


@dataclass(frozen=True, slots=True)
class Passage:
    """A match in a block: its text, where it begins in the block's text, and the document it stands in."""

    markdown: Markdown
    block: Block
    text: str
    start: int
    match: re.Match[str]

    @property
    def span(self) -> Span:
        """Where the match's first line stands in the file."""
        needle = self.text.split("\n", 1)[0].rstrip() or self.text
        return self.markdown.find(self.block, needle, skip=self.block.text.count(needle, 0, self.start))

    @property
    def before(self) -> str:
        """The block's text in front of the match, as written."""
        return self.block.text[: self.start]

    @property
    def after(self) -> str:
        """The block's text behind the match, as written."""
        return self.block.text[self.start + len(self.text) :]


class _Joined:
    """Many blocks as one text, so that a pattern is searched once and not once per block."""

    SEPARATOR = "\n\0\n"

    def __init__(self, markdown: Markdown, parts: Sequence[tuple[Block, str]]) -> None:
        self.markdown = markdown
        self.blocks = [block for block, _ in parts]
        self.text = self.SEPARATOR.join(text for _, text in parts)
        self.starts: list[int] = []
        position = 0
        for _, text in parts:
            self.starts.append(position)
            position += len(text) + len(self.SEPARATOR)

    @cached_property
    def lowered(self) -> str:
        lowered = self.text.lower()
        if len(lowered) == len(self.text):
            return lowered
        return "".join(low if len(low := c.lower()) == 1 else c for c in self.text)

    def search(self, pattern: re.Pattern[str], needles: Sequence[str], also: Sequence[str] = ()) -> Iterator[Passage]:
        holding = self._holding(needles) if needles else set(range(len(self.blocks)))
        if also and holding:
            holding &= self._holding(also)
        for index in sorted(holding):
            start = self.starts[index]
            end = self.starts[index + 1] - len(self.SEPARATOR) if index + 1 < len(self.starts) else len(self.text)
            for match in pattern.finditer(self.text, start, end):
                yield Passage(self.markdown, self.blocks[index], match[0], match.start() - start, match)

    def _holding(self, needles: Sequence[str]) -> set[int]:
        """The blocks that hold at least one of the needles."""
        found: set[int] = set()
        for needle in needles:
            position = self.lowered.find(needle)
            while position != -1:
                index = bisect_right(self.starts, position) - 1
                found.add(index)
                if index + 1 == len(self.starts):
                    break
                position = self.lowered.find(needle, self.starts[index + 1])
        return found


def code_span_regions(text: str) -> Iterator[tuple[int, int]]:
    """The insides of a block's code spans, as CommonMark pairs backticks, as offsets."""
    runs: list[tuple[int, int]] = []
    position = text.find("`")
    while position != -1:
        end = position
        while end < len(text) and text[end] == "`":
            end += 1
        escaped = position > 0 and text[position - 1] == "\\" and not text[: position - 1].endswith("\\")
        if escaped:
            position += 1
        if end > position:
            runs.append((position, end))
        position = text.find("`", end)
    next_of_length: list[int | None] = [None] * len(runs)
    last: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        next_of_length[index] = last.get(length)
        last[length] = index
    index = 0
    while index < len(runs):
        closing = next_of_length[index]
        if closing is None:
            index += 1
            continue
        yield runs[index][1], runs[closing][0]
        index = closing + 1


def blank_code_spans(text: str) -> str:
    """The text with the insides of its code spans replaced by spaces, so that offsets stay."""
    if "`" not in text:
        return text
    parts: list[str] = []
    position = 0
    for start, end in code_span_regions(text):
        parts.append(text[position:start])
        parts.append("".join("\n" if c == "\n" else " " for c in text[start:end]))
        position = end
    parts.append(text[position:])
    return "".join(parts)


def _blocks(tokens: Sequence[BlockToken], first_line: int) -> Iterator[Block]:
    quote = 0
    section = ""
    lists: list[bool] = []
    kind, level, markup = BlockKind.PARAGRAPH, 0, ""
    for token in tokens:
        type_ = token.type
        if type_ == "inline":
            start, end = token.map or (0, 1)
            block = Block(
                kind, token.content, start + first_line, end + first_line, quote > 0, len(lists), level,
                markup=markup, section=section, ordered=bool(lists) and lists[-1],
            )  # fmt: skip
            if kind is BlockKind.HEADING:
                section = token.content
            yield block
        elif type_ == "paragraph_open":
            kind, level, markup = BlockKind.PARAGRAPH, 0, ""
        elif type_ == "heading_open":
            kind, level, markup = BlockKind.HEADING, int(token.tag[1:]), token.markup
        elif type_ in ("td_open", "th_open"):
            kind, level, markup = BlockKind.CELL, 0, type_[:2]
        elif type_ in ("fence", "code_block", "html_block"):
            start, end = token.map or (0, 1)
            leaf = {"fence": BlockKind.FENCE, "code_block": BlockKind.CODE, "html_block": BlockKind.HTML}[type_]
            yield Block(
                leaf, token.content, start + first_line, end + first_line, quote > 0, len(lists),
                info=token.info, markup=token.markup, section=section,
            )  # fmt: skip
        elif type_ == "blockquote_open":
            quote += 1
        elif type_ == "blockquote_close":
            quote -= 1
        elif type_ in ("bullet_list_open", "ordered_list_open"):
            lists.append(type_ == "ordered_list_open")
        elif type_ in ("bullet_list_close", "ordered_list_close"):
            lists.pop()


def _block_tokens(source: str, environment: dict[str, object]) -> list[BlockToken]:
    from pipeline.skills.block_rules import block_tokens

    return block_tokens(_parser(), source.replace("\r\n", "\n").replace("\r", "\n"), environment)


_PARSER: MarkdownIt | None = None


def _parser() -> MarkdownIt:
    """The parser, made once: links kept as written, block rules tried only where their first character stands."""
    global _PARSER
    if _PARSER is None:
        from markdown_it import MarkdownIt

        from pipeline.skills.block_rules import speed_up

        parser = MarkdownIt("commonmark").enable("table")
        parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
        parser.validateLink = lambda url: True  # type: ignore[method-assign]
        speed_up(parser)
        _PARSER = parser
    return _PARSER
