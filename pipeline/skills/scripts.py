"""Programs as trees: Python by `ast`, shell by tree-sitter. Parsing never executes; text that cannot be parsed is
said so.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.skills.findings import Span
from pipeline.skills.patterns import Words, lazy, words_of

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

MAX_PROGRAM = 512 * 1024
"""Characters; a longer program is not parsed."""


MAX_NODES = 200_000
"""Nodes of a shell program's tree that are looked at."""
MAX_WORD = 8 * 1024
"""Bytes of a shell command, or of one of its words, that are looked at; `NESTED_WORD` where commands are nested in each
other `DEEP` times and more, because each holds the text of those in it.
"""
NESTED_WORD = 200
DEEP = 20


class Language(Enum):
    """The languages that are parsed."""

    PYTHON = "python"
    SHELL = "shell"


_SUFFIXES = {".py": Language.PYTHON, ".sh": Language.SHELL, ".bash": Language.SHELL, ".zsh": Language.SHELL}
_FENCES = {
    "python": Language.PYTHON, "py": Language.PYTHON, "python3": Language.PYTHON,
    "bash": Language.SHELL, "sh": Language.SHELL, "shell": Language.SHELL, "zsh": Language.SHELL,
    "console": Language.SHELL, "shell-session": Language.SHELL, "terminal": Language.SHELL,
}  # fmt: skip
ADDRESS = lazy(r"https?://[^\s\"'`)>|;]+")
_SHEBANG = lazy(r"#!.*?\b(python|bash|sh|zsh|dash)[\d.]*\b")


def fence_language(info: str) -> Language | None:
    """The language a fence's info string names, when it is one that is parsed."""
    return _FENCES.get(info)


@dataclass(slots=True)
class Command:
    """A simple shell command: its words without quotes, its place, and what surrounds it."""

    words: tuple[str, ...]
    text: str
    span: Span
    piped_into: Command | None = None
    guarded: bool = False
    substitutes: tuple[Command, ...] = ()
    redirects: tuple[str, ...] = ()
    ahead: int | None = None
    """What a rule has found out about the stages behind this one, so that a long pipeline is walked once."""

    @property
    def name(self) -> str:
        """The program's name without its folder; empty for a bare assignment."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words behind the name."""
        return self.words[1:]

    def pipeline(self) -> Iterator[Command]:
        """This command and those its output flows into."""
        command: Command | None = self
        while command is not None:
            yield command
            command = command.piped_into


class Script:
    """A program of a known language. `path` is relative to the skill, `first_line` where its first line stands
    there.
    """

    def __init__(self, path: str, text: str, language: Language, first_line: int = 1, column: int = 0) -> None:
        self.path = path
        self.text = text
        self.language = language
        self.first_line = first_line
        self.column = column
        self.cut = ""
        """What of a shell program `commands` did not look at, for people; known once they were asked for."""

    @cached_property
    def words(self) -> Words:
        """The words of the program."""
        return words_of(self.text)

    @cached_property
    def first_address(self) -> str:
        """The first web address of the program; empty when it has none."""
        found = ADDRESS.search(self.text)
        return found[0] if found is not None else ""

    @cached_property
    def lines(self) -> list[str]:
        """The program's lines."""
        return self.text.split("\n")

    @cached_property
    def python(self) -> ast.Module | None:
        """The syntax tree of a Python program; None when it does not parse or is another language."""
        if self.language is not Language.PYTHON or self.syntax_error is not None:
            return None
        return self._python[0]

    @cached_property
    def syntax_error(self) -> tuple[str, Span] | None:
        """Why a Python program does not parse, and where."""
        return self._python[1]

    @cached_property
    def _python(self) -> tuple[ast.Module | None, tuple[str, Span] | None]:
        if self.language is not Language.PYTHON:
            return None, None
        if len(self.text) > MAX_PROGRAM:
            return None, ("it is too large to be checked", Span(1, 1, 1, 1))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(self.text), None
        except SyntaxError as error:
            line, column = error.lineno or 1, error.offset or 1
            return None, (error.msg, self.span(line, max(column - 1, 0), line, max(column, 1)))
        except (ValueError, RecursionError, MemoryError) as error:
            return None, (str(error) or type(error).__name__, Span(self.first_line, 1, self.first_line, 1))

    def span(self, line: int, column: int, end_line: int, end_column: int) -> Span:
        """A region of the program (1-based lines, 0-based columns) as a region of its file."""
        base = self.first_line - 1
        return Span(line + base, column + self.column + 1, end_line + base, end_column + self.column + 1)

    def node_span(self, node: ast.expr | ast.stmt) -> Span:
        """Where a Python node stands."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self.span(node.lineno, node.col_offset, end_line, end_column)

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """The simple commands of a shell program, in order; prompts (`$ `) of a console transcript are dropped."""
        if self.language is not Language.SHELL or len(self.text) > MAX_PROGRAM:
            return ()
        return tuple(_commands(self))


def may_be_script(path: str) -> bool:
    """Whether a bundled file is worth reading as a program."""
    suffix = posixpath.splitext(path)[1].lower()
    return suffix in _SUFFIXES or suffix == ""


def script_at(path: str, text: str) -> Script | None:
    """A bundled file as a program, by its suffix or its first line; None when it is neither Python nor shell."""
    language = _SUFFIXES.get(posixpath.splitext(path)[1].lower())
    if language is None:
        match = _SHEBANG.match(text)
        if match is None:
            return None
        language = Language.PYTHON if match[1] == "python" else Language.SHELL
    return Script(path, text, language)


_SHELL: Parser | None = None


def _shell_parser() -> Parser:
    global _SHELL
    if _SHELL is None:
        import tree_sitter
        import tree_sitter_bash

        _SHELL = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
    return _SHELL


_PROMPT = lazy(r"^[ \t]*[$%>][ \t]+", re.MULTILINE)


class _Source:
    """A shell program as the parser saw it: in bytes, prompts blanked."""

    def __init__(self, text: str) -> None:
        self.data = _PROMPT.sub(lambda match: " " * len(match[0]), text).encode("utf-8", "replace")
        inside = () if self.data.isascii() else re.finditer(rb"[\x80-\xbf]", self.data)
        self.inside = [match.start() for match in inside]
        """Where the bytes are that do not begin a character."""
        self.cut = ""

    def text(self, node: Node, most: int) -> str:
        """A node's text, at most so many bytes."""
        start, end = node.start_byte, node.end_byte
        if end - start > most:
            self.cut = f"a command of more than {most:,} bytes"
            end = start + most
        return self.data[start:end].decode("utf-8", "replace")

    def may_substitute(self, node: Node) -> bool:
        """Whether a node may hold other commands: `$(…)`, `<(…)`, `>(…)`, or backticks."""
        start, end = node.start_byte, node.end_byte
        return self.data.find(b"(", start, end) != -1 or self.data.find(b"`", start, end) != -1

    def column(self, node: Node) -> int:
        """How many characters of its line are in front of a node."""
        start, column = node.start_byte, node.start_point[1]
        return column - bisect_left(self.inside, start) + bisect_left(self.inside, start - column)


