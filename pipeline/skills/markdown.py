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
from itertools import accumulate
from typing import TYPE_CHECKING

from pipeline.skills.document import LineMap
from pipeline.skills.findings import Span
from pipeline.skills.patterns import Search, Words, words_of

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

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


_PROSE = (BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.CELL)


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
        return self.kind in _PROSE and not self.quoted

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
        from pipeline.skills.block_rules import read_blocks

        source = self.source.replace("\r\n", "\n").replace("\r", "\n") if "\r" in self.text else self.source
        return tuple(read_blocks(_parser(), source, self.environment, self.first_line))

    @cached_property
    def prose_blocks(self) -> tuple[Block, ...]:
        """The blocks that speak to the reader, in document order."""
        return tuple([block for block in self.blocks if block.kind in _PROSE and not block.quoted])

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
                found.extend([(span, block) for span in code_spans_of(block.text)])
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
        defines = bool(self.blocks) and "references" in self.environment
        for block in self._joined.near([[[b"[" if defines else b"](", b"<"]]]):
            kind, text = block.kind, block.text
            if kind is BlockKind.HTML:
                comments.extend(self._comments(text, block))
            elif (
                kind not in (BlockKind.FENCE, BlockKind.CODE)
                and len(text) <= MAX_INLINE
                and ("](" in text or (defines and "[" in text) or ("<" in text and _may_link(text)))
            ):
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

    def prose_matches(self, wanted: Search) -> Iterator[Passage]:
        """Where a pattern matches in prose: code spans blanked, quotations, code and markup left out."""
        for block in self._joined.near(wanted.hint.near(self.words)):
            if block.is_prose:
                for match in wanted.pattern.finditer(block.prose):
                    yield Passage(self, block, match[0], match.start(), match)

    def text_matches(self, wanted: Search) -> Iterator[Passage]:
        """Where a pattern matches in any block, code included."""
        for block in self._joined.near(wanted.hint.near(self.words)):
            for match in wanted.pattern.finditer(block.text):
                yield Passage(self, block, match[0], match.start(), match)

    @cached_property
    def words(self) -> Words:
        """The words of the whole file."""
        return words_of(self.text)

    @cached_property
    def prose_text(self) -> str:
        """All prose as one text, code spans included, for a first look."""
        return "\n\n".join([block.text for block in self.prose_blocks])

    @cached_property
    def _joined(self) -> _Joined:
        return _Joined(self.blocks)


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
    """Many blocks as one text, so that a needle is looked for once and not once per block."""

    SEPARATOR = "\n\0\n"

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks

    @cached_property
    def lowered(self) -> bytes:
        """The blocks' texts with ASCII letters in lower case and a byte for each character, others as `?`."""
        return self.SEPARATOR.join([block.text for block in self.blocks]).encode("ascii", "replace").lower()

    @cached_property
    def starts(self) -> list[int]:
        """Where each block begins in the text."""
        gap = len(self.SEPARATOR)
        return list(accumulate([len(block.text) + gap for block in self.blocks], initial=0))[:-1]

    def near(self, alternatives: Sequence[Sequence[Sequence[bytes]]]) -> Iterator[Block]:
        """The blocks that hold a text of each list of one of the alternatives, in document order."""
        if [] in alternatives:
            yield from self.blocks
        elif alternatives:
            found: set[int] = set()
            for first, *others in alternatives:
                found.update([index for index in self._with(first) if self._has(index, others)])
            yield from [self.blocks[index] for index in sorted(found)]

    def _has(self, index: int, others: Sequence[Sequence[bytes]]) -> bool:
        """Whether a block holds a text of each list."""
        start = self.starts[index]
        end = start + len(self.blocks[index].text)
        return all(any(self.lowered.find(text, start, end) != -1 for text in texts) for texts in others)

    def _with(self, needles: Sequence[bytes]) -> set[int]:
        """The blocks that hold one of the needles."""
        found: set[int] = set()
        lowered, starts = self.lowered, self.starts
        last = len(starts) - 1
        for needle in needles:
            position = lowered.find(needle)
            while position != -1:
                index = bisect_right(starts, position) - 1
                found.add(index)
                if index == last:
                    break
                position = lowered.find(needle, starts[index + 1])
        return found


_AUTOLINK = re.compile(r"<[^<>\s]*[:@]")


def _may_link(text: str) -> bool:
    """Whether a text with angle brackets may hold a comment or an address in them."""
    return "<!--" in text or _AUTOLINK.search(text) is not None


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
    if _is_plain(text):
        parts = text.split("`")
        for index in range(1, len(parts) - 1, 2):
            parts[index] = _blank(parts[index])
        return "`".join(parts)
    position = 0
    for start, end in code_span_regions(text):
        parts.append(text[position:start])
        parts.append(_blank(text[start:end]))
        position = end
    parts.append(text[position:])
    return "".join(parts)


def code_spans_of(text: str) -> list[str]:
    """The insides of a block's code spans."""
    if _is_plain(text):
        parts = text.split("`")
        return parts[1 : len(parts) - 1 : 2]
    return [text[start:end] for start, end in code_span_regions(text)]


def _is_plain(text: str) -> bool:
    """Whether every backtick stands alone and unescaped, so that they pair two by two."""
    return "``" not in text and "\\`" not in text


def _blank(text: str) -> str:
    return " " * len(text) if "\n" not in text else "".join("\n" if c == "\n" else " " for c in text)


_PARSER: MarkdownIt | None = None
_IDLE = ["newline", "emphasis", "entity", "balance_pairs", "fragments_join"]
"""What decides nothing about links and comments, which bind tighter than emphasis."""
_TELLING = re.compile(r"[\\`\[\]<]|!(?=\[)")
"""Where the other inline rules may find something; text up to there is passed over in one step."""


def _parser() -> MarkdownIt:
    """The parser, made once: links kept as written, blocks read by rules of our own."""
    global _PARSER
    if _PARSER is None:
        from markdown_it import MarkdownIt

        from pipeline.skills.block_rules import prepare

        parser = MarkdownIt("commonmark").enable("table").disable(_IDLE)
        parser.inline.terminator_re = _TELLING
        parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
        parser.validateLink = lambda url: True  # type: ignore[method-assign]
        prepare(parser)
        _PARSER = parser
    return _PARSER
