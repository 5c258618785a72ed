"""The skill under validation: its folder, its files, its document; everything a rule may look at, read once and
lazily.
"""

from __future__ import annotations

import posixpath
from functools import cached_property, lru_cache

from pipeline.skills.document import SKILL_FILE, LineMap, SkillDocument, read_document
from pipeline.skills.files import DiskTree, Entry, EntryKind, FileTree, TooBigError, join
from pipeline.skills.frontmatter import YamlProblemKind
from pipeline.skills.markdown import Markdown
from pipeline.skills.patterns import Words, words_of
from pipeline.skills.scripts import Script, may_be_script, script_at

MAX_ENTRIES = 5_000
"""Files of one skill looked at; what lies beyond is reported, not read."""
MAX_EXTRACT = 400
"""Entries of the tree looked at to tell whether it holds anything but SKILL.md files."""
SKILLS_OF_AN_EXTRACT = 5
"""A small repository may well hold nothing but a few SKILL.md files."""


class Subject:
    """One skill in a tree. `directory` is its folder relative to the tree, empty for the tree itself."""

    def __init__(self, tree: FileTree, directory: str, *, is_repository: bool = False) -> None:
        self.tree = tree
        self.directory = directory
        self.folder = posixpath.basename(directory) if directory else tree.name
        self._is_repository = is_repository
        self.is_repository_root = is_repository and not directory
        self.memo: dict[str, object] = {}
        self._read: dict[str, bytes | None] = {}
        self._words: dict[str, Words] = {}

    @property
    def is_in_repository(self) -> bool:
        """Whether the tree is a whole repository, so that what leaves the tree leaves the repository."""
        return self._is_repository

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Everything below the skill's folder, paths relative to it, sorted; at most `MAX_ENTRIES` and one more."""
        cut = len(self.directory) + 1 if self.directory else 0
        found: list[Entry] = []
        for entry in self.tree.walk(self.directory):
            found.append(Entry(entry.path[cut:], entry.kind, entry.size, entry.target, entry.executable))
            if len(found) > MAX_ENTRIES:
                break
        return tuple(found)

    @cached_property
    def skill_file(self) -> Entry | None:
        """The entry that is, or was meant as, SKILL.md; its path relative to the skill."""
        exact = self.tree.entry(join(self.directory, SKILL_FILE))
        if exact is not None:
            return Entry(SKILL_FILE, exact.kind, exact.size, exact.target)
        return next((e for e in self.entries if e.path.lower() == "skill.md"), None)

    @property
    def skill_path(self) -> str:
        """The skill file's path relative to the skill; `SKILL.md` when there is none."""
        return self.skill_file.path if self.skill_file is not None else SKILL_FILE

    @cached_property
    def unreadable(self) -> str:
        """Why SKILL.md cannot be read, for people; empty when it can."""
        entry = self.skill_file
        if entry is None:
            return "there is no SKILL.md"
        if entry.kind is EntryKind.DIRECTORY:
            return f"{entry.path} is a folder, not a file"
        if entry.kind is EntryKind.OTHER:
            return f"{entry.path} is not a regular file"
        try:
            self._read[entry.path] = self.tree.read(join(self.directory, entry.path))
        except TooBigError:
            return f"{entry.path} is larger than 8 MiB"
        except OSError as error:
            if entry.kind is EntryKind.SYMLINK:
                return f"{entry.path} is a link to {entry.target}, which cannot be read"
            return f"{entry.path} cannot be read: {error.strerror or error}"
        return ""

    @cached_property
    def document(self) -> SkillDocument | None:
        """SKILL.md taken apart; None when it cannot be read at all."""
        if self.unreadable:
            return None
        data = self.bytes(self.skill_path)
        return read_document(data) if data is not None else None

    @cached_property
    def markdown(self) -> Markdown | None:
        """The body as Markdown; None when SKILL.md has no readable frontmatter to end."""
        document = self.document
        if document is None or document.yaml is None:
            return None
        return Markdown(document.text, document.lines, document.body_start)

    @cached_property
    def files(self) -> tuple[Entry, ...]:
        """The bundled regular files, SKILL.md left out."""
        own = self.skill_path
        return tuple(e for e in self.entries if e.kind is EntryKind.FILE and e.path != own)

    @cached_property
    def pages(self) -> tuple[tuple[str, Markdown], ...]:
        """The bundled Markdown files, by path."""
        found = []
        for entry in self.files:
            if entry.path.lower().endswith((".md", ".mdx", ".markdown")):
                text = self.text(entry.path)
                if text is not None:
                    found.append((entry.path, Markdown(text, LineMap.of(text))))
        return tuple(found)

    @cached_property
    def scripts(self) -> tuple[Script, ...]:
        """The bundled Python and shell scripts."""
        found = []
        for entry in self.files:
            text = self.text(entry.path) if may_be_script(entry.path) else None
            script = script_at(entry.path, text) if text is not None else None
            if script is not None:
                found.append(script)
        return tuple(found)

    @property
    def is_extract(self) -> bool:
        """Whether the tree holds several skills on disk and not one other file: somebody took the SKILL.md files out of
        a repository, so that what else a skill bundles cannot be known.
        """
        return is_extract(self.tree)

    @property
    def has_fields(self) -> bool:
        """Whether the frontmatter could be read, so that its fields can be judged."""
        document = self.document
        if document is None or document.yaml is None:
            return False
        if any(p.kind in (YamlProblemKind.SYNTAX, YamlProblemKind.TOO_COMPLEX) for p in document.yaml.problems):
            return False
        return document.yaml.root is None or bool(document.fields) or not document.yaml.root.text

    def bytes(self, path: str) -> bytes | None:
        """A bundled file's bytes, by its path relative to the skill; None when it is missing, too big or unreadable."""
        if path not in self._read:
            try:
                self._read[path] = self.tree.read(join(self.directory, path))
            except (OSError, TooBigError):
                self._read[path] = None
        return self._read[path]

    def text(self, path: str) -> str | None:
        """A bundled file as text; None when it is missing, too big, binary or not UTF-8."""
        data = self.bytes(path)
        if data is None or b"\0" in data[:8192]:
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    @cached_property
    def description_words(self) -> Words:
        """The words of the description."""
        return words_of(self.document.description) if self.document is not None else frozenset()

    def words(self, path: str) -> Words:
        """The words of a bundled text file, or, for the empty path, of SKILL.md."""
        if path not in self._words:
            page = self.markdown if not path else next((page for name, page in self.pages if name == path), None)
            if page is not None:
                self._words[path] = page.words
            elif path:
                self._words[path] = words_of(self.text(path) or "")
            else:
                self._words[path] = words_of(self.document.text) if self.document is not None else frozenset()
        return self._words[path]

    def exists(self, path: str) -> bool:
        """Whether a path relative to the skill leads to something inside the tree."""
        target = posixpath.normpath(join(self.directory, path))
        return not target.startswith("../") and self.tree.exists(target)


def is_extract(tree: FileTree) -> bool:
    """Whether a tree on disk holds several skills and not one other file."""
    return isinstance(tree, DiskTree) and _is_extract(tree)


@lru_cache(maxsize=8)
def _is_extract(tree: DiskTree) -> bool:
    """Looked at once for a tree, which all its skills share, and up to `MAX_EXTRACT` files."""
    if tree.exists(".git"):
        return False
    skills = 0
    for count, entry in enumerate(tree.walk("")):
        if entry.kind is EntryKind.DIRECTORY:
            continue
        if posixpath.basename(entry.path) != SKILL_FILE:
            return False
        skills += 1
        if count > MAX_EXTRACT:
            break
    return skills >= SKILLS_OF_AN_EXTRACT
