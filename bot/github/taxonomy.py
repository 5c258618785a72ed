"""Reads the skills of a repository at one commit: paths, every SKILL.md, the plugin manifests. Kept by tree id."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass

from bot.github.cache import Lru
from bot.github.git import GitReader, TooLargeError
from bot.github.models import TreeEntry

MAX_SKILLS = 2_000
READS_AT_ONCE = 8
MANIFESTS = frozenset({"marketplace.json", "plugin.json"})


@dataclass(frozen=True)
class RepositorySkills:
    """What the taxonomy is built from: SKILL.md texts and manifest texts by path, and all paths."""

    skills: dict[str, str]
    manifests: dict[str, str]
    paths: tuple[str, ...]


class SkillsReader:
    """Keeps what it read: a tree never changes under its id."""

    def __init__(self) -> None:
        self._known: MutableMapping[str, RepositorySkills] = Lru(32)

    async def read(self, reader: GitReader, commit_sha: str) -> RepositorySkills:
        """The skills at `commit_sha`. Raises GitHubError, TooLargeError. Files that are not text are left out."""
        return await self.read_tree(reader, await reader.tree_of(commit_sha))

    async def read_tree(self, reader: GitReader, tree: str) -> RepositorySkills:
        """The same for a tree."""
        if tree not in self._known:
            self._known[tree] = await _read(reader, tree)
        return self._known[tree]


async def _read(reader: GitReader, tree: str) -> RepositorySkills:
    entries = await reader.files(tree)
    skills = [entry for entry in entries if entry.path.rpartition("/")[2] == "SKILL.md"]
    if len(skills) > MAX_SKILLS:
        raise TooLargeError(f"the repository has {len(skills):,} skills; at most {MAX_SKILLS:,} are read")
    manifests = [entry for entry in entries if _is_manifest(entry.path)]
    return RepositorySkills(
        skills=await _texts(reader, skills),
        manifests=await _texts(reader, manifests),
        paths=tuple(entry.path for entry in entries),
    )


def _is_manifest(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name in MANIFESTS and folder.rpartition("/")[2] == ".claude-plugin"


async def _texts(reader: GitReader, entries: list[TreeEntry]) -> dict[str, str]:
    at_once = asyncio.Semaphore(READS_AT_ONCE)

    async def text(entry: TreeEntry) -> str | None:
        async with at_once:
            try:
                return (await reader.blob(entry)).decode()
            except (UnicodeDecodeError, TooLargeError):
                return None

    texts = await asyncio.gather(*map(text, entries))
    return {entry.path: found for entry, found in zip(entries, texts, strict=True) if found is not None}
