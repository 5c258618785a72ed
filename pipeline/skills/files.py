"""A tree of files, on disk or in memory, behind one narrow interface. Reading is bounded; nothing is ever written here.

Paths are relative POSIX paths without leading `./`; the empty path is the tree itself. Links are never followed
while walking.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

MAX_READ = 8 * 1024 * 1024
"""Bytes; a larger file is known by its size only."""

MAX_KNOWN_FOLDERS = 10_000
"""Folders of which a tree remembers where their links lead."""

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""Opening a named pipe must not hang the validator."""
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)

SKIPPED_DIRECTORIES = frozenset({".git", ".hg", ".svn"})


class EntryKind(Enum):
    """What a path is. `OTHER` is a socket, device or pipe."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree; `target` only for links, as stored; `size` in bytes."""

    path: str
    kind: EntryKind
    size: int = 0
    target: str = ""
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Symlink:
    """A link in an in-memory tree (Git stores links as blobs holding the target)."""

    target: str


class TooBigError(Exception):
    """The file is larger than `MAX_READ` and was not read."""


class FileTree(Protocol):
    """What the validator asks of a tree of files."""

    @property
    def name(self) -> str:
        """The name of the tree's own folder; empty when unknown."""

    def entry(self, path: str) -> Entry | None:
        """What is at `path`, links not followed; None when nothing is."""

    def exists(self, path: str) -> bool:
        """Whether a file or folder is at `path`, links followed inside the tree."""

    def read(self, path: str) -> bytes:
        """The bytes at `path`, links followed. Raises OSError, or TooBigError."""

    def walk(self, under: str) -> Iterator[Entry]:
        """Every file, link and empty-or-not folder below `under`, sorted, links not followed."""


class MemoryTree:
    """A tree given as values: drafts before they are published, blobs of a pull request."""

    def __init__(self, files: Mapping[str, bytes | str | Symlink], *, name: str = "") -> None:
        self._name = name
        self._files: dict[str, bytes | Symlink] = {}
        self._directories: set[str] = set()
        for path, content in files.items():
            self._add(path, content)

    def _add(self, path: str, content: bytes | str | Symlink) -> None:
        if path.endswith("/"):
            self._directories.add(clean_path(path))
            return
        cleaned = clean_path(path)
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self._files[cleaned] = data
        parent = posixpath.dirname(cleaned)
        while parent and parent not in self._directories:
            self._directories.add(parent)
            parent = posixpath.dirname(parent)

    @property
    def name(self) -> str:
        return self._name

    def entry(self, path: str) -> Entry | None:
        content = self._files.get(path)
        if isinstance(content, Symlink):
            return Entry(path, EntryKind.SYMLINK, target=content.target)
        if content is not None:
            return Entry(path, EntryKind.FILE, size=len(content))
        if path in self._directories or path == "":
            return Entry(path, EntryKind.DIRECTORY)
        return None

    def _resolve(self, path: str) -> str | None:
        for _ in range(16):
            content = self._files.get(path)
            if not isinstance(content, Symlink):
                return path
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), content.target))
        return None

    def exists(self, path: str) -> bool:
        resolved = self._resolve(path)
        return resolved is not None and self.entry(resolved) is not None

    def read(self, path: str) -> bytes:
        resolved = self._resolve(path)
        content = self._files.get(resolved) if resolved is not None else None
        if not isinstance(content, bytes):
            if resolved in self._directories:
                raise IsADirectoryError(path)
            raise FileNotFoundError(path)
        if len(content) > MAX_READ:
            raise TooBigError(path)
        return content

    def walk(self, under: str) -> Iterator[Entry]:
        prefix = f"{under}/" if under else ""
        for path in sorted(self._files.keys() | self._directories):
            if path.startswith(prefix) and path != under and not SKIPPED_DIRECTORIES & set(path.split("/")):
                entry = self.entry(path)
                if entry is not None:
                    yield entry


