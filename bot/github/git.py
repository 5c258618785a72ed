"""Reading a repository's tree through the Git Data API, by immutable ids, so that everything may be kept.

One GitReader per repository and token. A missing path is None or empty, never an error.
"""

import base64
import hashlib
from collections.abc import AsyncIterator, MutableMapping

from bot.github import urls
from bot.github.cache import Lru
from bot.github.client import GitHubApi
from bot.github.errors import ConflictError, GoneError, Request, UnexpectedAnswerError
from bot.github.models import Blob, Commit, Ref, Tree, TreeEntry

MAX_FILE_BYTES = 1024 * 1024
MAX_KEPT_BYTES = 64 * 1024
MAX_KEPT_ENTRIES = 5_000
MAX_TREE_ENTRIES = 100_000
_TREE = "/repos/{owner}/{repo}/git/trees/{sha}"

Trees = MutableMapping[str, Tree]
Blobs = MutableMapping[str, bytes]


class TooLargeError(ValueError):
    """A file or tree beyond what we read."""


class GitReader:
    """Refs, commits, trees and blobs of one repository."""

    def __init__(self, api: GitHubApi, at: urls.Vars, trees: Trees | None = None, blobs: Blobs | None = None) -> None:
        self._api = api
        self._at = at
        self._trees: Trees = Lru(64) if trees is None else trees
        self._blobs: Blobs = Lru(512) if blobs is None else blobs

    async def branch_tip(self, branch: str) -> str | None:
        """The commit a branch points at; None when there is no such branch (or no commit at all)."""
        try:
            ref = await self._api.getitem(
                "/repos/{owner}/{repo}/git/ref/{ref}", {**self._at, "ref": f"heads/{branch}"}, Ref
            )
        except (GoneError, ConflictError):  # 409: "Git Repository is empty."
            return None
        return ref.object.sha

    async def tree_of(self, commit_sha: str) -> str:
        commit = await self._api.getitem(
            "/repos/{owner}/{repo}/git/commits/{sha}", {**self._at, "sha": commit_sha}, Commit
        )
        return commit.tree.sha

    async def listing(self, tree_sha: str) -> Tree:
        """The direct entries of a tree."""
        if tree_sha not in self._trees:
            self._trees[tree_sha] = await self._api.getitem(_TREE, {**self._at, "sha": tree_sha}, Tree)
        return self._trees[tree_sha]

    async def files(self, tree_sha: str) -> list[TreeEntry]:
        """Every blob below a tree with its path from there, in one request unless GitHub truncates the answer."""
        key = f"{tree_sha}:recursive"
        tree = self._trees.get(key)
        if tree is None:
            tree = await self._api.getitem(f"{_TREE}?recursive=1", {**self._at, "sha": tree_sha}, Tree)
            if tree.truncated:
                entries = [entry async for entry in self._walk(tree_sha, "")]
                tree = Tree(sha=tree_sha, tree=entries)
            if len(tree.tree) <= MAX_KEPT_ENTRIES:
                self._trees[key] = tree
        return [entry for entry in tree.tree if entry.type == "blob"]

    async def _walk(self, tree_sha: str, prefix: str) -> AsyncIterator[TreeEntry]:
        seen = 0
        waiting = [(prefix, tree_sha)]
        while waiting:
            where, sha = waiting.pop()
            listing = await self.listing(sha)
            if listing.truncated:
                raise TooLargeError(f"the directory {where or '.'!r} has more entries than GitHub lists")
            for entry in listing.tree:
                seen += 1
                if seen > MAX_TREE_ENTRIES:
                    raise TooLargeError(f"the repository has more than {MAX_TREE_ENTRIES:,} files")
                path = f"{where}{entry.path}"
                if entry.type == "tree":
                    waiting.append((f"{path}/", entry.sha))
                else:
                    yield entry.model_copy(update={"path": path})

    async def directory(self, tree_sha: str, path: str) -> list[TreeEntry]:
        """Every file below the directory `path`, paths relative to it; empty when there is no such directory."""
        found = await self._subtree(tree_sha, path)
        return await self.files(found) if found else []

    async def directory_entries(self, tree_sha: str, path: str) -> list[TreeEntry]:
        """The direct entries of the directory `path`; empty when there is no such directory."""
        found = await self._subtree(tree_sha, path)
        return (await self.listing(found)).tree if found else []

    async def _subtree(self, tree_sha: str, path: str) -> str:
        current = tree_sha
        for segment in filter(None, path.split("/")):
            entries = (await self.listing(current)).tree
            found = next((entry for entry in entries if entry.path == segment and entry.type == "tree"), None)
            if found is None:
                return ""
            current = found.sha
        return current

    async def blob(self, entry: TreeEntry) -> bytes:
        """A file's bytes. Raises TooLargeError beyond 1 MiB."""
        if (entry.size or 0) > MAX_FILE_BYTES:
            raise TooLargeError(f"{entry.path} has {entry.size:,} bytes; at most {MAX_FILE_BYTES:,} are read")
        if (known := self._blobs.get(entry.sha)) is not None:
            return known
        blob = await self._api.getitem("/repos/{owner}/{repo}/git/blobs/{sha}", {**self._at, "sha": entry.sha}, Blob)
        content = _decoded(blob)
        if len(content) <= MAX_KEPT_BYTES:
            self._blobs[entry.sha] = content
        return content


def _decoded(blob: Blob) -> bytes:
    if blob.encoding != "base64":
        return blob.content.encode()
    try:
        return base64.b64decode(blob.content)
    except ValueError as error:
        request = Request("GET", "/repos/{owner}/{repo}/git/blobs/{sha}")
        raise UnexpectedAnswerError(request, "the blob is not base64") from error


def blob_id(content: bytes) -> str:
    """The id git gives this content (SHA-1 repositories)."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
