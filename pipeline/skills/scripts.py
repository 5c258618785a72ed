"""Programs as trees: Python by `ast`, shell by tree-sitter. Parsing never executes; text that cannot be parsed is
said so.
"""

from __future__ import annotations

import ast
import itertools
import posixpath
import re
import warnings
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

    @cached_property
    def words(self) -> Words:
        """The words of the program."""
        return words_of(self.text)

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


def _commands(script: Script) -> Iterator[Command]:
    source = _PROMPT.sub(lambda match: " " * len(match[0]), script.text).encode("utf-8", "replace")
    tree = _shell_parser().parse(source)
    order: list[tuple[int, Command]] = []
    nodes: dict[int, Command] = {}
    stack: list[tuple[Node, bool]] = [(tree.root_node, False)]
    pipelines: list[Node] = []
    seen = 0
    while stack:
        node, guarded = stack.pop()
        seen += 1
        if seen > 200_000:
            break
        kind = node.type
        if kind == "command":
            command = _command(node, script, guarded)
            nodes[node.id] = command
            order.append((node.start_byte, command))
            if not _may_substitute(command.text):
                continue
        elif kind == "pipeline":
            pipelines.append(node)
        inside = guarded or kind in ("if_statement", "case_statement")
        stack.extend((child, inside) for child in node.named_children)
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


def _command(node: Node, script: Script, guarded: bool) -> Command:
    text = _text(node)
    substituted = _may_substitute(text)
    words: list[str] = []
    substitutes: list[Command] = []
    redirected: list[Node] = []
    for child in node.named_children:
        kind = child.type
        if kind == "file_redirect":
            redirected.append(child)
        elif kind not in ("variable_assignment", "heredoc_redirect", "herestring_redirect"):
            words.append(_word(child))
            if substituted:
                substitutes.extend(_substitutes(child, script))
    parent = node.parent
    if parent is not None and parent.type == "redirected_statement":
        redirected.extend(child for child in parent.named_children if child.type == "file_redirect")
    for child in redirected:
        substitutes.extend(_substitutes(child, script))
    redirects = tuple(_text(child) for child in redirected)
    start, end = node.start_point, node.end_point
    line = start[0]
    prefix = script.lines[line].encode("utf-8", "replace")[: start[1]] if line < len(script.lines) else b""
    column = len(prefix.decode("utf-8", "ignore"))
    end_column = column + len(text.split("\n", 1)[0]) if end[0] == line else column + 1
    span = script.span(line + 1, column, line + 1, end_column)
    return Command(tuple(words), text, span, None, guarded, tuple(substitutes), redirects)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _may_substitute(text: str) -> bool:
    """Whether a command's text may hold other commands: `$(…)`, `<(…)`, `>(…)`, or backticks."""
    return "(" in text or "`" in text


def _substitutes(node: Node, script: Script) -> Iterator[Command]:
    """The commands of command and process substitutions inside a word."""
    stack = [node]
    while stack:
        current = stack.pop()
        if current.type in ("command_substitution", "process_substitution"):
            inner = [current]
            while inner:
                candidate = inner.pop()
                if candidate.type == "command":
                    yield _command(candidate, script, False)
                    continue
                inner.extend(candidate.named_children)
            continue
        stack.extend(current.named_children)


def _word(node: Node) -> str:
    """A word as the program would see it, quotes dropped, expansions left as written."""
    text, kind = _text(node), node.type
    if kind == "raw_string":
        return text[1:-1]
    if kind == "string":
        return text[1:-1] if len(text) >= 2 else text
    if kind == "concatenation":
        return "".join(_word(child) for child in node.named_children)
    return text
