"""What GitHub acts on in a text, and what it leaves alone."""

from pathlib import Path

import pytest

from bot.sandbox.git_store import GitStore
from bot.sandbox.model import AccountKind, Repository
from bot.sandbox.ops.installations import create_repository
from bot.sandbox.reading import closed_by_commit, read
from bot.sandbox.world import World


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    world = World(tmp_path_factory.mktemp("world"))
    return create_repository(world, world.add_account("acme", AccountKind.ORGANIZATION), "skills")


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("@riley", ["riley"]),
        ("(@Riley, @acme/skill-team)", ["riley", "acme/skill-team"]),
        ("&#64;riley and \\@sam", ["riley", "sam"]),
        ("<div>\n@riley\n</div>", ["riley"]),
        ("> @riley", ["riley"]),
        ("| a |\n| - |\n| @riley |", ["riley"]),
        ("# @riley", ["riley"]),
        ("`@riley`", []),
        ("```\n@riley\n```", []),
        ("    @riley", []),
        ("<!-- @riley -->", []),
        ("x <!-- @riley --> y", []),
        ("<code>@riley</code> and <pre>@sam</pre>", []),
        ("riley@example.org", []),
        ("@\u200briley", []),
        ("@-riley", []),
    ],
)
def test_mentions(repo: Repository, text: str, mentions: list[str]) -> None:
    assert list(read(text, repo).mentions) == mentions


@pytest.mark.parametrize(
    ("text", "references", "closes"),
    [
        ("closes #1", [1], [1]),
        ("Fixed: GH-2", [2], [2]),
        ("RESOLVES acme/skills#3, closes other/x#4", [3], [3]),
        ("close https://github.com/acme/skills/issues/5", [5], [5]),
        ("closes\n#6", [6], [6]),
        ("closes **#7**", [7], [7]),
        ("`closes #8`", [], []),
        ("closes `#9`", [], []),
        ("closes #&#8203;1", [], []),
        ("see #10 and a#11", [10], []),
        ("discloses #12", [12], []),
    ],
)
def test_references_and_closing_keywords(repo: Repository, text: str, references: list[int], closes: list[int]) -> None:
    found = read(text, repo)
    assert (list(found.references), list(found.closes)) == (references, closes)


def test_a_commit_message_is_plain_text(repo: Repository) -> None:
    assert closed_by_commit("Add\n\n`Fixes #1`\nsee #2", repo) == (1,)


def test_a_repository_can_be_opened_again(tmp_path: Path) -> None:
    store = GitStore.init(tmp_path / "a.git", "main")
    sha = store.write_blob(b"x")
    store.close()
    assert GitStore(tmp_path / "a.git").read(sha) == b"x"
