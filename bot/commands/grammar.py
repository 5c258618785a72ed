"""Finds commands in a comment: `/skill VERB [text]` or `@bot VERB [text]` at the start of a line.

The comment is parsed as Markdown. A line counts only when it is plain text of a top-level paragraph or list item; code,
quotes with their lazy continuation lines, HTML, links, images, headings and tables never command anything. What an
e-mail program appended is cut first. "No command", "unknown verb" and "malformed command" are different results.

The text of `answer`, `revise` and `refine` runs to the next command line or to the end of the comment, code included,
quotes excluded. `/skill` is a command whatever follows; `@bot` only when what follows is a complete command, because
people also talk *to* the bot. Never raises.
"""

import re
from collections import Counter
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.commands.email_reply import without_email_tail
from bot.commands.meaning import Command, Malformed, Unknown, understand

_PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
_BLOCKS = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").disable("inline")


@dataclass(frozen=True)
class Parsed:
    """Everything a comment says to the bot, in its order. `free_text` is empty when it commanded anything."""

    commands: tuple[Command, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    free_text: str = ""


@dataclass(frozen=True)
class _Found:
    line: int
    text: str
    by_mention: bool


def parse(body: str, bot_login: str) -> Parsed:
    """What `body` (a comment's Markdown, any line ends) says to the bot `bot_login` (with or without `[bot]`)."""
    source = without_email_tail(body.replace("\r\n", "\n").replace("\r", "\n"), _code_lines)
    lines = source.split("\n")
    found = _command_lines(source, bot_login)
    if not found:
        return Parsed(free_text=_free_text(source, bot_login))
    quoted = _quote_lines(source)
    commands: list[Command] = []
    unknown: list[Unknown] = []
    malformed: list[Malformed] = []
    ends = [*(later.line for later in found[1:]), len(lines)]
    for command, end in zip(found, ends, strict=True):
        following = [lines[number] for number in range(command.line + 1, end) if number not in quoted]
        match understand(command.text, following):
            case Command() as understood:
                commands.append(understood)
            case Unknown() as strange:
                unknown.append(strange)
            case Malformed() as broken:
                malformed.append(broken)
    return Parsed(tuple(commands), tuple(unknown), tuple(malformed))


def _free_text(source: str, bot_login: str) -> str:
    """What is left for an answer: no quotes, and no line that would command anything once the quotes are gone.

    A line that merely continues a quote lazily stays: people write their answer right below the quoted question.
    """
    quoted = _quote_lines(source)
    text = "\n".join("" if number in quoted else line for number, line in enumerate(source.split("\n")))
    while found := _command_lines(text, bot_login):
        stray = {command.line for command in found}
        text = "\n".join(line for number, line in enumerate(text.split("\n")) if number not in stray)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").rstrip()


def new_commands(before: str, after: str, bot_login: str) -> tuple[Command, ...]:
    """The commands that an edit added, in order. Whether one counts in an edit is in its `CommandSpec.from_edit`."""
    known = Counter(parse(before, bot_login).commands)
    added: list[Command] = []
    for command in parse(after, bot_login).commands:
        if known[command]:
            known[command] -= 1
        else:
            added.append(command)
    return tuple(added)


# --- where commands stand --------------------------------------------------------------------------------------------


def _command_lines(source: str, bot_login: str) -> list[_Found]:
    """The lines that command something.

    Inline tokens carry no positions, so each candidate line is marked in the source before parsing: only a mark that
    comes out as plain text at the start of a line of an eligible paragraph is a command.
    """
    mark = next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in source)
    login = re.escape(bot_login.removesuffix("[bot]"))
    start = re.compile(
        rf"(?P<lead>[\s>*+\-0-9.)]*)"
        rf"(?P<head>/skill(?=\s|$)|@{login}(?:\[bot\])?[:,]?(?=\s|$))(?P<text>.*)",
        re.IGNORECASE,
    )
    candidates: dict[int, _Found] = {}
    marked: list[str] = []
    for number, line in enumerate(source.split("\n")):
        if match := start.fullmatch(line):
            candidates[number] = _Found(number, match["text"].strip(), match["head"].startswith("@"))
            line = f"{match['lead']}{mark}{number}{mark}{match['head']}{match['text']}"
        marked.append(line)
    if not candidates:
        return []
    numbers = _marks_in_plain_text("\n".join(marked), mark)
    return [found for number, found in candidates.items() if number in numbers and _meant(found)]


def _meant(found: _Found) -> bool:
    if not found.by_mention:
        return True
    return isinstance(understand(found.text), Command) and bool(found.text)


def _marks_in_plain_text(source: str, mark: str) -> frozenset[int]:
    pattern = re.compile(f"{mark}([0-9]+){mark}")
    numbers: set[int] = set()
    containers: list[str] = []
    definitions: dict[str, object] = {}
    for token in _BLOCKS.parse(source, definitions):
        if token.type == "inline" and mark in token.content and all(kind in _ELIGIBLE for kind in containers):
            (paragraph,) = _PARSER.parseInline(token.content, definitions)
            for text in _line_starts(paragraph.children or []):
                if match := pattern.match(text):
                    numbers.add(int(match[1]))
        elif token.nesting == 1:
            containers.append(token.type)
        elif token.nesting == -1:
            containers.pop()
    return frozenset(numbers)


_ELIGIBLE = frozenset({"paragraph_open", "bullet_list_open", "ordered_list_open", "list_item_open"})


def _line_starts(tokens: list[Token]) -> list[str]:
    starts: list[str] = []
    fresh = True
    for token in tokens:
        if fresh and token.type == "text" and token.level == 0 and token.content.strip():
            starts.append(token.content.lstrip())
        fresh = token.type in ("softbreak", "hardbreak") or (
            fresh and token.type == "text" and not token.content.strip()
        )
    return starts


def _quote_lines(source: str) -> frozenset[int]:
    """The lines of block quotes that carry the quote sign themselves."""
    lines = source.split("\n")
    signed = re.compile(r"[\s*+\-0-9.)]*>")
    return frozenset(number for number in _lines_of(source, "blockquote_open") if signed.match(lines[number]))


def _code_lines(source: str) -> frozenset[int]:
    return frozenset(_lines_of(source, "fence", "code_block"))


def _lines_of(source: str, *kinds: str) -> set[int]:
    ranges = [token.map for token in _BLOCKS.parse(source) if token.type in kinds and token.map]
    return {number for start, end in ranges for number in range(start, end)}