class DiskTree:
    """A folder on disk. Resolves itself first, so `.` has a name.

    A link that leads out of the folder is not followed: what it names may be a secret of the machine, and findings
    quote what they are about.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).resolve()
        self._own = str(self.root)
        self._inside: dict[str, bool] = {}

    @property
    def name(self) -> str:
        return self.root.name

    def _path(self, path: str) -> str:
        return os.path.join(self._own, path) if path else self._own

    def entry(self, path: str) -> Entry | None:
        try:
            found = os.lstat(self._path(path))
        except (OSError, ValueError):
            return None
        return self._entry(path, found)

    def _entry(self, path: str, found: os.stat_result) -> Entry:
        if stat.S_ISLNK(found.st_mode):
            try:
                target = os.readlink(self._path(path))
            except OSError:
                target = ""
            return Entry(path, EntryKind.SYMLINK, target=target)
        if stat.S_ISREG(found.st_mode):
            return Entry(path, EntryKind.FILE, size=found.st_size, executable=bool(found.st_mode & 0o111))
        kind = EntryKind.DIRECTORY if stat.S_ISDIR(found.st_mode) else EntryKind.OTHER
        return Entry(path, kind)

    def exists(self, path: str) -> bool:
        try:
            return os.path.exists(self._path(path)) and self._is_inside(path)
        except ValueError:
            return False

    def _is_inside(self, path: str) -> bool:
        """Whether the path, with every link in it followed, stays in the tree."""
        if path.startswith("/") or ".." in path:
            return self._is_own(os.path.realpath(self._path(path)))
        return self._leads_inside(path)

    def _holds(self, folder: str) -> bool:
        """Whether a folder, links followed, is inside the tree. Asked once for each folder: files share it."""
        known = self._inside.get(folder)
        if known is None:
            if len(self._inside) >= MAX_KNOWN_FOLDERS:
                self._inside.clear()
            known = self._inside[folder] = self._leads_inside(folder)
        return known

    def _leads_inside(self, folder: str) -> bool:
        if not folder:
            return True
        parent, _, name = folder.rpartition("/")
        full = self._path(folder)
        if folder.startswith("/") or name in ("", ".", "..") or os.path.islink(full):
            return self._is_own(os.path.realpath(full))
        return self._holds(parent)

    def _is_own(self, real: str) -> bool:
        return real == self._own or real.startswith(self._own.rstrip(os.sep) + os.sep)

    def read(self, path: str) -> bytes:
        descriptor = self._open(path)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise IsADirectoryError(path) if stat.S_ISDIR(found.st_mode) else OSError("not a regular file")
            if found.st_size > MAX_READ:
                raise TooBigError(path)
            return _read_all(descriptor, found.st_size)
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> int:
        """Opens what is inside the tree. Only where the path itself is a link must be found out where that leads."""
        folder, _, name = path.rpartition("/")
        if (
            _NO_FOLLOW
            and not path.startswith("/")
            and ".." not in path
            and name not in ("", ".")
            and self._holds(folder)
        ):
            try:
                return os.open(self._path(path), _READ | _NO_FOLLOW)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.EMLINK):
                    raise
        if not self._is_inside(path):
            raise PermissionError(errno.EPERM, "it leads out of the tree", path)
        return os.open(self._path(path), _READ)

    def walk(self, under: str) -> Iterator[Entry]:
        try:
            with os.scandir(self._path(under)) as listing:
                children = sorted(listing, key=lambda child: child.name)
        except OSError:
            return
        for child in children:
            if child.name in SKIPPED_DIRECTORIES:
                continue
            path = f"{under}/{child.name}" if under else child.name
            try:
                if child.is_dir(follow_symlinks=False):
                    entry = Entry(path, EntryKind.DIRECTORY)
                else:
                    entry = self._entry(path, child.stat(follow_symlinks=False))
            except OSError:
                continue
            yield entry
            if entry.kind is EntryKind.DIRECTORY:
                yield from self.walk(path)


def _read_all(descriptor: int, expected: int) -> bytes:
    """What an open file holds, at most one byte more than `MAX_READ`."""
    parts: list[bytes] = []
    left = MAX_READ + 1
    while left and (part := os.read(descriptor, min(left, expected + 1 if expected else 65_536))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def clean_path(path: str) -> str:
    """A tree-relative path without `./`, doubled or trailing slashes. Raises ValueError when it leaves the tree."""
    cleaned = posixpath.normpath(path.strip("/")) if path.strip("/") else ""
    if cleaned == ".":
        return ""
    if cleaned == ".." or cleaned.startswith("../"):
        raise ValueError(f"{path!r} leaves the tree")
    return cleaned


def join(directory: str, path: str) -> str:
    """`path` below `directory`, where the empty directory is the tree itself."""
    return f"{directory}/{path}" if directory else path
