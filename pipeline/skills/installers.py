"""Which installers and clients would find each skill of a repository: ports of their own discovery rules, as facts.

Sources: `npx skills` 1.5.18 and Gemini CLI (read), `gh skill` (manual and issues), Claude Code, Codex and Copilot .
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.skills.files import FileTree, TooBigError

MARKETPLACE = ".claude-plugin/marketplace.json"
PLUGIN = ".claude-plugin/plugin.json"
_AGENT_FOLDERS = (".agents/skills", ".claude/skills", ".github/skills")
_SKIPPED = frozenset({"node_modules", ".git", "dist", "build", "__pycache__"})


class Installer(StrEnum):
    """Who looks for skills."""

    NPX_SKILLS = "npx skills"
    GH_SKILL = "gh skill"
    CLAUDE = "Claude Code"
    CODEX = "Codex"
    COPILOT = "Copilot"
    GEMINI = "Gemini CLI"


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """A plugin a manifest declares: its folder and the skill paths it lists, None when it lists none."""

    name: str
    folder: str
    listed: tuple[str, ...] | None
    manifest: str


def read_text(tree: FileTree, path: str) -> str | None:
    """A text file of the tree; None when it is missing, too big or not UTF-8."""
    try:
        return tree.read(path).decode("utf-8")
    except (OSError, TooBigError, UnicodeDecodeError):
        return None


def plugins_of(tree: FileTree) -> tuple[PluginFacts, ...]:
    """The local plugins of the root manifests; what cannot be read declares none."""
    found: list[PluginFacts] = []
    for path in (MARKETPLACE, PLUGIN):
        text = read_text(tree, path)
        try:
            manifest = json.loads(text) if text is not None else None
        except (ValueError, RecursionError):
            continue
        if not isinstance(manifest, dict):
            continue
        declared = manifest.get("plugins") if path == MARKETPLACE else [{**manifest, "source": "./"}]
        for plugin in declared if isinstance(declared, list) else ():
            source = plugin.get("source") if isinstance(plugin, dict) else None
            if isinstance(source, str) and source.startswith("./"):
                skills = plugin.get("skills")
                skills = [skills] if isinstance(skills, str) else skills
                folder = posixpath.normpath(source)
                listed = tuple(s for s in skills if isinstance(s, str)) if isinstance(skills, list) else None
                found.append(PluginFacts(str(plugin.get("name", "")), "" if folder == "." else folder, listed, path))
    return tuple(found)


def _below(skills: Iterable[str], folder: str, depth: int = 1) -> set[str]:
    """The skills exactly `depth` levels below a folder."""
    prefix = f"{folder}/" if folder else ""
    return {s for s in skills if s.startswith(prefix) and s and s[len(prefix) :].count("/") == depth - 1}


def listed_skills(plugin: PluginFacts, skills: Iterable[str]) -> set[str]:
    """The skills a plugin's explicit list names, directly or by their parent folder."""
    known = set(skills)
    found: set[str] = set()
    for path in plugin.listed or ():
        target = posixpath.normpath(posixpath.join(plugin.folder, path))
        target = "" if target == "." else target
        found |= {target} & known or _below(known, target)
    return found


def found_by(installer: Installer, skills: Sequence[str], plugins: Sequence[PluginFacts]) -> frozenset[str]:
    """Which of the skill folders an installer finds in the repository."""
    match installer:
        case Installer.NPX_SKILLS:
            return frozenset(_npx(skills, plugins))
        case Installer.GH_SKILL:
            return frozenset(s for s in skills if _gh(s))
        case Installer.CLAUDE:
            found = _below(skills, ".claude/skills")
            for plugin in plugins:
                found |= listed_skills(plugin, skills) | _below(skills, posixpath.join(plugin.folder, "skills"))
            return frozenset(found)
        case Installer.CODEX:
            return frozenset(_below(skills, ".agents/skills"))
        case Installer.COPILOT:
            return frozenset(set().union(*(_below(skills, folder) for folder in _AGENT_FOLDERS)))
        case Installer.GEMINI:
            own = {s for s in skills if s in (".gemini/skills", ".agents/skills")}
            return frozenset(own | _below(skills, ".gemini/skills") | _below(skills, ".agents/skills"))


def _npx(skills: Sequence[str], plugins: Sequence[PluginFacts]) -> set[str]:
    if "" in skills:
        return {""}
    found = (
        {s for s in _below(skills, "") if s not in _SKIPPED} | _below(skills, "skills") | _below(skills, "skills", 2)
    )
    for folder in (*_AGENT_FOLDERS, "skills/.curated", "skills/.experimental", "skills/.system"):
        found |= _below(skills, folder)
    for plugin in plugins:
        found |= listed_skills(plugin, skills) | _below(skills, posixpath.join(plugin.folder, "skills"))
        for path in plugin.listed or ():
            parent = posixpath.dirname(posixpath.normpath(posixpath.join(plugin.folder, path)))
            found |= _below(skills, parent)
    if not found:
        found = {s for s in skills if s.count("/") < 5 and not _SKIPPED & set(s.split("/"))}
    return {s for s in found if not any(s.startswith(f"{other}/") for other in found if other and other != s)}


def _gh(skill: str) -> bool:
    parts = skill.split("/")
    if not skill or any(part.startswith(".") for part in parts):
        return False
    if len(parts) == 1:
        return True
    return "skills" in (parts[-2], parts[-3] if len(parts) > 2 else "")
