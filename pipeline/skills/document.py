"""SKILL.md ⇄ values: bytes in, a `SkillDocument` with frontmatter, body and line map out. Never raises on bad input.

What is wrong with the file is part of the value (`problems`), so that rules can report it at its place. The
frontmatter is delimited by whole lines `---`; nothing else opens or closes it. `render_skill` is the one place that
writes frontmatter.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import Enum
from itertools import accumulate, repeat
from operator import add
from typing import TYPE_CHECKING

from pipeline.skills.findings import Edit, Span
from pipeline.skills.frontmatter import YamlDocument, YamlType, YamlValue, compose

if TYPE_CHECKING:
    from pipeline.skills.metadata import SkillMetadata, render_skill

__all__ = ["DocumentProblem", "DocumentProblemKind", "SkillDocument", "SkillMetadata", "read_document", "render_skill"]

SKILL_FILE = "SKILL.md"
BOM = "\ufeff"


class DocumentProblemKind(Enum):
    """What keeps a file from being frontmatter followed by Markdown."""

    NOT_UTF8 = "not-utf8"
    NUL = "nul"
    CR_ONLY = "cr-only"
    BOM = "bom"
    LEADING_SPACE = "leading-space"
    NO_FRONTMATTER = "no-frontmatter"
    UNCLOSED = "unclosed"
    DOCUMENT_END = "document-end"


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """One such problem, at its place, with the edit that repairs it where there is one."""

    kind: DocumentProblemKind
    message: str
    span: Span
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class LineMap:
    """Where the lines of a text start; turns offsets (code points) into 1-based lines and columns."""

    starts: tuple[int, ...]
    length: int

    @classmethod
    def of(cls, text: str) -> LineMap:
        lines = text.split("\n")
        lines.pop()
        return cls((0, *accumulate(map(add, map(len, lines), repeat(1)))), len(text))

    @property
    def count(self) -> int:
        """Lines of text; a final newline does not begin another."""
        return len(self.starts) - (1 if self.starts[-1] == self.length and self.length else 0)

    def position(self, offset: int) -> tuple[int, int]:
        """The 1-based line and column of an offset."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The region from `start` up to and without `end`."""
        return Span(*self.position(start), *self.position(end))

    def offset(self, line: int, column: int = 1) -> int:
        """The offset of a 1-based line and column; the text's length when the line lies behind it."""
        if line > len(self.starts):
            return self.length
        return self.starts[line - 1] + column - 1

    def line_end(self, line: int) -> int:
        """The offset just behind a line's last character, without its newline."""
        return self.starts[line] - 1 if line < len(self.starts) else self.length

    def line_span(self, line: int) -> Span:
        """A whole line."""
        start = self.starts[line - 1]
        return Span(line, 1, line, self.line_end(line) - start + 1)


@dataclass(frozen=True, slots=True)
class SkillDocument:
    """A SKILL.md taken apart. `yaml_start:yaml_end` are the code points between the delimiter lines."""

    text: str
    lines: LineMap
    problems: tuple[DocumentProblem, ...] = ()
    yaml: YamlDocument | None = None
    yaml_start: int = 0
    yaml_end: int = 0
    body_start: int = 0
    body_line: int = 1
    fields: dict[str, YamlValue] = field(default_factory=dict)
    keys: dict[str, YamlValue] = field(default_factory=dict)

    @property
    def body(self) -> str:
        """Everything behind the closing delimiter line, as written."""
        return self.text[self.body_start :]

    @property
    def name(self) -> str:
        """The name as declared; empty when it is missing or not a string."""
        return self._string("name")

    @property
    def description(self) -> str:
        """The description without surrounding white space; empty when it is missing or not a string."""
        return self._string("description").strip()

    def _string(self, key: str) -> str:
        value = self.fields.get(key)
        return value.text if value is not None and value.is_string else ""


