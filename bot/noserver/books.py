"""Keeping the books: what this run knows against what the state ref says, and which keys it may work on.

A lease is taken, renewed and given back by the same compare-and-swap that writes rows. A run that dies leaves its
lease to time; whoever comes next goes on from what was written last.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from bot.github.secrets import redact_known
from bot.noserver import state
from bot.noserver.ref import Snapshot, StateRef
from bot.noserver.state import KeyState, Lease, Row, StateError

LEASE_SECONDS = 60.0


@dataclass
class Taken:
    """What came of asking for leases: the keys' state now, by key; and the keys that another run works on."""

    states: dict[str, KeyState] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)


class LeaseLostError(Exception):
    """Another run took the key over, because this one was silent for too long: it must not write its rows any more."""


@dataclass
class Books:
    """One run's view of the state. `base` is, for each key it works on, what it last read or wrote."""

    ref: StateRef
    run: str
    revision: str
    clock: Callable[[], float]
    lease_seconds: float = LEASE_SECONDS
    snapshot: Snapshot | None = None
    base: dict[str, KeyState] = field(default_factory=dict)

    async def look(self) -> Snapshot:
        """The newest state. Raises StateError."""
        if self.snapshot is None or await asyncio.to_thread(self.ref.tip) != self.snapshot.commit:
            self.snapshot = await asyncio.to_thread(self.ref.fetch)
        return self.snapshot

    def read(self, key: str) -> KeyState:
        """A key as the snapshot has it."""
        assert self.snapshot is not None, "nothing was fetched yet"
        return _read(self.snapshot, key)

    @property
    def leases(self) -> Mapping[str, Lease]:
        """Who works on what, as the snapshot has it."""
        assert self.snapshot is not None, "nothing was fetched yet"
        return _leases(self.snapshot)

    def everything(self) -> list[KeyState]:
        assert self.snapshot is not None, "nothing was fetched yet"
        return [state.parse(self.snapshot.read(path) or b"", path) for path in _paths(self.snapshot)]

    @property
    def is_of_another_version(self) -> bool:
        """Are the rows those of an older (or newer) version of the database?"""
        return self.rows_revision != self.revision

    @property
    def rows_revision(self) -> str:
        """The database revision of the rows; ours when there are none yet. Raises StateError."""
        assert self.snapshot is not None, "nothing was fetched yet"
        return _revision(self.snapshot, self.revision)

    async def begin(self, states: Mapping[str, KeyState]) -> None:
        """Write a whole state where there is none. Raises StateError when there is one."""

        def change(snapshot: Snapshot) -> dict[str, bytes | None]:
            if _paths(snapshot):
                raise StateError("somebody else has just written a state there; nothing was written")
            files: dict[str, bytes | None] = {state.path_of(key): self._bytes(each) for key, each in states.items()}
            return self._with_leases(files, {}, snapshot)

        self.snapshot = await asyncio.to_thread(self.ref.change, change, self.snapshot)

    async def upgrade(self, migrated: Callable[[list[KeyState], str], Mapping[str, KeyState]]) -> None:
        """Bring the rows of an older version to this one's revision, all at once. Raises StateError for a newer state.

        `migrated` (rows, their revision) gives the rows as this version has them. Runs of the older version that are
        still at work are refused from then on, and this version's go on from what those wrote last.
        """

        def change(snapshot: Snapshot) -> dict[str, bytes | None]:
            stored = _revision(snapshot, self.revision)
            if stored == self.revision:
                return {}
            if stored > self.revision:
                raise StateError(f"the state is of revision {stored}, this version knows {self.revision}: update it")
            old = [state.parse(snapshot.read(path) or b"", path) for path in _paths(snapshot)]
            now = migrated(old, stored)
            files: dict[str, bytes | None] = {state.path_of(key): self._bytes(known) for key, known in now.items()}
            return {**files, state.META: state.render_meta(self.revision)}

        self.snapshot = await asyncio.to_thread(self.ref.change, change, self.snapshot)

    async def take(self, mine: Mapping[str, KeyState]) -> Taken:
        """Add what is new in `mine` to the state, and take the leases of these keys that nobody works on.

        Rows are added whoever holds the lease: they are how a run hears of an event that another one got.
        """
        taken = Taken()

        def change(snapshot: Snapshot) -> dict[str, bytes | None]:
            taken.states.clear()
            taken.busy.clear()
            now, leases = self.clock(), _leases(snapshot)
            files: dict[str, bytes | None] = {}
            for key, known in mine.items():
                theirs = _read(snapshot, key)
                joined = state.with_additions(self.base.get(key, KeyState(key)), known, theirs)
                if joined != theirs:
                    files[state.path_of(key)] = self._bytes(joined)
                lease = leases.get(key)
                if lease is not None and lease.is_of_another(self.run, now):
                    taken.busy.add(key)
                else:
                    taken.states[key] = joined
                    leases[key] = Lease(self.run, now + self.lease_seconds)
            return self._with_leases(files, leases, snapshot)

        self.snapshot = await asyncio.to_thread(self.ref.change, change, self.snapshot)
        self.base.update(taken.states)
        return taken

    async def write(self, mine: Mapping[str, KeyState], *, release: bool) -> dict[str, tuple[Row, ...]]:
        """Write the keys' rows and renew their leases, or give them back; inbox rows that others added, by key.

        A key with such rows keeps its lease, for there is work left. Raises LeaseLostError, StateError.
        """
        news: dict[str, tuple[Row, ...]] = {}
        written: dict[str, KeyState] = {}
        lost: set[str] = set()

        def change(snapshot: Snapshot) -> dict[str, bytes | None]:
            news.clear()
            written.clear()
            lost.clear()
            now, leases = self.clock(), _leases(snapshot)
            files: dict[str, bytes | None] = {}
            for key, known in mine.items():
                theirs, base = _read(snapshot, key), self.base.get(key, KeyState(key))
                lease = leases.get(key)
                if (lease is not None and lease.is_of_another(self.run, now)) or theirs.job != base.job:
                    lost.add(key)
                    joined = state.with_additions(base, known, theirs)
                else:
                    joined = state.merged(base, known, theirs)
                    if added := joined.of("inbox")[len(known.of("inbox")) :]:
                        news[key] = added
                    if release and key not in news:
                        leases.pop(key, None)
                    else:
                        leases[key] = Lease(self.run, now + self.lease_seconds)
                written[key] = joined if joined == theirs else state.parse(self._bytes(joined), state.path_of(key))
                if joined != theirs:
                    files[state.path_of(key)] = self._bytes(joined) if joined.is_worth_keeping else None
            return self._with_leases(files, leases, snapshot)

        self.snapshot = await asyncio.to_thread(self.ref.change, change, self.snapshot)
        self.base.update(written)
        if lost:
            raise LeaseLostError(", ".join(sorted(lost)))
        return news

    def _with_leases(
        self, files: dict[str, bytes | None], leases: Mapping[str, Lease], snapshot: Snapshot
    ) -> dict[str, bytes | None]:
        now = self.clock()
        valid = {key: lease for key, lease in leases.items() if lease.until > now}
        if valid != _leases(snapshot):
            files[state.LEASES] = state.render_leases(valid)
        if _revision(snapshot, self.revision) != self.revision:
            raise StateError("the state was taken over by another version of Skill Fleet while this run was at work")
        if files and snapshot.read(state.META) is None:
            files[state.META] = state.render_meta(self.revision)
        if files and snapshot.read(state.README) is None:
            files[state.README] = state.EXPLANATION.encode()
        return files

    @staticmethod
    def _bytes(known: KeyState) -> bytes:
        """The last gate: no secret that this process knows is in what it writes."""
        return redact_known(state.render(known).decode()).encode()


def open_keys(states: Iterable[KeyState]) -> set[str]:
    """Keys with inbox rows that nobody has dealt with."""
    return {each.key for each in states if any(row.get("done_by") is None for row in each.of("inbox"))}


def _read(snapshot: Snapshot, key: str) -> KeyState:
    path = state.path_of(key)
    data = snapshot.read(path)
    return KeyState(key) if data is None else state.parse(data, path)


def _paths(snapshot: Snapshot) -> list[str]:
    return [path for path in snapshot.blobs if path.endswith(".jsonl")]


def _revision(snapshot: Snapshot, ours: str) -> str:
    """The database revision of the rows; ours when there are none yet. Raises StateError."""
    meta = snapshot.read(state.META)
    return ours if meta is None else state.parse_meta(meta)


def _leases(snapshot: Snapshot) -> dict[str, Lease]:
    data = snapshot.read(state.LEASES)
    return {} if data is None else state.parse_leases(data)
