"""Characters a reader cannot see: removed from prose, shown as their code point in code. Pure; never fails.

Joiners and emoji selectors stay only where writing needs them (between two visible non-ASCII characters), so that
Persian, Hindi and emoji survive while text smuggled in invisible characters does not.
"""

import re
import unicodedata
from typing import NamedTuple

# Invisible, but not in the general category `Cf`: fillers and combining marks that render as nothing.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")
_EMOJI_SELECTORS = frozenset("\ufe0e\ufe0f")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Format characters that do have a glyph (Arabic, Syriac and Kaithi number and verse signs).
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_VISIBLE_LAYOUT = frozenset("\n\t")
_UNUSUAL = re.compile(r"[^\n\t -~]")


class Cleaned(NamedTuple):
    """Text without invisible characters, and how many were taken out."""

    text: str
    removed: int


def clean(text: str) -> Cleaned:
    """`text` with line ends as `\\n` and every invisible character removed."""
    if not _UNUSUAL.search(text):
        return Cleaned(text, 0)
    lines = _unify_line_ends(text)
    kept = [character for index, character in enumerate(lines) if not _hidden(lines, index)]
    cleaned = "".join(kept)
    return Cleaned(cleaned, len(lines) - len(cleaned))


def reveal(text: str) -> str:
    """`text` with every invisible character shown as `⟨U+XXXX⟩`: for documents that a person is asked to approve."""
    if not _UNUSUAL.search(text):
        return text
    lines = _unify_line_ends(text)
    return "".join(
        f"⟨U+{ord(character):04X}⟩" if _hidden(lines, index) else character for index, character in enumerate(lines)
    )


def _unify_line_ends(text: str) -> str:
    return _LINE_END.sub("\n", text)


def _hidden(text: str, index: int) -> bool:
    character = text[index]
    if " " <= character <= "~" or character in _VISIBLE_LAYOUT:
        return False
    if character in _JOINERS:
        return not (_joins(text, index - 1) and _joins(text, index + 1))
    if character in _EMOJI_SELECTORS:
        return not _takes_selector(text, index - 1)
    code = ord(character)
    if 0xFE00 <= code <= 0xFE0D or 0xE0000 <= code <= 0xE0FFF or character in _BLANKS:
        return True
    if 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE:  # noncharacters
        return True
    if character in _VISIBLE_FORMAT:
        return False
    return unicodedata.category(character) in _HIDDEN_CATEGORIES


def _joins(text: str, index: int) -> bool:
    """Is there a character that a joiner may connect (a non-ASCII letter, mark or symbol)?"""
    if not 0 <= index < len(text):
        return False
    character = text[index]
    if character in _EMOJI_SELECTORS:
        return _takes_selector(text, index - 1)
    return ord(character) > 0x7F and character not in _BLANKS and unicodedata.category(character)[0] in "LMS"


def _takes_selector(text: str, index: int) -> bool:
    if not 0 <= index < len(text):
        return False
    character = text[index]
    if character.isascii():
        return character in "0123456789#*"
    return unicodedata.category(character) in {"So", "Sk", "Sm", "Po", "Pd"}
