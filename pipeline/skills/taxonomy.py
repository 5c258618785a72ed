"""The tree of skills of a repository as a value: where skills live, where a new one goes, what it resembles, what it
needs.

Built from the repository's own files and pure from then on; JSON-serialisable, so that it can be stored with a job.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from pipeline.skills.document import SKILL_FILE, read_document
from pipeline.skills.frontmatter import YamlType
from pipeline.skills.similarity import TextIndex, weighted_words, words

NEAR_DUPLICATE = 0.55
"""Cosine of name and description above which two skills are reported as near duplicates."""

_SOURCES = frozenset(
    {"Cargo.toml", "Gemfile", "build.gradle", "go.mod", "package.json", "pom.xml", "pyproject.toml", "setup.py"}
)

MARKETPLACE = ".claude-plugin/marketplace.json"
PLUGIN = ".claude-plugin/plugin.json"


class Layout(StrEnum):
    """How a repository arranges its skills."""

    EMPTY = "empty"
    FLAT = "flat"
    CATEGORIES = "categories"
    PLUGIN = "plugin"


class RepositoryKind(StrEnum):
    """What the repository is for: publishing skills, or a product whose own agents use them."""

    LIBRARY = "library"
    PRODUCT = "product"


class TaxonomyEntry(BaseModel):
    """One skill of the repository. `path` is its folder; `requires` are names of skills it builds on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    path: str
    category: str | None = None
    requires: tuple[str, ...] = ()


class PluginEntry(BaseModel):
    """A plugin the repository declares. `skills` are the paths it lists, None when it lists none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    skills: tuple[str, ...] | None = None
    manifest: str = MARKETPLACE


class Resemblance(BaseModel):
    """A skill of the repository and how alike it is, 0-1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: TaxonomyEntry
    score: float


class DependencyCycleError(ValueError):
    """The skills would need each other in a circle; `cycle` is the ordered path, first and last the same."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(f"skills need each other in a circle: {' -> '.join(cycle)}")
        self.cycle = tuple(cycle)


class UnknownSkillError(ValueError):
    """A skill that is needed but not in the repository; `name` is the missing one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the needed skill {name!r} is not in the repository")
        self.name = name


