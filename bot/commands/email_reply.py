"""Cuts what an e-mail program puts below a reply: the quoted original of Outlook, Gmail, Apple Mail and others.

A quoted copy of the bot's own comment must never command anything. Each pattern needs enough context that an answer
which merely mentions a sender, or draws a line, stays whole. Lines in code are never a tail. Pure; never fails.
"""

import re
from collections.abc import Callable

_RULE = re.compile(r"\s*_{10,}\s*")
_ORIGINAL = re.compile(
    r"\s*\W{0,3}-{2,}\s*"
    r"(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Message d'origine|Mensaje original)\b.*",
    re.IGNORECASE,
)
_WROTE = re.compile(
    r"\s*(?:On\b.{4,300}\bwrote|Am\b.{4,300}\bschrieb\b.{0,200}|Le\b.{4,300}\ba écrit|El\b.{4,300}\bescribió)\s?:\s*",
    re.DOTALL,
)
_HEADER = re.compile(r"\s*\W{0,3}(?:From|Von|De|Da|Van)\W{0,3}:\W{0,3}\s*\S.*")
_SECOND_HEADER = re.compile(
    r"\s*\W{0,3}(?:Sent|Date|To|Subject|Gesendet|An|Betreff|Envoyé|À|Objet|Enviado|Para|Asunto)\b\W{0,3}:.*"
)
_FOOTER = re.compile(r"\s*(?:(?:—|-{2,3})\s*)?Reply to this email directly(?:,| or) view it on GitHub.*")
_SIGNATURE = "-- "
_LONGEST = 400


def without_email_tail(source: str, code_lines: Callable[[str], frozenset[int]]) -> str:
    """`source` up to the first line that begins an e-mail tail. Lines end with `\\n`."""
    lines = source.split("\n")
    suspects = [number for number in range(len(lines)) if _begins_tail(lines, number)]
    if not suspects:
        return source
    code = code_lines(source)
    cut = next((number for number in suspects if number not in code), None)
    return source if cut is None else "\n".join(lines[:cut])


def _begins_tail(lines: list[str], number: int) -> bool:
    line = lines[number]
    if not line or len(line) > _LONGEST:
        return False
    if line == _SIGNATURE or _ORIGINAL.fullmatch(line) or _FOOTER.fullmatch(line):
        return True
    wrapped = f"{line} {lines[number + 1][:_LONGEST]}" if number + 1 < len(lines) else line
    if _WROTE.fullmatch(line) or _WROTE.fullmatch(wrapped):
        return True
    if _RULE.fullmatch(line):
        return any(_HEADER.fullmatch(later) for later in _next_words(lines, number, 1))
    if _HEADER.fullmatch(line):
        return any(_SECOND_HEADER.fullmatch(later) for later in _next_words(lines, number, 3))
    return False


def _next_words(lines: list[str], number: int, count: int) -> list[str]:
    return [line[:_LONGEST] for line in lines[number + 1 : number + 2 * count + 2] if line.strip()][:count]
