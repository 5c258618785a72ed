"""Trees and commits written without git are the ones git itself would write."""

import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.git_objects import (
    EMPTY_TREE,
    CommitData,
    Identity,
    TreeChange,
    decode_tree,
    edit_tree,
    encode_commit,
    encode_tree,
)
from bot.sandbox.git_store import GitStore

NAMES = st.sampled_from(["a", "b", "a.b", "a-b", "A", "ä", "a b"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = st.sampled_from(["one", "two"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> GitStore:
    return GitStore.init(tmp_path_factory.mktemp("git") / "x.git", "main")


def files_after(changes: list[tuple[str, str]]) -> dict[str, str]:
    """What the tree must hold: a file replaces a folder in its way, and the reverse."""
    files: dict[str, str] = {}
    for path, content in changes:
        for other in [each for each in files if each == path or each.startswith(f"{path}/")]:
            del files[other]
        parts = path.split("/")
        for depth in range(1, len(parts)):
            files.pop("/".join(parts[:depth]), None)
        files[path] = content
    return files


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(PATHS, CONTENTS), max_size=8))
def test_a_tree_holds_exactly_what_was_put(store: GitStore, changes: list[tuple[str, str]]) -> None:
    edits = [TreeChange(path, store.write_blob(content.encode())) for path, content in changes]
    sha = store.write_tree(None, edits)
    found = {
        each.path: store.read(each.sha).decode() for each in store.tree(sha, recursive=True) if each.kind == "blob"
    }
    assert found == files_after(changes)


def test_git_finds_no_fault_with_what_was_written(store: GitStore) -> None:
    blob = store.write_blob(b"x")
    paths = ["a/b", "a.txt", "a-b", "a0", "ab/c/d", "ä/ö"]
    base = store.write_tree(None, [TreeChange(path, blob) for path in paths])
    without = store.write_tree(base, [TreeChange("ab/c/d", None), TreeChange("a/b", None)])
    assert [each.path for each in store.tree(without, recursive=False)] == ["a-b", "a.txt", "a0", "ä"]
    folder = store.write_tree(without, [TreeChange("copy", base, "040000")])
    who = Identity("Ä <x>\n", "a@b", datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3, minutes=-30))))
    sha = store.write_commit(folder, [], "Message\n\nBody", who, who)
    store.update_ref("refs/heads/main", sha)
    done = subprocess.run(["git", "-C", store.path, "fsck", "--strict"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "warning" not in done.stderr and "error" not in done.stderr, done.stderr
    assert store.commit(sha).author.when == who.when


def test_trees_survive_a_round_trip_and_the_empty_one_is_gits() -> None:
    entries = {"a": ("040000", "1" * 40), "a.b": ("100644", "2" * 40), "a-b": ("100755", "3" * 40)}
    assert decode_tree(encode_tree(entries)) == entries
    assert list(decode_tree(encode_tree(entries))) == ["a-b", "a.b", "a"]
    written: list[bytes] = []

    def write(data: bytes) -> str:
        written.append(data)
        return EMPTY_TREE

    assert edit_tree(None, [TreeChange("a/b", None)], lambda sha: b"", write) == EMPTY_TREE


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\r")), st.integers(0, 4_000_000_000))
def test_commits_survive_a_round_trip(message: str, seconds: int) -> None:
    who = Identity("Riley", "r@x", datetime.fromtimestamp(seconds, UTC))
    data = CommitData.decode("f" * 40, encode_commit("1" * 40, ["2" * 40, "3" * 40], message, who, who))
    assert (data.message, data.author, data.parents) == (message, who, ("2" * 40, "3" * 40))
