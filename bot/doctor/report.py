"""What the doctor found, as values, and how it is shown. Nothing here looks at anything."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.github.secrets import redact


class Level(StrEnum):
    """How a check came out. Only a problem makes the exit status 1."""

    OK = "ok"
    WARN = "warn"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Line:
    """One check: what was looked at, how it came out, what was seen, and (unless all is well) what to do."""

    check: str
    level: Level
    message: str
    fix: str = ""


def ok(check: str, message: str) -> Line:
    return Line(check, Level.OK, message)


def warn(check: str, message: str, fix: str) -> Line:
    return Line(check, Level.WARN, message, fix)


def problem(check: str, message: str, fix: str) -> Line:
    return Line(check, Level.PROBLEM, message, fix)


def verdict(lines: Iterable[Line]) -> Level:
    """The worst of all."""
    levels = {line.level for line in lines}
    return next((level for level in (Level.PROBLEM, Level.WARN) if level in levels), Level.OK)


def as_text(lines: list[Line]) -> str:
    """One line each, what to do below it, and a summary."""
    width = max((len(line.check) for line in lines), default=0)
    shown: list[str] = []
    for line in lines:
        shown.append(f"{line.level.value:<8} {line.check:<{width}}  {_plain(line.message)}")
        if line.fix:
            shown.append(f"{'':<8} {'':<{width}}  -> {_plain(line.fix)}")
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    summary = f"{counts[Level.OK]} ok, {counts[Level.WARN]} to look at, {counts[Level.PROBLEM]} to repair"
    return "\n".join([*shown, "", summary, ""])


def as_json(lines: list[Line]) -> str:
    """`{"version": 1, "verdict", "lines": [{"check", "level", "message", "fix"}]}`."""
    document = {
        "version": 1,
        "verdict": verdict(lines).value,
        "lines": [
            {"check": line.check, "level": line.level.value, "message": redact(line.message), "fix": redact(line.fix)}
            for line in lines
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(text: str) -> str:
    """One printable line without secrets: some of it comes from servers and repositories."""
    return "".join(character if character.isprintable() else " " for character in redact(text))
