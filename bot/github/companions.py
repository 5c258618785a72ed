"""The repository's own lists of its skills (README table or list, plugin manifests), changed with a new skill.

Made on the tree they go into, so that what people changed meanwhile is kept; a style not understood is left alone.
"""

from collections.abc import Mapping

import structlog

from bot.github.git import GitReader, TooLargeError
from bot.github.taxonomy import SkillsReader
from pipeline.models import SkillDraft
from pipeline.skills.index import register
from pipeline.skills.taxonomy import Taxonomy

log = structlog.get_logger(__name__)

_LIST = "README.md"


class RepositoryLists:
    """`Companions`: what `pipeline.skills.index` makes of the lists in a tree."""

    def __init__(self, skills: SkillsReader, skills_root: str) -> None:
        self._skills = skills
        self._root = skills_root

    async def __call__(self, draft: SkillDraft, tree_sha: str, reader: GitReader) -> Mapping[str, str]:
        try:
            found = await self._skills.read_tree(reader, tree_sha)
        except TooLargeError as error:
            log.warning("lists_left_alone", skill=draft.path, reason=str(error))
            return {}
        document = f"{draft.path}/SKILL.md"
        skills = {**found.skills, document: draft.skill_content}
        taxonomy = Taxonomy.build(skills, paths=found.paths, manifests=found.manifests, root=self._root or None)
        entry = next((entry for entry in taxonomy.entries if entry.path == draft.path), None)
        if entry is None:
            return {}
        lists = {**found.manifests, **await _lists_above(draft.path, tree_sha, reader)}
        return register(taxonomy, entry, lists)


async def _lists_above(path: str, tree_sha: str, reader: GitReader) -> dict[str, str]:
    """The READMEs of the repository and of every directory on the way to the skill."""
    segments = path.split("/")
    texts: dict[str, str] = {}
    for depth in range(len(segments)):
        folder = "/".join(segments[:depth])
        for entry in await reader.directory_entries(tree_sha, folder):
            if entry.path == _LIST and entry.mode in {"100644", "100755"}:
                try:
                    texts[f"{folder}/{_LIST}" if folder else _LIST] = (await reader.blob(entry)).decode()
                except (UnicodeDecodeError, TooLargeError):
                    continue
    return texts
