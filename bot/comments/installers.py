"""How a promoted skill gets to people's agents: only the ways that find it at its path. Pure."""

import re
from dataclasses import dataclass

from bot.comments.markdown import inline_code

_SLOT = r"[^/.][^/]*"
_NPX = re.compile(
    rf"(?:skills/{_SLOT}(?:/{_SLOT})?|{_SLOT}|\.(?:agents|claude|github)/skills/{_SLOT}|plugins/{_SLOT}/skills/{_SLOT})"
)
_GH = re.compile(rf"(?:(?:{_SLOT}/){{0,4}}skills/{_SLOT}(?:/{_SLOT})?|{_SLOT})")
_SAFE = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True)
class Way:
    """One installer and what to type or do; `how` is safe Markdown."""

    name: str
    how: str


def ways(full_name: str, skill: str, path: str) -> list[Way]:
    """The installers that find `skill` at `path` (its folder from the root) of the repository `owner/name`."""
    if not (_SAFE.fullmatch(full_name) and _SAFE.fullmatch(skill) and _SAFE.fullmatch(path)):
        return []
    found: list[Way] = []
    if _NPX.fullmatch(path):
        found.append(Way("npx skills", inline_code(f"npx skills add {full_name} --skill {skill}")))
    if _GH.fullmatch(path):
        found.append(Way("GitHub CLI", inline_code(f"gh skill install {full_name} {skill}")))
    own = path.removesuffix(f"/{skill}")
    agents = [name for name, homes in _PROJECT_HOMES.items() if own in homes]
    found += [Way(name, "finds it by itself when it works in this repository") for name in agents]
    found += [
        Way(name, f"copy {inline_code(path)} to {inline_code(f'{home}/{skill}')}")
        for name, home in _PERSONAL_HOMES.items()
        if name not in agents
    ]
    return found


_PROJECT_HOMES = {
    "Claude Code": frozenset({".claude/skills"}),
    "Codex": frozenset({".agents/skills"}),
    "Copilot": frozenset({".github/skills", ".claude/skills", ".agents/skills"}),
}
_PERSONAL_HOMES = {
    "Claude Code": "~/.claude/skills",
    "Codex": "~/.agents/skills",
    "Copilot": "~/.copilot/skills",
}
