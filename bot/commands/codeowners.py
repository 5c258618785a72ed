"""Who owns a path according to CODEOWNERS: the last matching line wins. Pure.

The syntax is GitHub's: gitignore patterns without `!`, `[ ]` and `\\#`
(https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners).
Lines that GitHub would ignore are ignored. Teams are returned but not resolved to people: that would need a permission
on the organisation's members, which the App does not ask for.
"""

import fnmatch
import re
from dataclasses import dataclass

LOCATIONS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks; the first file found is the only one used."""
MAX_BYTES = 3 * 1024 * 1024
"""Above this size GitHub ignores the file."""

_LOGIN = re.compile(r"@[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")
_TEAM = re.compile(r"@[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_UNSUPPORTED = re.compile(r"^!|[\[\]]|^\\#")


@dataclass(frozen=True)
class Owners:
    """The owners of one path: logins and teams without `@`, e-mail addresses as written."""

    logins: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One line: a pattern and who owns what it matches (nobody, when the line names no owner)."""

    pattern: str
    owners: Owners
    segments: tuple[str, ...]


def parse(text: str) -> tuple[Rule, ...]:
    """The usable lines of a CODEOWNERS file, in order; none when the file is larger than GitHub accepts."""
    if len(text.encode()) > MAX_BYTES:
        return ()
    return tuple(rule for line in text.splitlines() if (rule := _rule(line)) is not None)


def owners_of(rules: tuple[Rule, ...], path: str) -> Owners:
    """Who owns the file `path` (from the repository root, without a leading slash)."""
    return next((rule.owners for rule in reversed(rules) if _matches(rule.segments, path)), Owners())


def owners_of_skill(text: str, skill_path: str) -> Owners:
    """Who owns the skill in the folder `skill_path`: the owners of its `SKILL.md`."""
    return owners_of(parse(text), f"{skill_path}/SKILL.md")


def _rule(line: str) -> Rule | None:
    words = re.split(r"(?<!\\)\s+", re.sub(r"(^|\s)#.*", "", line).strip())
    pattern, *names = [word.replace("\\ ", " ") for word in words]
    if not pattern or _UNSUPPORTED.search(pattern):
        return None
    # One owner that is none makes the whole line invalid for GitHub.
    if not all(_LOGIN.fullmatch(name) or _TEAM.fullmatch(name) or _EMAIL.fullmatch(name) for name in names):
        return None
    owners = Owners(
        logins=tuple(name[1:] for name in names if _LOGIN.fullmatch(name)),
        teams=tuple(name[1:] for name in names if _TEAM.fullmatch(name)),
        emails=tuple(name for name in names if _EMAIL.fullmatch(name)),
    )
    return Rule(pattern, owners, _segments(pattern))


def _segments(pattern: str) -> tuple[str, ...]:
    """The pattern as path segments; `**` stands for any number of them."""
    body = pattern.strip("/")
    segments = body.split("/")
    if not (pattern.startswith("/") or "/" in body):
        segments.insert(0, "**")
    if pattern.endswith("/") or segments[-1] == "**":
        return (*segments, "*", "**")
    # What a pattern names without a wildcard may be a folder; `docs/*` stays in its folder.
    return tuple(segments) if "*" in segments[-1] else (*segments, "**")


def _matches(segments: tuple[str, ...], path: str) -> bool:
    """All ways through the pattern at once, so that no pattern costs more than segments times path."""
    places = _past_stars(segments, {0})
    for part in path.split("/"):
        staying = {place for place in places if place < len(segments) and segments[place] == "**"}
        going = {
            place + 1
            for place in places - staying
            if place < len(segments) and fnmatch.fnmatchcase(part, segments[place])
        }
        places = _past_stars(segments, staying | going)
    return len(segments) in places


def _past_stars(segments: tuple[str, ...], places: set[int]) -> set[int]:
    reached = set(places)
    for place in range(len(segments)):
        if place in reached and segments[place] == "**":
            reached.add(place + 1)
    return reached
