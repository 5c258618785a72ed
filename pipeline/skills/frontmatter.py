"""YAML with types and positions: a composer over the parser's events that never builds Python objects.

Bounded: nesting depth, number of nodes and alias uses have limits, aliases are shared and never expanded. Problems are
values, in document order; only a syntax error stops the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, cast

import yaml

from pipeline.skills.findings import Span

MAX_DEPTH = 100
MAX_NODES = 20_000
MAX_ALIASES = 100


class YamlType(Enum):
    """The type a YAML 1.2 core schema loader gives a value."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    TIMESTAMP = "date"
    MAPPING = "mapping"
    SEQUENCE = "list"


class YamlProblemKind(Enum):
    """What is wrong with the YAML itself."""

    SYNTAX = "syntax"
    DUPLICATE_KEY = "duplicate-key"
    KEY_NOT_STRING = "key-not-string"
    UNSAFE_TAG = "unsafe-tag"
    CUSTOM_TAG = "custom-tag"
    ALIAS = "alias"
    TOO_COMPLEX = "too-complex"


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """One problem of the YAML, at its place in the file."""

    kind: YamlProblemKind
    message: str
    span: Span


@dataclass(slots=True, eq=False)
class YamlValue:
    """A typed value; `text` is a scalar's content, `start:end` its code points in the file, quotes included."""

    type: YamlType
    span: Span
    start: int
    end: int
    text: str = ""
    style: str = ""
    items: list[YamlValue] = field(default_factory=list)
    fields: list[YamlField] = field(default_factory=list)
    is_alias: bool = False

    @property
    def is_string(self) -> bool:
        return self.type is YamlType.STRING

    def get(self, key: str) -> YamlValue | None:
        """The value under `key` of a mapping (the last one, as most loaders do), else None."""
        return next((f.value for f in reversed(self.fields) if f.key.text == key), None)

    def walk(self) -> Iterator[YamlValue]:
        """This value and everything below it once, however often it is shared."""
        seen: set[int] = set()
        stack = [self]
        while stack:
            value = stack.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            yield value
            stack.extend(reversed(value.items))
            stack.extend(f.value for f in reversed(value.fields))


