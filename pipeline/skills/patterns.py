"""Regular expressions compiled when they are first used, and words by which a text is known not to match them.

Most rules meet nothing to search in most skills, and compiling all their patterns is a good part of a cold start. A
broken pattern therefore raises `re.error` at its first use; a test compiles every one. A `Hint` that is too narrow
would hide matches; a test makes texts from every pattern that has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast


class _Lazy:
    """Stands for a pattern until somebody asks it for something; then the pattern's own methods take over."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        compiled = re.compile(self.pattern, self.flags)
        for method in ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split"):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """What `re.compile` gives, at the first use. Not for the functions of `re`, which want a real pattern."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))


Words = frozenset[bytes]
"""The words of a text: its runs of ASCII letters, in lower case."""

_LETTERS = bytes(ord(chr(c).lower()) if chr(c).isascii() and chr(c).isalpha() else 0x20 for c in range(256))


def words_of(text: str) -> Words:
    """The words of a text. One pass, after which telling that no rule wants it costs next to nothing."""
    return frozenset(text.encode("ascii", "replace").translate(_LETTERS).split())


@dataclass(frozen=True, slots=True)
class OneOf:
    """Texts of which a match holds one, as written in lower case, each with the word it is found by."""

    words: Words
    """What of them a text must have as whole words; empty when one of them has no letters."""
    needles: tuple[tuple[bytes, bytes], ...]

    def present(self, words: Words) -> list[bytes]:
        """Those that a text of these words may hold."""
        return [needle for word, needle in self.needles if not word or word in words]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a text must hold for a pattern to match: one of the alternatives, that is something of each of its sets."""

    alternatives: tuple[tuple[OneOf, ...], ...]

    def allows(self, words: Words) -> bool:
        """Whether a text of these words may match."""
        for _ in self._allowed(words):
            return True
        return False

    def _allowed(self, words: Words) -> Iterator[tuple[OneOf, ...]]:
        for sets in self.alternatives:
            for each in sets:
                if each.words and each.words.isdisjoint(words):
                    break
            else:
                yield sets

    def near(self, words: Words) -> list[list[list[bytes]]]:
        """What a passage of a text of these words must hold to match: of each list of an alternative one text."""
        return [sorted([each.present(words) for each in sets], key=_frequency) for sets in self._allowed(words)]


def _frequency(texts: list[bytes]) -> float:
    """How often one of some texts is to be expected, as far as their lengths tell: what is rare is looked for first."""
    return sum([0.25 ** len(text) for text in texts])


def _one_of(texts: str) -> OneOf:
    needles = tuple((_word_in(text), text.rstrip(b"*")) for text in texts.encode("ascii").split())
    return OneOf(frozenset(word for word, _ in needles) if all(word for word, _ in needles) else frozenset(), needles)


def _word_in(text: bytes) -> bytes:
    """The one word of a text; none when it is only part of one, or has no letters."""
    (word,) = text.translate(_LETTERS).split() or [b""]
    return b"" if text.endswith(b"*") else word


def hint(*alternatives: str | tuple[str, ...]) -> Hint:
    """A hint from texts divided by blanks; a tuple of such lists wants one of each.

    The letters of a text are a whole word of what the pattern matches, in lower case; other characters beside them
    (`claude-`, `/home/`, or none but such) only narrow down where it is looked for. A final `*` says that the letters
    may be a part of a word.
    """
    return Hint(
        tuple(tuple(_one_of(each) for each in ((sets,) if isinstance(sets, str) else sets)) for sets in alternatives)
    )


@dataclass(frozen=True, slots=True)
class Search:
    """A pattern and the hint that spares most texts its search."""

    pattern: re.Pattern[str]
    hint: Hint

    def __post_init__(self) -> None:
        ALL_SEARCHES.append(self)


ALL_SEARCHES: list[Search] = []
"""Every search that the imported rules have, for the test of their hints."""

ANYTHING = Hint(((),))
"""For a pattern that no whole word gives away."""
