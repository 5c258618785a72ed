"""How a promoted skill gets to people's agents: only the ways that find it at its path. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.comments.markdown import inline_code

_SLOT = r"[^/.][^/]*"
_NPX = re.compile(
    rf"(?:skills/{_SLOT}(?:/{_SLOT})?|{_SLOT}|\.(?:agents|claude|github)/skills/{_SLOT}|plugins/{_SLOT}/skills/{_SLOT})"
)
_GH = re.compile(rf"(?:(?:{_SLOT}/){{0,4}}skills/{_SLOT}(?:/{_SLOT})?|{_SLOT})")
_SAFE = re.compile(r"[A-Za-z0-9._/-]+")
_WEB = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._-]+)*")


@dataclass(frozen=True)
class Way:
    """One installer and what to type or do; `how` is safe Markdown."""

    name: str
    how: str


def ways(web: str, full_name: str, skill: str, path: str) -> list[Way]:
    """The installers that find `skill` at `path` (its folder from the root) of the repository `owner/name`.

    `web`: the GitHub it is on. A short name means github.com to every installer, where somebody else may have it.
    """
    host = urlsplit(web).netloc
    is_github_com = host == "github.com"
    if not (is_github_com or _WEB.fullmatch(web)) or not (
        _SAFE.fullmatch(full_name) and _SAFE.fullmatch(skill) and _SAFE.fullmatch(path)
    ):
        return []
    found: list[Way] = []
    source = full_name if is_github_com else f"{web}/{full_name}.git"
    if _NPX.fullmatch(path):
        found.append(Way("npx skills", inline_code(f"npx skills add {source} --skill {skill}")))
    if _GH.fullmatch(path) and (is_github_com or host.endswith(".ghe.com")):  # refuses Enterprise Server
        where = full_name if is_github_com else f"{host}/{full_name}"
        found.append(Way("GitHub CLI", inline_code(f"gh skill install {where} {skill}")))
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
