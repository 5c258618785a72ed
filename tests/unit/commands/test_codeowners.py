"""CODEOWNERS: the examples of GitHub's documentation, and what GitHub ignores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.codeowners import MAX_BYTES, Owners, owners_of, owners_of_skill, parse

DOCUMENTED = """\
# This is a comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
/apps/github/team/ @doctocat
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README.md", Owners(logins=("global-owner1", "global-owner2"))),
        ("src/deep/a.js", Owners(logins=("js-owner",))),
        ("a.go", Owners(emails=("docs@example.com",))),
        ("a.txt", Owners(teams=("octo-org/octocats",))),
        ("build/logs/x/y.log", Owners(logins=("octocat",))),
        ("deeply/nested/logs/z", Owners(logins=("octocat",))),
        ("docs/a/b.md", Owners(logins=("doctocat",))),
        ("scripts/run.sh", Owners(logins=("doctocat", "octocat"))),
        ("x/apps/y.md", Owners(logins=("octocat",))),
        ("apps/z/file", Owners(logins=("octocat",))),
        ("apps/github/file", Owners()),
        ("apps/github", Owners()),
        ("apps/github/team/file", Owners(logins=("doctocat",))),
        ("apps/githubber", Owners(logins=("octocat",))),
    ],
)
def test_the_last_matching_line_wins(path: str, owners: Owners) -> None:
    assert owners_of(parse(DOCUMENTED), path) == owners


@pytest.mark.parametrize(
    ("pattern", "matches", "leaves"),
    [
        ("docs/*", "docs/a.md", "docs/build/b.md"),
        ("/*.md", "a.md", "docs/a.md"),
        ("skills/*/SKILL.md", "skills/a/SKILL.md", "skills/a/b/SKILL.md"),
        ("skills/**/SKILL.md", "skills/SKILL.md", "skills/a.md"),
        ("skills/**", "skills/a/b/c", "other/a"),
        ("a?c", "x/abc/file", "a/c"),
        ("my\\ docs/", "my docs/a", "my"),
        ("/skills", "skills/a/SKILL.md", "x/skills/a"),
        ("a.b", "a.b", "axb"),
    ],
)
def test_patterns(pattern: str, matches: str, leaves: str) -> None:
    rules = parse(f"{pattern} @owner")
    assert owners_of(rules, matches).logins == ("owner",)
    assert owners_of(rules, leaves) == Owners()


@pytest.mark.parametrize(
    "line", ["", "# only a comment", "!a @x", "[ab].md @x", "\\#a @x", "a.md notanowner", "a.md @-x", "a.md @x bad!"]
)
def test_lines_that_github_ignores_are_ignored(line: str) -> None:
    assert parse(line) == ()


def test_a_file_larger_than_github_reads_owns_nothing() -> None:
    assert parse("* @owner\n" + "#" * MAX_BYTES) == ()


def test_the_owner_of_a_skill_owns_its_skill_file() -> None:
    text = "* @all\n/skills/ @skills\n/skills/pdf-*/ @documents @acme/writers\r\n"
    assert owners_of_skill(text, "skills/pdf-forms") == Owners(("documents",), ("acme/writers",))
    assert owners_of_skill(text, "skills/git").logins == ("skills",)
    assert owners_of_skill("", "skills/git") == Owners()


def test_a_hostile_pattern_costs_no_more_than_its_length() -> None:
    rules = parse("/" + "**/a*a*a*a*a*a*b/" * 50 + "c @owner")
    assert owners_of(rules, "/".join(["a" * 60] * 50)) == Owners()


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_text_is_an_error(text: str, path: str) -> None:
    owners_of(parse(text), path)
