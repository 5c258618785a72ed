"""Regular expressions compiled when they are first used, and words by which a text is known not to match them.

Most rules meet nothing to search in most skills, and compiling all their patterns is a good part of a cold start. A
broken pattern therefore raises `re.error` at its first use; a test compiles every one. A `Hint` that is too narrow
would hide matches; a test makes texts from every pattern that has one.
"""

from __future__ import annotations

import re
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
class Hint:
    """What a text must hold for a pattern to match: one of the alternatives, that is a word of each of its sets."""

    alternatives: tuple[tuple[Words, ...], ...]

    def allows(self, words: Words) -> bool:
        """Whether a text of these words may match."""
        return any(not any(each.isdisjoint(words) for each in sets) for sets in self.alternatives)


def hint(*alternatives: str | tuple[str, ...]) -> Hint:
    """A hint from words divided by blanks; a tuple of such lists wants a word of each."""
    return Hint(
        tuple(
            tuple(frozenset(each.encode().split()) for each in ((sets,) if isinstance(sets, str) else sets))
            for sets in alternatives
        )
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
