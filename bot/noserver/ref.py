"""The ref that holds the state: read whole, written by compare-and-swap, always one commit without a parent.

A push names the commit it replaces, so of two that race exactly one wins; the other is told (`Moved`), reads again and
puts its change on top. Without parents the ref never holds more than its newest tree.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

from git import GitCommandError, Repo
from gitdb import IStream

from bot.github.secrets import Secret, redact
from bot.noserver import reach
from bot.noserver.reach import NOT_THERE, REF
from bot.noserver.state import StateError

ATTEMPTS = 40
LONGEST_PAUSE = 4.0
_HERE = "refs/skill-fleet/fetched"
_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "skill-fleet"), ("EMAIL", "skill-fleet@users.noreply.github.com"))
}

Change = Callable[["Snapshot"], Mapping[str, bytes | None]]
"""Files to write (None: to remove) on top of a snapshot; nothing to write ends it."""


class Moved(Exception):  # noqa: N818 - not an error: somebody else was faster
    """The ref is not where it was."""


@dataclass
class Snapshot:
    """The state at one commit; `commit` is empty before the first."""

    commit: str
    blobs: Mapping[str, str]
    _read: Callable[[str], bytes]
    _known: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None when there is none."""
        blob = self.blobs.get(path)
        if blob is None:
            return None
        if path not in self._known:
            self._known[path] = self._read(blob)
        return self._known[path]


class StateRef:
    """One repository's state. Blocking; use it from a thread. `folder` is for git objects and is made when missing."""

    def __init__(self, folder: Path, url: str, token: Secret | None, *, sleep: Callable[[float], None] = time.sleep):
        self._url = url
        self._sleep = sleep
        self._index = folder / "index-of-the-state"
        self._repo = Repo.init(folder, bare=True)
        environment = {"GIT_TERMINAL_PROMPT": "0", "GIT_INDEX_FILE": str(self._index), **_WHO}
        if token is not None:
            environment |= reach.environment(url, token)
        self._repo.git.update_environment(**environment)

    def close(self) -> None:
        self._repo.close()

    def fetch(self) -> Snapshot:
        """The state as it is now. Raises StateError."""
        try:
            self._repo.git.fetch(self._url, f"+{REF}:{_HERE}", depth=1, no_tags=True, no_write_fetch_head=True)
        except GitCommandError as error:
            if NOT_THERE in str(error.stderr):
                return Snapshot("", {}, self._blob)
            raise _explained("read", error) from None
        return self._snapshot(self._repo.git.rev_parse(_HERE))

    def tip(self) -> str:
        """The commit that the ref names now, "" for none: cheaper than fetching. Raises StateError."""
        try:
            return str(self._repo.git.ls_remote(self._url, REF)).partition("\t")[0]
        except GitCommandError as error:
            raise _explained("read", error) from None

    def change(self, change: Change, snapshot: Snapshot | None = None) -> Snapshot:
        """Write what `change` asks for, on top of `snapshot` or, while others are faster, of what they wrote.

        Raises StateError, or what `change` raises.
        """
        current = snapshot or self.fetch()
        for attempt in range(ATTEMPTS):
            files = change(current)
            if not files:
                return current
            try:
                return self._push(current, files)
            except Moved:
                # Full jitter: runs that met once must not meet again.
                self._sleep(random.uniform(0, min(LONGEST_PAUSE, 0.1 * 2**attempt)))  # noqa: S311 - no secret
                current = self.fetch()
        raise StateError(f"{REF} could not be written: {ATTEMPTS} times somebody else was faster")

    def _push(self, base: Snapshot, files: Mapping[str, bytes | None]) -> Snapshot:
        blobs = dict(base.blobs)
        for path, data in files.items():
            if data is None:
                blobs.pop(path, None)
            else:
                blobs[path] = self._repo.odb.store(IStream("blob", len(data), BytesIO(data))).hexsha.decode()
        commit = self._commit(blobs)
        try:
            self._repo.git.push(
                self._url, f"{commit}:{REF}", force_with_lease=f"{REF}:{base.commit}", porcelain=True, no_verify=True
            )
        except GitCommandError as error:
            if self.tip() not in (base.commit, commit):
                raise Moved from None
            if self.tip() != commit:
                raise _explained("written", error) from None
        return Snapshot(commit, blobs, self._blob, {path: data for path, data in files.items() if data is not None})

    def _commit(self, blobs: Mapping[str, str]) -> str:
        self._index.unlink(missing_ok=True)
        entries = "".join(f"100644 {blob}\t{path}\n" for path, blob in sorted(blobs.items()))
        with TemporaryFile() as listing:
            listing.write(entries.encode())
            listing.seek(0)
            self._repo.git.update_index(index_info=True, istream=listing)
        return str(self._repo.git.commit_tree(self._repo.git.write_tree(), m="State of Skill Fleet"))

    def _snapshot(self, commit: str) -> Snapshot:
        listing = self._repo.git.ls_tree(commit, r=True, z=True, full_tree=True)
        blobs: dict[str, str] = {}
        for entry in filter(None, str(listing).split("\0")):
            head, _, path = entry.partition("\t")
            blobs[path] = head.split()[2]
        return Snapshot(commit, blobs, self._blob)

    def _blob(self, sha: str) -> bytes:
        data: bytes = self._repo.odb.stream(bytes.fromhex(sha)).read()
        return data


def _explained(what: str, error: GitCommandError) -> StateError:
    words = redact(str(error.stderr)).strip().removeprefix("stderr: ").strip("' \n")
    advice = ""
    if "403" in words or "denied" in words.casefold():
        advice = " The job needs `permissions: contents: write`; workflows of forks never have it."
    return StateError(f"{REF} could not be {what}: {words[-500:]}.{advice}")
