"""Regular expressions compiled when they are first used.

Most rules meet nothing to search in most skills, and compiling all their patterns is a good part of a cold start. A
broken pattern therefore raises `re.error` at its first use; a test compiles every one.
"""

from __future__ import annotations

import re
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