def _commands(script: Script) -> Iterator[Command]:
    source = _Source(script.text)
    tree = _shell_parser().parse(source.data)
    order: list[tuple[int, Command]] = []
    nodes: dict[int, Command] = {}
    holders: list[tuple[Command, list[Node]]] = []
    # A node knows its parent only by way of the root, so it is told.
    stack: list[tuple[Node, Node | None, int, bool]] = [(tree.root_node, None, 0, False)]
    pipelines: list[Node] = []
    seen = 0
    while stack:
        node, parent, depth, guarded = stack.pop()
        seen += 1
        if seen > MAX_NODES:
            script.cut = f"it has more than {MAX_NODES:,} parts"
            break
        kind = node.type
        if kind == "command":
            command, holding = _command(node, parent, script, source, depth, guarded)
            nodes[node.id] = command
            order.append((node.start_byte, command))
            if holding:
                holders.append((command, holding))
            if not source.may_substitute(node):
                continue
            depth += 1
        elif kind == "pipeline":
            pipelines.append(node)
        inside = guarded or kind in ("if_statement", "case_statement")
        stack.extend((child, node, depth, inside) for child in node.named_children)
    script.cut = script.cut or source.cut
    for command, holding in holders:
        command.substitutes = tuple(nodes[inner] for each in holding for inner in _substituted(each) if inner in nodes)
    for pipeline in pipelines:
        stages = [_first_command(child, nodes) for child in pipeline.named_children]
        for left, right in itertools.pairwise(stages):
            if left is not None and right is not None:
                left.piped_into = right
    yield from (command for _, command in sorted(order, key=lambda item: item[0]))


def _first_command(node: Node, nodes: dict[int, Command]) -> Command | None:
    """The command a pipeline stage runs, redirections and groups looked through."""
    current: Node | None = node
    while current is not None:
        if current.id in nodes:
            return nodes[current.id]
        wanted = ("command", "redirected_statement", "subshell", "compound_statement", "list", "negated_command")
        current = next((child for child in current.named_children if child.type in wanted), None)
    return None


def _command(
    node: Node, parent: Node | None, script: Script, source: _Source, depth: int, guarded: bool
) -> tuple[Command, list[Node]]:
    """A command without its substitutes, and the nodes that hold these."""
    most = MAX_WORD if depth < DEEP else NESTED_WORD
    text = source.text(node, most)
    substituted = source.may_substitute(node)
    words: list[str] = []
    holding: list[Node] = []
    redirected: list[Node] = []
    for child in node.named_children:
        kind = child.type
        if kind == "file_redirect":
            redirected.append(child)
        elif kind not in ("variable_assignment", "heredoc_redirect", "herestring_redirect"):
            words.append(_word(child, source, most))
            if substituted:
                holding.append(child)
    if parent is not None and parent.type == "redirected_statement":
        redirected.extend(child for child in parent.named_children if child.type == "file_redirect")
    redirects = tuple(source.text(child, most) for child in redirected)
    holding.extend(child for child in redirected if source.may_substitute(child))
    line, column = node.start_point[0], source.column(node)
    end_column = column + len(text.split("\n", 1)[0]) if node.end_point[0] == line else column + 1
    span = script.span(line + 1, column, line + 1, end_column)
    return Command(tuple(words), text, span, None, guarded, (), redirects), holding


def _substituted(node: Node) -> Iterator[int]:
    """The outermost commands of command and process substitutions inside a word, by the ids of their nodes."""
    stack = [(node, False)]
    while stack:
        current, inside = stack.pop()
        if inside and current.type == "command":
            yield current.id
            continue
        inside = inside or current.type in ("command_substitution", "process_substitution")
        stack.extend((child, inside) for child in current.named_children)


def _word(node: Node, source: _Source, most: int) -> str:
    """A word as the program would see it, quotes dropped, expansions left as written."""
    text, kind = source.text(node, most), node.type
    if kind == "raw_string":
        return text[1:-1]
    if kind == "string":
        return text[1:-1] if len(text) >= 2 else text
    if kind == "concatenation":
        return "".join(_word(child, source, most) for child in node.named_children)
    return text