@dataclass(slots=True, eq=False)
class YamlField:
    """A key and its value in a mapping."""

    key: YamlValue
    value: YamlValue


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What the text holds: a root value (None when empty or broken) and the problems met."""

    root: YamlValue | None
    problems: tuple[YamlProblem, ...]


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_BOOLEAN_1_1 = frozenset({"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TIMESTAMP = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{2}:\d{2}.*)?")
_CORE_TAGS = {
    "tag:yaml.org,2002:str": YamlType.STRING,
    "tag:yaml.org,2002:int": YamlType.INTEGER,
    "tag:yaml.org,2002:float": YamlType.FLOAT,
    "tag:yaml.org,2002:bool": YamlType.BOOLEAN,
    "tag:yaml.org,2002:null": YamlType.NULL,
    "tag:yaml.org,2002:map": YamlType.MAPPING,
    "tag:yaml.org,2002:seq": YamlType.SEQUENCE,
}


def plain_scalar_type(text: str) -> YamlType:
    """The type of an unquoted scalar under the YAML 1.2 core schema, dates included because most loaders read them."""
    if text in _NULL:
        return YamlType.NULL
    if text in _BOOLEAN:
        return YamlType.BOOLEAN
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return YamlType.INTEGER
        if _FLOAT.fullmatch(text):
            return YamlType.FLOAT
        if _TIMESTAMP.fullmatch(text):
            return YamlType.TIMESTAMP
    return YamlType.STRING


def is_yaml_1_1_boolean(text: str) -> bool:
    """Whether YAML 1.1 loaders read this unquoted text as a boolean while YAML 1.2 reads a string."""
    return text in _BOOLEAN_1_1


def compose(text: str, *, line_offset: int, offset: int) -> YamlDocument:
    """Reads one YAML document. `line_offset` and `offset` say how many lines and code points precede `text` in the
    file.
    """
    return _Composer(line_offset, offset).run(text)


class _TooComplexError(Exception):
    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.message = message
        self.span = span


class _StoppedError(Exception):
    """The problem is already noted; reading on makes no sense."""


class Mark(Protocol):
    """A position as both the Python and the C parser give it, 0-based, in code points."""

    @property
    def index(self) -> int: ...

    @property
    def line(self) -> int: ...

    @property
    def column(self) -> int: ...


class _Composer:
    def __init__(self, line_offset: int, offset: int) -> None:
        self.line_offset = line_offset
        self.offset = offset
        self.problems: list[YamlProblem] = []
        self.anchors: dict[str, YamlValue] = {}
        self.aliases = 0
        self.nodes = 0
        self.root: YamlValue | None = None
        self.stack: list[YamlValue] = []
        self.pending_keys: list[YamlValue | None] = []
        self.seen_keys: list[dict[tuple[YamlType, str], YamlValue]] = []

    def run(self, text: str) -> YamlDocument:
        try:
            parser = yaml.CSafeLoader(text)
            while (event := parser.get_event()) is not None and not self._event(event):
                pass
        except _TooComplexError as error:
            self._problem(YamlProblemKind.TOO_COMPLEX, error.message, error.span)
            return YamlDocument(None, tuple(self.problems))
        except _StoppedError:
            return YamlDocument(None, tuple(self.problems))
        except yaml.YAMLError as error:
            self.problems.append(self._syntax(error, text))
            return YamlDocument(None, tuple(self.problems))
        return YamlDocument(self.root, tuple(self.problems))

    def _event(self, event: yaml.Event) -> bool:
        """Handles one event; True ends the reading."""
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            value = self._collection(event)
            self._add(value, event.anchor)
            self.stack.append(value)
            self.pending_keys.append(None)
            self.seen_keys.append({})
            if len(self.stack) > MAX_DEPTH:
                raise _TooComplexError(f"nested deeper than {MAX_DEPTH} levels", value.span)
        elif isinstance(event, yaml.CollectionEndEvent):
            value = self.stack.pop()
            self.pending_keys.pop()
            self.seen_keys.pop()
            end = cast(Mark, event.end_mark)
            value.span = Span(value.span.line, value.span.column, end.line + 1 + self.line_offset, end.column + 1)
            value.end = end.index + self.offset
        return isinstance(event, yaml.DocumentEndEvent)

    def _place(self, event: yaml.Event) -> tuple[Span, int, int]:
        """Where an event stands in the file: its region, and its offsets."""
        start, end = cast(Mark, event.start_mark), cast(Mark, event.end_mark)  # the parser always says
        base = self.line_offset + 1
        span = Span(start.line + base, start.column + 1, end.line + base, end.column + 1)
        return span, start.index + self.offset, end.index + self.offset

    def _scalar(self, event: yaml.ScalarEvent) -> YamlValue:
        span, start, end = self._place(event)
        style = event.style or ""
        text: str = event.value
        if event.tag and event.tag != "!":
            kind = self._tagged(event.tag, span, YamlType.STRING)
        elif style:
            kind = YamlType.STRING
        else:
            kind = plain_scalar_type(text)
        return YamlValue(kind, span, start, end, text=text, style=style)

    def _collection(self, event: yaml.CollectionStartEvent) -> YamlValue:
        span, start, _ = self._place(event)
        kind = YamlType.MAPPING if isinstance(event, yaml.MappingStartEvent) else YamlType.SEQUENCE
        if event.tag and event.tag != "!":
            self._tagged(event.tag, span, kind)
        style = "flow" if event.flow_style else "block"
        return YamlValue(kind, span, start, start, style=style)

    def _tagged(self, tag: str, span: Span, untagged: YamlType) -> YamlType:
        if tag in _CORE_TAGS:
            self._problem(YamlProblemKind.CUSTOM_TAG, f"explicit tag {tag.replace('tag:yaml.org,2002:', '!!')}", span)
            return _CORE_TAGS[tag]
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self._problem(YamlProblemKind.UNSAFE_TAG, f"tag {shown} is outside the YAML core schema", span)
        return untagged

    def _alias(self, event: yaml.AliasEvent) -> None:
        span, start, end = self._place(event)
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise _TooComplexError(f"more than {MAX_ALIASES} aliases", span)
        target = self.anchors.get(event.anchor or "")
        if target is None:
            self._problem(YamlProblemKind.SYNTAX, f"alias *{event.anchor} has no anchor", span)
            raise _StoppedError
        self._problem(YamlProblemKind.ALIAS, f"alias *{event.anchor}", span)
        self._attach(
            YamlValue(
                target.type, span, start, end, target.text, target.style, target.items, target.fields, is_alias=True
            )
        )

    def _add(self, value: YamlValue, anchor: str | None) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooComplexError(f"more than {MAX_NODES} values", value.span)
        if anchor is not None:
            self.anchors[anchor] = value
            self._problem(YamlProblemKind.ALIAS, f"anchor &{anchor}", value.span)
        self._attach(value)

    def _attach(self, value: YamlValue) -> None:
        if not self.stack:
            self.root = value
            return
        parent = self.stack[-1]
        if parent.type is not YamlType.MAPPING:
            parent.items.append(value)
            return
        key = self.pending_keys[-1]
        if key is None:
            self.pending_keys[-1] = value
            self._check_key(value)
            return
        parent.fields.append(YamlField(key, value))
        self.pending_keys[-1] = None

    def _check_key(self, key: YamlValue) -> None:
        if not key.is_string:
            self._problem(YamlProblemKind.KEY_NOT_STRING, f"a key is a {key.type.value}, not a string", key.span)
        seen = self.seen_keys[-1]
        identity = (key.type, key.text)
        if identity in seen and key.type not in (YamlType.MAPPING, YamlType.SEQUENCE):
            first = seen[identity].span.line
            self._problem(YamlProblemKind.DUPLICATE_KEY, f"key {key.text!r} already stands on line {first}", key.span)
        seen.setdefault(identity, key)

    def _problem(self, kind: YamlProblemKind, message: str, span: Span) -> None:
        self.problems.append(YamlProblem(kind, message, span))

    def _syntax(self, error: yaml.YAMLError, text: str) -> YamlProblem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is not None:
            line, column = mark.line, mark.column
            message = str(getattr(error, "problem", None) or error)
        else:  # a reader error has a position but no mark
            position = getattr(error, "position", 0)  # in UTF-8 bytes
            before = text.encode()[: position if isinstance(position, int) else 0].decode(errors="ignore")
            line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
            message = str(getattr(error, "reason", error))
        lines = text.split("\n")
        line = min(line, max(len(lines) - 1, 0))
        column = min(column, len(lines[line]))
        at = line + 1 + self.line_offset
        return YamlProblem(YamlProblemKind.SYNTAX, message, Span(at, column + 1, at, column + 2))
