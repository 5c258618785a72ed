"""Git's object formats as plain values: identities, commits, trees; writing loose objects. No git process needed."""

import hashlib
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
NULL_SHA = "0" * 40
_TREE_MODE = "040000"


@dataclass(frozen=True)
class Identity:
    name: str
    email: str
    when: datetime

    def encode(self) -> str:
        zone = self.when.strftime("%z") or "+0000"
        name, email = (re.sub(r"[<>\n\0]", "", part).strip() for part in (self.name, self.email))
        return f"{name} <{email}> {int(self.when.timestamp())} {zone}"

    @classmethod
    def decode(cls, text: str) -> "Identity":
        match = re.fullmatch(r"(.*?) ?<(.*?)> (\d+) ([+-])(\d\d)(\d\d)", text)
        if match is None:
            return cls(text, "", datetime.fromtimestamp(0, UTC))
        name, email, stamp, sign, hours, minutes = match.groups()
        shift = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        return cls(name, email, datetime.fromtimestamp(int(stamp), timezone(shift)))


@dataclass(frozen=True)
class CommitData:
    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    author: Identity
    committer: Identity

    @classmethod
    def decode(cls, sha: str, raw: bytes) -> "CommitData":
        head, _, message = raw.decode("utf-8", "replace").partition("\n\n")
        fields: dict[str, list[str]] = {}
        for line in head.split("\n"):
            key, _, value = line.partition(" ")
            fields.setdefault(key, []).append(value)
        author, committer = (Identity.decode(fields[key][0]) for key in ("author", "committer"))
        return cls(sha, fields["tree"][0], tuple(fields.get("parent", ())), message, author, committer)


def encode_commit(tree: str, parents: Sequence[str], message: str, author: Identity, committer: Identity) -> bytes:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {author.encode()}", f"committer {committer.encode()}", "", message.replace("\0", "")]
    return "\n".join(lines).encode("utf-8", "replace")


@dataclass(frozen=True)
class TreeEntry:
    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True)
class TreeChange:
    """Put an object at a path, or remove the path when `sha` is None."""

    path: str
    sha: str | None
    mode: str = "100644"


_Leaf = tuple[str, str]  # mode, id
_Node = dict[str, "_Leaf | _Node"]


def decode_tree(raw: bytes) -> dict[str, _Leaf]:
    """Name -> (mode, id) of one tree object."""
    entries: dict[str, _Leaf] = {}
    position = 0
    while position < len(raw):
        space, end = raw.index(b" ", position), raw.index(b"\0", position)
        name = raw[space + 1 : end].decode("utf-8", "surrogateescape")
        entries[name] = (raw[position:space].decode().zfill(6), raw[end + 1 : end + 21].hex())
        position = end + 21
    return entries


def encode_tree(entries: dict[str, _Leaf]) -> bytes:
    """Git sorts a sub-tree as if its name ended with a slash."""

    def place(item: tuple[str, _Leaf]) -> bytes:
        name, (mode, _) = item
        return (name + ("/" if mode == _TREE_MODE else "")).encode("utf-8", "surrogateescape")

    parts = []
    for name, (mode, sha) in sorted(entries.items(), key=place):
        parts.append(mode.lstrip("0").encode() + b" " + name.encode("utf-8", "surrogateescape") + b"\0")
        parts.append(bytes.fromhex(sha))
    return b"".join(parts)


def edit_tree(
    base: str | None,
    changes: Sequence[TreeChange],
    read: Callable[[str], bytes],
    write: Callable[[bytes], str],
) -> str:
    """The id of `base` with changes applied in order. A file in the way of a folder, or the reverse, is replaced."""

    def load(sha: str) -> _Node:
        return {**decode_tree(read(sha))}

    def open_folder(node: _Node, name: str) -> _Node:
        inner = node.get(name)
        if isinstance(inner, tuple):
            inner = load(inner[1]) if inner[0] == _TREE_MODE else {}
        node[name] = inner = {} if inner is None else inner
        return inner

    def save(node: _Node) -> str:
        entries: dict[str, _Leaf] = {}
        for name, inner in node.items():
            entry = inner if isinstance(inner, tuple) else (_TREE_MODE, save(inner))
            if entry != (_TREE_MODE, EMPTY_TREE):  # git has no empty folders
                entries[name] = entry
        return write(encode_tree(entries))

    root = load(base) if base and base != EMPTY_TREE else {}
    for change in changes:
        *folders, name = change.path.split("/")
        node = root
        for folder in folders:
            node = open_folder(node, folder)
        if change.sha is None:
            node.pop(name, None)
        else:
            node[name] = (change.mode, change.sha)
    return save(root)


def write_object(objects: Path, kind: str, data: bytes) -> str:
    """Store a loose object, as git does: complete or not at all. Its id."""
    content = f"{kind} {len(data)}\0".encode() + data
    sha = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    path = objects / sha[:2] / sha[2:]
    if path.exists():
        return sha
    path.parent.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="tmp_obj_")
    with os.fdopen(handle, "wb") as file:
        file.write(zlib.compress(content, 1))
    Path(temporary).chmod(0o444)
    Path(temporary).replace(path)
    return sha
