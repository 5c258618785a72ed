"""Finds commands in a comment: `/skill VERB [text]` or `@bot VERB [text]` at the start of a line.

The comment is parsed as Markdown. A line counts only when it is plain text of a top-level paragraph or list item; code,
quotes with their lazy continuation lines, HTML, links, images, headings and tables never command anything. What an
e-mail program appended is cut first. "No command", "unknown verb" and "malformed command" are different results.

The text of `answer`, `revise` and `refine` runs to the next command line or to the end of the comment, code included,
quotes excluded. `/skill` is a command whatever follows; `@bot` only when what follows is a complete command, because
people also talk *to* the bot. Never raises.
"""

import difflib
import re
from collections import Counter
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.commands.email_reply import without_email_tail
from bot.commands.table import COMMANDS, Takes, Verb

_PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
_BLOCKS = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").disable("inline")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HASH = re.compile(r"[0-9a-f]{6,64}")
_VERB = re.compile(r"(?P<word>[^\s:,]+)[:,]?\s*(?P<text>.*)", re.DOTALL)
_WORD_LIMIT = 40


@dataclass(frozen=True)
class Command:
    """What somebody told the bot. `text` is stripped; "" when the command takes none."""

    verb: Verb
    text: str = ""


@dataclass(frozen=True)
class Unknown:
    """A word after `/skill` that is no command, and the command that looks most like it."""

    word: str
    nearest: Verb | None


@dataclass(frozen=True)
class Malformed:
    """A known command whose text does not fit; `reason` is a sentence for the person."""

    verb: Verb
    text: str
    reason: str


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
        match _understand(command, following):
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


def nearest_verb(word: str) -> Verb | None:
    """The command that `word` was probably meant to be."""
    matches = difflib.get_close_matches(word.lower()[:_WORD_LIMIT], [str(verb) for verb in Verb], n=1, cutoff=0.6)
    return Verb(matches[0]) if matches else None


# --- one command -----------------------------------------------------------------------------------------------------


def _understand(found: _Found, following: list[str]) -> Command | Unknown | Malformed:
    match = _VERB.match(found.text)
    if match is None:
        return Command(Verb.HELP)
    word = match["word"].lower().rstrip(".!?;")
    if word not in list(Verb):
        return Unknown(match["word"][:_WORD_LIMIT], nearest_verb(word))
    verb = Verb(word)
    text = match["text"].strip()
    match COMMANDS[verb].takes:
        case Takes.TEXT:
            return _with_text(verb, "\n".join([text, *following]).strip())
        case Takes.HASH:
            return _with_hash(verb, _bare(text))
        case Takes.NAME:
            return _with_name(verb, _bare(text))
        case Takes.NOTHING if not _bare(text):
            return Command(verb)
        case Takes.NOTHING:
            return Malformed(verb, text, f"`/skill {verb}` stands alone, without further words.")


def _with_text(verb: Verb, text: str) -> Command | Malformed:
    if not text:
        return Malformed(verb, "", f"`/skill {verb}` needs the text right behind it.")
    return Command(verb, text)


def _with_hash(verb: Verb, text: str) -> Command | Malformed:
    digest = text.lower()
    if digest and not _HASH.fullmatch(digest):
        return Malformed(verb, text, f"`/skill {verb}` takes nothing, or the hash shown in the preview.")
    return Command(verb, digest)


def _with_name(verb: Verb, text: str) -> Command | Malformed:
    if _NAME.fullmatch(text) and len(text) <= 64:
        return Command(verb, text)
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].strip("-")
    example = f", for example `/skill {verb} {slug or 'pdf-forms'}`"
    return Malformed(
        verb, text, f"A skill name has only lower-case letters, digits and single hyphens, at most 64{example}."
    )


def _bare(text: str) -> str:
    """A short argument without the code style, quotes and full stop that people put around it."""
    return text.strip().rstrip(".!").strip("`\"'<>[] ")


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
    return isinstance(_understand(found, []), Command) and bool(found.text)


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