def read_document(data: bytes) -> SkillDocument:
    """Takes a SKILL.md apart. Never raises: what is wrong stands in `problems` and in `yaml.problems`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _undecodable(data, error)
    lines = LineMap.of(text)
    nul = text.find("\0")
    if nul != -1:
        return SkillDocument(text, lines, (_problem(lines, DocumentProblemKind.NUL, "holds a NUL byte", nul, nul + 1),))
    if "\r" in text and "\n" not in text:
        end = text.index("\r")
        message = "lines end with a bare carriage return, which loaders read as one single line"
        return SkillDocument(text, lines, (_problem(lines, DocumentProblemKind.CR_ONLY, message, end, end + 1),))
    return _split(text, lines)


def _undecodable(data: bytes, error: UnicodeDecodeError) -> SkillDocument:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:64].count(0) >= 8:
        encoding = "UTF-16"
        message = "is UTF-16, not UTF-8"
        text = data.decode("utf-16", "replace") if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ""
        span = Span(1, 1, 1, 1)
    else:
        encoding = f"byte 0x{data[error.start]:02x}"
        message = f"is not UTF-8: {encoding} cannot be decoded"
        text = data.decode("utf-8", "replace")
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        span = Span(line, column, line, column + 1)
    return SkillDocument(text, LineMap.of(text), (DocumentProblem(DocumentProblemKind.NOT_UTF8, message, span),))


def _problem(
    lines: LineMap, kind: DocumentProblemKind, message: str, start: int, end: int, edits: tuple[Edit, ...] = ()
) -> DocumentProblem:
    return DocumentProblem(kind, message, lines.span(start, end), edits)


def _is_delimiter(line: str) -> bool:
    return line.startswith("---") and not line[3:].strip(" \t\r")


def _split(text: str, lines: LineMap) -> SkillDocument:
    problems: list[DocumentProblem] = []
    first = len(text) - len(text.lstrip(BOM + " \t\r\n"))
    if first and _is_delimiter(text[first : lines.line_end(lines.position(first)[0])]):
        edit = (Edit(0, first, ""),)
        if text.startswith(BOM):
            message = "a byte order mark precedes the frontmatter"
            problems.append(_problem(lines, DocumentProblemKind.BOM, message, 0, 1, edit))
        else:
            message = "blank space precedes the frontmatter"
            problems.append(_problem(lines, DocumentProblemKind.LEADING_SPACE, message, 0, first, edit))
    else:
        first = 0
    opening = lines.position(first)[0]
    if not _is_delimiter(text[first : lines.line_end(opening)]):
        message = "does not start with frontmatter: line 1 must be exactly `---`"
        span = lines.line_span(1)
        return SkillDocument(text, lines, (DocumentProblem(DocumentProblemKind.NO_FRONTMATTER, message, span),))
    closing = _closing_line(text, lines, opening)
    if closing is None:
        problems.append(_unclosed(text, lines, opening))
        return SkillDocument(text, lines, tuple(problems))
    yaml_start, yaml_end = lines.offset(opening + 1), lines.offset(closing)
    yaml = compose(text[yaml_start:yaml_end], line_offset=opening, offset=yaml_start)
    for line in range(opening + 1, closing) if "..." in text[yaml_start:yaml_end] else ():
        content = text[lines.offset(line) : lines.line_end(line)]
        if content.startswith("...") and not content[3:].strip():
            message = "`...` ends the YAML here; what follows in the frontmatter is ignored"
            problems.append(DocumentProblem(DocumentProblemKind.DOCUMENT_END, message, lines.line_span(line)))
    body_start = min(lines.line_end(closing) + 1, len(text))
    is_mapping = yaml.root is not None and yaml.root.type is YamlType.MAPPING
    entries = yaml.root.fields if yaml.root is not None and is_mapping else []
    return SkillDocument(
        text,
        lines,
        tuple(problems),
        yaml,
        yaml_start,
        yaml_end,
        body_start,
        closing + 1,
        {entry.key.text: entry.value for entry in entries if entry.key.is_string},
        {entry.key.text: entry.key for entry in entries if entry.key.is_string},
    )


def _closing_line(text: str, lines: LineMap, opening: int) -> int | None:
    position = text.find("\n---", lines.offset(opening))
    while position != -1:
        line = lines.position(position + 1)[0]
        if _is_delimiter(text[position + 1 : lines.line_end(line)]):
            return line
        position = text.find("\n---", position + 1)
    return None


def _unclosed(text: str, lines: LineMap, opening: int) -> DocumentProblem:
    for line in range(opening + 1, min(lines.count, opening + 200) + 1):
        content = text[lines.offset(line) : lines.line_end(line)]
        stripped = content.strip()
        if stripped == "---" and content != stripped:
            start = lines.offset(line)
            indent = len(content) - len(content.lstrip())
            message = "the closing `---` is indented; it must start the line"
            edit = (Edit(start, start + indent, ""),)
            return DocumentProblem(DocumentProblemKind.UNCLOSED, message, lines.line_span(line), edit)
        if content.rstrip() == "...":
            message = "the frontmatter is closed with `...`; it must be closed with `---`"
            start = lines.offset(line)
            edit = (Edit(start, start + 3, "---"),)
            return DocumentProblem(DocumentProblemKind.UNCLOSED, message, lines.line_span(line), edit)
    message = "the frontmatter is never closed: no line is exactly `---`"
    return DocumentProblem(DocumentProblemKind.UNCLOSED, message, lines.line_span(opening))


def __getattr__(name: str) -> object:
    """Loads the writing side on first use: it needs pydantic, which reading does without."""
    if name in ("SkillMetadata", "render_skill"):
        from pipeline.skills import metadata

        return getattr(metadata, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