class Taxonomy(BaseModel):
    """All skills of a repository and the facts that decide where the next one goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[TaxonomyEntry, ...] = ()
    plugins: tuple[PluginEntry, ...] = ()
    root: str = "skills"
    layout: Layout = Layout.EMPTY
    kind: RepositoryKind = RepositoryKind.LIBRARY

    @classmethod
    def build(
        cls,
        skills: Mapping[str, str],
        *,
        paths: Iterable[str] = (),
        manifests: Mapping[str, str] | None = None,
        root: str | None = None,
        layout: Layout | None = None,
    ) -> Taxonomy:
        """The taxonomy of a repository.

        `skills` maps the path of each SKILL.md to its text, `paths` are the repository's other paths, `manifests`
        the texts of its `.claude-plugin` files; `root` and `layout` override what would be found. Unreadable skills
        are left out.
        """
        entries = tuple(entry for path in sorted(skills) if (entry := _entry(path, skills[path])) is not None)
        kind = _kind(entries, paths)
        plugins = _plugins(manifests or {})
        found_root = root or _root(entries, kind, paths)
        entries = tuple(e.model_copy(update={"category": _category(e.path, found_root)}) for e in entries)
        return cls(
            entries=entries,
            plugins=plugins,
            root=found_root,
            layout=layout or _layout(entries, plugins, found_root),
            kind=kind,
        )

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories in use, most used first."""
        counts = Counter(entry.category for entry in self.entries if entry.category)
        return tuple(sorted((c for c in counts if c is not None), key=lambda c: (-counts[c], c)))

    def find(self, name: str) -> TaxonomyEntry | None:
        """The skill of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def place(self, name: str, category: str | None = None) -> str:
        """The folder a new skill `name` goes to.

        Follows the plugin that holds most skills, else the majority's pattern, never deeper than
        `root/category/name` and never inside another skill. Raises ValueError when a skill is already there.
        """
        folder = posixpath.normpath(self._parent(category))
        while any(folder == e.path or folder.startswith(f"{e.path}/") for e in self.entries if e.path):
            folder = posixpath.dirname(folder)
        path = posixpath.normpath(posixpath.join(folder, name)) if folder else name
        if any(entry.path == path for entry in self.entries):
            raise ValueError(f"{path} already holds a skill")
        return path

    def _parent(self, category: str | None) -> str:
        plugin = self.plugin_for()
        if plugin is not None:
            return posixpath.join(plugin.source, self._inside(plugin))
        if self.layout is Layout.CATEGORIES and self.categories:
            return posixpath.join(self.root, self.nearest_category(category))
        return self.root

    def _inside(self, plugin: PluginEntry) -> str:
        """Where below its source a plugin keeps its skills."""
        cut = len(plugin.source.rstrip("/")) + 1 if plugin.source not in ("", ".") else 0
        inside = [posixpath.dirname(entry.path[cut:]) for entry in self._skills_in(plugin)]
        if not inside:
            return "skills"
        counts = Counter(inside)
        return min(counts, key=lambda folder: (-counts[folder], folder))

    def _skills_in(self, plugin: PluginEntry) -> list[TaxonomyEntry]:
        if plugin.skills:
            listed = {posixpath.normpath(posixpath.join(plugin.source, path)) for path in plugin.skills}
            return [e for e in self.entries if e.path in listed or posixpath.dirname(e.path) in listed]
        if plugin.source in ("", "."):
            return list(self.entries)
        return [entry for entry in self.entries if entry.path.startswith(plugin.source.rstrip("/") + "/")]

    def plugin_for(self) -> PluginEntry | None:
        """The plugin a new skill joins: the one with most skills; None when the repository declares none."""
        if not self.plugins:
            return None
        return min(self.plugins, key=lambda plugin: (-len(self._skills_in(plugin)), plugin.name))

    def nearest_category(self, wanted: str | None) -> str:
        """The existing category that fits `wanted` best: the same, one that shares a word, else the most used."""
        known = self.categories
        if not known:
            return wanted or ""
        if wanted in known:
            return str(wanted)
        if wanted:
            ranked = TextIndex([list(words(c.replace("-", " "))) for c in known]).rank(words(wanted.replace("-", " ")))
            if ranked:
                return known[ranked[0].index]
        return known[0]

    def near_duplicates(self, name: str, description: str) -> tuple[Resemblance, ...]:
        """Skills so alike that a new one would compete with them, most alike first. The same name counts as 1."""
        found = [Resemblance(entry=e, score=1.0) for e in self.entries if e.name == name]
        texts = [weighted_words(e.name, e.description) for e in self.entries]
        index = TextIndex([*texts, weighted_words(name, description)])
        for match in index.similar_to(len(texts), at_least=NEAR_DUPLICATE):
            entry = self.entries[match.index]
            if entry.name != name:
                found.append(Resemblance(entry=entry, score=round(match.score, 4)))
        return tuple(found)

    def route(self, query: str, *, limit: int = 5) -> tuple[Resemblance, ...]:
        """The skills a request would trigger, best first, by a deterministic TF-IDF router; empty when nothing
        matches.
        """
        index = TextIndex([weighted_words(e.name, e.description) for e in self.entries])
        ranked = index.rank(words(query))[:limit]
        return tuple(Resemblance(entry=self.entries[m.index], score=round(m.score, 4)) for m in ranked)

    def check_dependencies(self, name: str, requires: Iterable[str]) -> tuple[str, ...]:
        """All skills `name` would need, directly or not, each behind what it needs itself.

        Raises UnknownSkillError for one that is not there, DependencyCycleError for a circle.
        """
        graph = {entry.name: entry.requires for entry in self.entries}
        graph[name] = tuple(requires)
        order: list[str] = []
        done: set[str] = set()
        path: list[str] = [name]
        pending = [iter(graph[name])]
        while pending:
            needed = next(pending[-1], None)
            if needed is None:
                pending.pop()
                finished = path.pop()
                done.add(finished)
                order.append(finished)
            elif needed in path:
                raise DependencyCycleError([*path[path.index(needed) :], needed])
            elif needed not in graph:
                raise UnknownSkillError(needed)
            elif needed not in done:
                path.append(needed)
                pending.append(iter(graph[needed]))
        return tuple(order[:-1])

    def with_entry(self, entry: TaxonomyEntry) -> Taxonomy:
        """The taxonomy with one more skill (or that skill replaced)."""
        others = [e for e in self.entries if e.path != entry.path]
        entries = tuple(sorted([*others, entry], key=lambda e: e.path))
        return self.model_copy(update={"entries": entries})


def _entry(path: str, text: str) -> TaxonomyEntry | None:
    document = read_document(text.encode("utf-8", "surrogatepass"))
    folder = posixpath.dirname(path)
    name = document.name or posixpath.basename(folder)
    if posixpath.basename(path) != SKILL_FILE or not name or not document.description:
        return None
    metadata = document.fields.get("metadata")
    requires = metadata.get("requires") if metadata is not None and metadata.type is YamlType.MAPPING else None
    names: tuple[str, ...] = ()
    if requires is not None:
        listed = [item.text for item in requires.items] or requires.text.replace(",", " ").split()
        names = tuple(dict.fromkeys(listed))
    return TaxonomyEntry(name=name, description=document.description, path=folder, requires=names)


def _kind(entries: Sequence[TaxonomyEntry], paths: Iterable[str]) -> RepositoryKind:
    """A repository whose skills sit in an agent's folder, or that has source code and no skills, is a product."""
    hidden = sum(1 for entry in entries if entry.path.startswith("."))
    if entries:
        return RepositoryKind.PRODUCT if hidden * 2 > len(entries) else RepositoryKind.LIBRARY
    known = set(paths)
    has_skills_folder = any(path.startswith(("skills/", ".claude-plugin/")) for path in known)
    return RepositoryKind.PRODUCT if known & _SOURCES and not has_skills_folder else RepositoryKind.LIBRARY


