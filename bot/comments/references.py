"""What GitHub (and other bots) would act on in plain text: found here, so that the sanitiser can make it inert.

The patterns are wider than GitHub's own on purpose: a false alarm puts a word in code style, a miss notifies a team.
Every repetition is bounded, so a hostile text costs linear time.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import unquote


class Kind(Enum):
    URL = auto()
    MENTION = auto()
    ISSUE = auto()
    COMMIT = auto()
    MATH = auto()
    COMMAND = auto()


class Reference(NamedTuple):
    kind: Kind
    start: int
    end: int
    text: str


_ACTIVE = re.compile(
    r"""
      (?P<URL> (?: (?<![a-z]) [a-z][a-z0-9+.-]{0,30}:// | www\.
                 | (?<![\w-]) (?:[a-z0-9-]{1,63}\.){0,3} github\.com/ ) [^\s<>`]+ )
    | (?P<MENTION> (?<![A-Za-z0-9]) @ [A-Za-z0-9] [\w-]* (?: / [\w.-]+ )* )
    | (?P<ISSUE> (?: (?<![\w.-]) [\w.-]{1,100} (?: / [\w.-]{1,100} )? )? \#[0-9]+ | (?<![A-Za-z0-9]) GH-[0-9]+ )
    | (?P<COMMIT> (?<![A-Za-z0-9]) [0-9a-f]{7,64} (?![A-Za-z0-9]) )
    | (?P<MATH> \$ [\w.,]* )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_COMMAND = re.compile(r"/[A-Za-z][\w-]*")
_TRAILING = ".,;:!?'\")]}*_~|\\"
_SAFE_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]*)?", re.I)
# `/owner/repo/issues/1` and the like, on any host: GitHub Enterprise Server has hosts we do not know.
_FORGE_PATH = re.compile(
    r"//[^/]+(?:/[^/]+){2}/(?:issues|pull|pulls|discussions|commit|commits|compare|releases)\b", re.I
)
MARKER = re.compile(r"<!(?=--\s*skill-fleet)", re.IGNORECASE)


def scan(text: str, *, at_line_start: bool) -> Iterator[Reference]:
    """The active constructs of one run of plain text, left to right, never overlapping.

    The start of the run counts as a word boundary, and so does the end of each construct, because both will stand
    next to markup in the result.
    """
    position = 0
    if at_line_start:
        blank = len(text) - len(text.lstrip())
        if command := _COMMAND.match(text, blank):
            yield Reference(Kind.COMMAND, blank, command.end(), command[0])
            position = command.end()
    while position < len(text):
        found = _search(text, position)
        if found is None:
            return
        yield found
        position = found.end


def _search(text: str, position: int) -> Reference | None:
    # A look-behind must not see what lies before `position`: it will be separated by markup.
    match = _ACTIVE.search(text[position:])
    if match is None:
        return None
    kind = Kind[str(match.lastgroup)]
    words = match[0]
    if kind is Kind.URL:
        words = words[:8] + words[8:].rstrip(_TRAILING)
    start = position + match.start()
    return Reference(kind, start, start + len(words), words)


def is_linkable(url: str) -> bool:
    """May this address stay a link? Only plain http(s) to somewhere that makes no back references on a forge."""
    if not _SAFE_URL.fullmatch(url):
        return False
    decoded = unquote(url)
    return "github." not in decoded.lower() and not _FORGE_PATH.search(decoded)


def break_plain(text: str) -> str:
    """Plain text (titles, commit messages) in which nothing is active any more, readable and without code style.

    A space after `@` and `#`, no scheme before an address on a forge, a hyphen inside a hexadecimal word. Numbers of
    seven and more digits stay whole: they are dates and amounts far more often than abbreviated commits.
    """
    for _ in range(8):
        broken = _break_once(text)
        if broken == text:
            return broken
        text = broken
    return re.sub(r"[@#$/]", " ", text)


def _break_once(text: str) -> str:
    parts: list[str] = []
    position = 0
    for reference in scan(text, at_line_start=True):
        parts += [text[position : reference.start], _inert(reference)]
        position = reference.end
    return "".join([*parts, text[position:]])


def _inert(reference: Reference) -> str:
    words = reference.text
    match reference.kind:
        case Kind.URL if is_linkable(words):
            return words
        case Kind.URL:
            return re.sub(r"^[a-z][a-z0-9+.-]*://", "", words, flags=re.IGNORECASE).replace("/", " / ")
        case Kind.MENTION:
            return "@ " + words[1:]
        case Kind.ISSUE:
            return re.sub(r"#(?=[0-9])", "# ", re.sub(r"^(gh)-", r"\1 ", words, flags=re.IGNORECASE))
        case Kind.COMMIT:
            return words if words.isdigit() else f"{words[:6]}-{_inert_rest(words[6:])}"
        case Kind.COMMAND:
            return words[1:]
        case Kind.MATH:
            return "$" + _break_once(words[1:])


def _inert_rest(words: str) -> str:
    return "-".join(words[index : index + 6] for index in range(0, len(words), 6))
