"""Commands that are there beyond doubt, found without a Markdown parser: for the first second of a workflow run.

Never more than `grammar` finds: a line at the margin that begins a paragraph, or follows its first plain words, where
nothing before reaches into the paragraph and nothing below makes it a heading or a table. Pure, standard library only.
"""

import re

from bot.commands.email_reply import without_email_tail
from bot.commands.meaning import Command, understand

_LONGEST = 65_536
"""Characters of a comment, as GitHub has it: what is longer is not heard to its end."""
_COMMAND = re.compile(r"/skill(?: (?P<text>.*))?", re.IGNORECASE)
_FENCE = re.compile(r"(`{3,})[^`]*|(~{3,}).*")
_REACHES_FAR = re.compile(r".*(?:```|~~~|<|-----BEGIN).*|[\s>*+\-0-9.)]{40,}.*")
"""Fences that are indented or in a list, HTML, keys that are cut out, and more nesting than a parser follows."""
_OPENS_SOMETHING = frozenset("`*_~[]<>&\\|")
_UNDERLINE = re.compile(r"[-=|:+\s]+")


def surely_commands(body: str) -> bool:
    """Does `body` (a comment's Markdown, any line ends) surely hold a command that can be understood?"""
    source = body.replace("\r\n", "\n").replace("\r", "\n")
    if len(source) > _LONGEST:
        return False
    lines = without_email_tail(source, lambda _: frozenset()).split("\n")
    fence = ""
    plain_so_far = True
    for number, line in enumerate(lines):
        if fence:
            if not line.lstrip().startswith(fence[:3]):
                continue
            closing = line.rstrip(" ")
            if set(closing) != {fence[0]} or len(closing) < len(fence):
                return False
            fence, plain_so_far = "", True
        elif _is_blank(line):
            plain_so_far = True
        elif opening := _FENCE.fullmatch(line):
            fence = opening[1] or opening[2]
        elif plain_so_far and _is_command(line) and _stays_a_paragraph(lines, number + 1):
            return True
        elif _REACHES_FAR.fullmatch(line):
            return False
        else:
            plain_so_far = plain_so_far and _is_plain(line)
    return False


def _is_command(line: str) -> bool:
    match = _COMMAND.fullmatch(line)
    return match is not None and isinstance(understand((match["text"] or "").strip()), Command)


def _stays_a_paragraph(lines: list[str], after: int) -> bool:
    """Is there no line that underlines those before it, up to the next empty one?"""
    for line in lines[after:]:
        if _is_blank(line):
            return True
        if _UNDERLINE.fullmatch(line):
            return False
    return True


def _is_blank(line: str) -> bool:
    return not line.strip(" \t")


def _is_plain(line: str) -> bool:
    """Words at the margin, with nothing in them that could end in a later line."""
    return line[0].isalpha() and line.isprintable() and _OPENS_SOMETHING.isdisjoint(line)