def _root(entries: Sequence[TaxonomyEntry], kind: RepositoryKind, paths: Iterable[str]) -> str:
    """The folder that holds most skills, up to and including the last `skills` in their paths."""
    if not entries:
        return "skills" if kind is RepositoryKind.LIBRARY else ".agents/skills"
    counts: Counter[str] = Counter()
    for entry in entries:
        parts = entry.path.split("/")[:-1]
        last = max((i for i, part in enumerate(parts) if part == "skills"), default=None)
        counts["/".join(parts[: last + 1]) if last is not None else ""] += 1
    preferred = {".agents/skills": 0, "skills": 1}
    return min(counts, key=lambda root: (-counts[root], preferred.get(root, 2), root))


def _category(path: str, root: str) -> str | None:
    inside = path.removeprefix(f"{root}/") if root else path
    if root and inside == path:
        return None
    parts = inside.split("/")
    return parts[0] if len(parts) > 1 else None


def _layout(entries: Sequence[TaxonomyEntry], plugins: Sequence[PluginEntry], root: str) -> Layout:
    if plugins:
        return Layout.PLUGIN
    inside = [entry for entry in entries if not root or entry.path.startswith(f"{root}/")]
    if not inside:
        return Layout.EMPTY
    return Layout.CATEGORIES if sum(1 for e in inside if e.category) * 2 > len(inside) else Layout.FLAT


def _plugins(manifests: Mapping[str, str]) -> tuple[PluginEntry, ...]:
    """The local plugins the manifests declare; one that cannot be read declares none."""
    found: list[PluginEntry] = []
    for path in sorted(manifests):
        try:
            manifest = json.loads(manifests[path])
        except ValueError:
            continue
        if not isinstance(manifest, dict):
            continue
        home = posixpath.dirname(posixpath.dirname(path))
        declared = manifest.get("plugins") if path.endswith("marketplace.json") else [{**manifest, "source": "./"}]
        for plugin in declared if isinstance(declared, list) else ():
            entry = _plugin(plugin, home, path) if isinstance(plugin, dict) else None
            if entry is not None and not any(p.source == entry.source and p.name == entry.name for p in found):
                found.append(entry)
    return tuple(found)


def _plugin(plugin: Mapping[str, object], home: str, manifest: str) -> PluginEntry | None:
    name, source, skills = plugin.get("name"), plugin.get("source"), plugin.get("skills")
    if not isinstance(name, str) or not isinstance(source, str) or not source.startswith("./"):
        return None
    folder = posixpath.normpath(posixpath.join(home, source))
    if folder.startswith(".."):
        return None
    if isinstance(skills, str):
        skills = [skills]
    listed = tuple(path for path in skills if isinstance(path, str)) if isinstance(skills, list) else None
    return PluginEntry(name=name, source="" if folder == "." else folder, skills=listed, manifest=manifest)
