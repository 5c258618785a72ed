"""What the state ref holds: a file of rows for each job key, and one file that says who is working on which key. Pure;
standard library only.

Rows are those of the database, table by table, in one JSON line each. Whoever holds a key's lease may change its rows;
everybody else may only add to them. So two runs that meet lose nothing.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

Row = dict[str, str | int | float]
"""A column that is not there is NULL."""
Rows = Mapping[str, tuple[Row, ...]]

FORMAT = 1
META, LEASES, README = "state.json", "leases.json", "README.md"
IDENTITY: Mapping[str, tuple[str, ...]] = {
    "jobs": ("key",),
    "inbox": ("delivery",),
    "effects": ("job_key", "key"),
    "module_calls": ("job_key", "call_key"),
    "job_events": ("at", "type", "phase", "module", "message"),
    "job_moves": ("job_key", "number"),
}
"""Table -> the columns that say what a row is about."""
KEY_COLUMN = {table: "key" if table in ("jobs", "inbox") else "job_key" for table in IDENTITY}
ADDED_BY_ANYBODY = ("inbox", "effects", "module_calls")
"""What a run without the lease adds: what it heard, what it wrote to GitHub, what it paid for."""
EXPLANATION = """\
Skill Fleet keeps what it knows about this repository's skill requests here: one file for each request, and who is
working on it now. It holds what people and the bot said, and no secret. Nothing is lost by looking; to begin anew,
delete the ref. The documentation is in docs/no-server.md of Skill Fleet.
"""


class StateError(Exception):
    """The state cannot be read or written; the text says what and what to do."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Somebody works on a key: a run, and until when it says so (seconds since 1970) unless it says so again."""

    run: str
    until: float

    def is_of_another(self, run: str, now: float) -> bool:
        return self.run != run and self.until > now


@dataclass(frozen=True)
class KeyState:
    """Everything about one key. Rows of a table are in the order in which they came."""

    key: str
    rows: Rows = field(default_factory=dict)

    def of(self, table: str) -> tuple[Row, ...]:
        return self.rows.get(table, ())

    @property
    def job(self) -> Row | None:
        return next(iter(self.of("jobs")), None)

    @property
    def is_worth_keeping(self) -> bool:
        """A job, or words that wait for one."""
        return self.job is not None or any(row.get("done_by") is None for row in self.of("inbox"))

    def added(self, table: str, rows: Iterable[Row]) -> "KeyState":
        """With those rows that are about something new."""
        known = _identities(table, self.of(table))
        new = tuple(row for row in rows if identity(table, row) not in known)
        return replace(self, rows={**self.rows, table: (*self.of(table), *new)}) if new else self


def identity(table: str, row: Row) -> tuple[object, ...]:
    return tuple(row.get(name) for name in IDENTITY[table])


def _identities(table: str, rows: Iterable[Row]) -> set[tuple[object, ...]]:
    return {identity(table, row) for row in rows}


def with_additions(base: KeyState, mine: KeyState, theirs: KeyState) -> KeyState:
    """Their rows, and those that I added since `base`: for a run that does not hold the key's lease."""
    joined = theirs
    for table in ADDED_BY_ANYBODY:
        before = _identities(table, base.of(table))
        joined = joined.added(table, (row for row in mine.of(table) if identity(table, row) not in before))
    return joined


def merged(base: KeyState, mine: KeyState, theirs: KeyState) -> KeyState:
    """My rows, and those that others added since `base`: for the run that holds the key's lease."""
    return with_additions(base, theirs, mine)


def path_of(key: str) -> str:
    """The file of a key: `1204:17` is at `1204/17.jsonl`."""
    return key.replace(":", "/") + ".jsonl"


def render(state: KeyState) -> bytes:
    """The file's bytes; the same rows give the same bytes."""
    lines = [_line({"key": state.key})]
    lines += [_line([table, {**row}]) for table in IDENTITY for row in state.of(table)]
    return "".join(lines).encode()


def parse(data: bytes, path: str) -> KeyState:
    """Raises StateError when the file is not one of ours."""
    try:
        # Not splitlines: people write other line ends (U+2028, U+0085) within their words.
        head, *lines = [json.loads(line) for line in data.decode().removesuffix("\n").split("\n")]
        rows: dict[str, list[Row]] = {}
        for table, row in lines:
            rows.setdefault(table, []).append(dict(row))
        return KeyState(str(head["key"]), {table: tuple(found) for table, found in rows.items()})
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} of the state is not readable: {error}. Was it changed by hand?") from None


def render_leases(leases: Mapping[str, Lease]) -> bytes:
    return _line({key: [lease.run, lease.until] for key, lease in sorted(leases.items())}).encode()


def parse_leases(data: bytes) -> dict[str, Lease]:
    """Raises StateError."""
    try:
        return {key: Lease(str(run), float(until)) for key, (run, until) in json.loads(data).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise StateError(f"{LEASES} of the state is not readable: {error}. Was it changed by hand?") from None


def render_meta(revision: str) -> bytes:
    return _line({"format": FORMAT, "revision": revision}).encode()


def parse_meta(data: bytes) -> str:
    """The database revision that the rows have. Raises StateError for a state of another format."""
    try:
        meta = json.loads(data)
        found, revision = meta["format"], str(meta["revision"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{META} of the state is not readable: {error}. Was it changed by hand?") from None
    if found != FORMAT:
        raise StateError(f"the state has format {found}, this version knows {FORMAT}: use the version that wrote it")
    return revision


def _line(value: "JsonValue") -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def text_of(value: bytes) -> str:
    """A column's bytes as text; what is no UTF-8 says so."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()


def bytes_of(text: str) -> bytes:
    """The opposite of `text_of`; a JSON body never begins with `base64:`."""
    return base64.b64decode(text.removeprefix("base64:")) if text.startswith("base64:") else text.encode()
