"""The request label out of `.github/skill-fleet.yml` where that needs no YAML parser: before any package is there.

A file of comments and a few plain lines; never another label than `bot.repo_config` finds, and none where it might find
fault. Pure, standard library only.
"""

import re

PATH = ".github/skill-fleet.yml"
LABEL = "skill-request"
"""The label where the file names none."""

_WORD = r"(?i:(?!(?:yes|no|on|off|true|false|null)\b)[a-z][a-z0-9_-]{0,48})"
_LINE = re.compile(
    rf"(?:#.*)?|(?P<key>label): (?P<label>{_WORD}|\"(?i:[a-z][a-z0-9 _-]{{0,48}})\")"
    rf"|(?P<people>auto_start|reviewers): \[(?:{_WORD}(?:, {_WORD})*)?\]"
)


def plain_label(text: str) -> str | None:
    """The label that marks a request, given the file's text ("" for no file); None when that is not plain to see."""
    label, keys = LABEL, set()
    for line in text.split("\n"):
        match = _LINE.fullmatch(line) if line.isprintable() else None
        if match is None or (key := match["key"] or match["people"]) in keys:
            return None
        if key:
            keys.add(key)
        label = (match["label"] or label).strip('"')
    return label
