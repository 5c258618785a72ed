"""Which existing skill a request in free words wants changed: only when it says so plainly. Pure.

The form has a field for it, so a request that came through the form names a skill there or means a new one. In free
words the title, or the first line of the text, has to ask for a change of exactly one skill by its name; a skill that
is merely mentioned is not touched.
"""

import re
from collections.abc import Collection

from pipeline.models import SkillRequest

_CHANGE = (
    r"(?:chang|updat|improv|extend|edit|revis|adjust|amend|fix|rework|correct|refin|"
    r"änder|aktualisier|erweiter|verbesser|überarbeit|korrigier|ergänz)\w*"
)
_MOST_WORDS_BETWEEN = 4


def skill_to_change(request: SkillRequest, names: Collection[str]) -> str:
    """The name among `names` of the skill that the request wants changed; "" when it asks for a new one."""
    if named := request.existing_skill.strip():
        return named
    if request.name or request.purpose or request.when:
        return ""
    first_line = next((line for line in request.text.splitlines() if line.strip()), "")
    for line in (request.title, first_line):
        words = line.lower()
        mentioned = [name for name in dict.fromkeys(names) if name.lower() in words]  # of thousands, at most a few
        meant = [name for name in mentioned if _is_to_change(line, name)]
        if len(meant) == 1:
            return meant[0]
    return ""


def _is_to_change(line: str, name: str) -> bool:
    """`Update NAME: …`, `Please extend the skill NAME`, `NAME: also …`. A plain word counts only as code or beside the
    word skill, since it may mean the thing instead of the skill."""
    bare = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
    if "-" not in name:
        bare = rf"(?:`{re.escape(name)}`|\bskills?\s+{bare}|{bare}[\s-]+skill\b)"
    mention = rf"(?:\S*/)?[`\"'“]?{bare}"
    asked = rf"\b{_CHANGE}\s+(?:\S+\s+){{0,{_MOST_WORDS_BETWEEN}}}?{mention}"
    opened = rf"^\W*(?:skill\s+)?{mention}[`\"'”]?\s*:"
    return bool(re.search(asked, line, re.IGNORECASE) or re.search(opened, line, re.IGNORECASE))
