"""Input made to be slow costs work in proportion to its size, and is reported. Work is counted, never timed.

Counted are the calls of Python and of C functions while a skill is validated: the same number on every machine. What
one call of C does inside (a regular expression, a search in a text) is not seen here; `tests/bench` measures that.
"""

import sys
from collections.abc import Callable
from cProfile import Profile
from dataclasses import dataclass

import pytest

from pipeline.skills.findings import SkillReport
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.validation import validate_skill

MOST_CALLS = 6_000_000
"""About as many as two seconds of the slower of the machines this was tried on allow."""


@dataclass(frozen=True)
class Slow:
    """A skill that grows with a number, how far, and the rule that must speak at full size (none: it is harmless)."""

    build: Callable[[int], str]
    size: int
    reported: str = ""


def front(lines: str) -> str:
    return VALID.replace("\n---\n\n", f"\n{lines}\n---\n\n")


def shell(program: str) -> str:
    return f"{VALID}\n```sh\n{program}\n```\n"


def aliases(levels: int) -> str:
    rows = ["metadata:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return front("\n".join(rows))


SLOW = {
    # the four that were asked for, at the size that was asked for
    "5 MB in one line": Slow(lambda n: VALID + "x" * n, 5_000_000, "STR002"),
    "nested brackets in the body": Slow(lambda n: VALID + "[" * n + "]" * n, 10_000, "STR013"),
    "nested brackets in the frontmatter": Slow(lambda n: front("metadata: " + "[" * n + "]" * n), 10_000, "SPEC008"),
    "alias bomb": Slow(aliases, 60, "SPEC008"),
    "100,000 links": Slow(lambda n: VALID + "".join(f"[a{i}](b{i}.md)\n" for i in range(n)), 100_000, "STR002"),
    "100,000 links in one line": Slow(lambda n: VALID + "".join(f"[a](b{i}) " for i in range(n)), 100_000, "STR002"),
    # the largest that are still parsed
    "words in one paragraph": Slow(lambda n: VALID + "word " * n, 12_000),
    "links in paragraphs": Slow(lambda n: VALID + "".join(f"[a](b{i}.md)\n\n" for i in range(n)), 8_000, "STR004"),
    "links in one paragraph": Slow(lambda n: VALID + "".join(f"[a](b{i}.md) " for i in range(n)), 4_000, "STR004"),
    "open brackets": Slow(lambda n: VALID + "[" * n, 10_000),
    "open images": Slow(lambda n: VALID + "![](" * n, 4_000),
    "nested images": Slow(lambda n: VALID + "![" * n + "](x)" * n, 4_000),
    "link definitions": Slow(lambda n: VALID + "\n" + "".join(f"[a{i}]: b{i}\n" for i in range(n)), 20_000),
    "references to definitions": Slow(lambda n: VALID + "\n[a]: b.md\n\n" + "[a] " * n, 10_000, "STR004"),
    "nested quotations": Slow(lambda n: VALID + "> " * n + "x", 10_000),
    "nested lists": Slow(lambda n: VALID + "- " * n + "x", 10_000),
    "commands nested in each other": Slow(lambda n: shell("curl $(" * n + "ls" + ")" * n), 3_000),
    "interpreters nested in each other": Slow(lambda n: shell("bash -c $(" * n + "curl x" + ")" * n), 3_000, "SEC004"),
    "one long pipe of downloads": Slow(lambda n: shell("curl x | " * n + "sh"), 5_000, "SEC004"),
    "conditions nested in each other": Slow(lambda n: shell("if curl a; then " * n + "fi;" * n), 3_000),
    "headings": Slow(lambda n: VALID + "".join(f"# h{i}\n\n" for i in range(n)), 20_000, "STR001"),
    "table rows": Slow(lambda n: VALID + "| a | b |\n| - | - |\n" + "| `x` | y |\n" * n, 5_000, "STR001"),
    "fences": Slow(lambda n: VALID + "```sh\nls\n```\n" * n, 20_000, "STR001"),
    "one fence, never closed": Slow(lambda n: VALID + "```\n" + "x\n" * n, 100_000, "STR012"),
    "code spans of every length": Slow(lambda n: VALID + "".join("`" * (i % 30 + 1) + " " for i in range(n)), 3_000),
    "code spans": Slow(lambda n: VALID + "`a` ``b " * n, 8_000),
    "emphasis": Slow(lambda n: VALID + "*a _b **c " * n, 6_000),
    "open comments": Slow(lambda n: VALID + "<!-- " * n, 12_000),
    "open tags": Slow(lambda n: VALID + "<a b='" * n, 10_000),
    "entities": Slow(lambda n: VALID + "&amp; &#x41; &" * n, 4_000),
    "shell commands": Slow(lambda n: VALID + "```sh\n" + "curl -s https://a.example/x | tee y\n" * n + "```\n", 4_000),
    "one pipe": Slow(lambda n: VALID + "```sh\n" + "cat x | " * n + "sh\n```\n", 4_000),
    "nested shell": Slow(lambda n: VALID + "```sh\n" + "$(" * n + "ls" + ")" * n + "\n```\n", 4_000),
    "nested Python": Slow(lambda n: VALID + "```python\nx = " + "(" * n + ")" * n + "\n```\n", 4_000),
    "near secrets": Slow(lambda n: VALID + "".join(f"token = 'ghp_{i:036d}'\n" for i in range(n)), 8_000),
    "keys": Slow(lambda n: front("\n".join(f"k{i}: v" for i in range(n))), 4_000, "SPEC019"),
    "one key, many times": Slow(lambda n: front("\n".join("k: v" for _ in range(n))), 4_000, "SPEC007"),
    "nested maps": Slow(lambda n: front("metadata: " + "{a: " * n + "1" + "}" * n), 5_000, "SPEC008"),
    "a long description": Slow(lambda n: VALID.replace("Fills", "Fills " + "word " * n), 30_000, "SPEC013"),
    "delimiters only": Slow(lambda n: "---\n" + "--- \n" * n, 20_000, "SPEC012"),
    "frontmatter without an end": Slow(lambda n: "---\n" + "a: b\n" * n, 100_000, "SPEC003"),
    "ignore comments": Slow(lambda n: VALID + "<!-- skill-fleet: ignore CON002 why -->\n\nx\n\n" * n, 1_500, "IGN002"),
}  # fmt: skip


def work(files: dict[str, str]) -> tuple[int, SkillReport]:
    """The calls made while a skill is validated, and what was said of it. They are counted in C: Python takes longer
    for the counting than for the work."""
    before = sys.getprofile()
    counted = Profile(subcalls=False)
    counted.enable()
    try:
        report = validate_skill("pdf-forms", files)
    finally:
        counted.disable()
        sys.setprofile(before)
    return sum(entry.callcount for entry in counted.getstats()), report


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    validate_skill("pdf-forms", {"SKILL.md": VALID + "\n[a](b.md) `x` *y* <!-- z -->\n\n```sh\nls | cat\n```\n"})
    validate_skill("pdf-forms", {"SKILL.md": VALID, "scripts/a.py": "import os\n", "scripts/a.sh": "ls\n"})


@pytest.mark.timeout(120)
@pytest.mark.parametrize("what", SLOW)
def test_twice_the_input_is_at_most_about_twice_the_work_and_it_is_reported(what):
    slow = SLOW[what]
    half, _ = work({"SKILL.md": slow.build(slow.size // 2)})
    whole, report = work({"SKILL.md": slow.build(slow.size)})
    assert report.name == "pdf-forms" or slow.reported.startswith("SPEC")
    assert not slow.reported or slow.reported in {finding.rule for finding in report.findings}
    assert whole <= 2.4 * half + 20_000
    assert whole <= MOST_CALLS


def test_the_same_skill_is_the_same_work():
    files = {"SKILL.md": SLOW["links in one paragraph"].build(500)}
    work(files)  # what is made at its first use is made
    assert work(files)[0] == work(files)[0]


def test_more_files_are_more_work_in_proportion():
    def count(files: int) -> int:
        pages = {f"references/p{n}.md": f"# P{n}\n\nSee [next](p{n + 1}.md).\n" for n in range(files)}
        return work({"SKILL.md": VALID + "\nSee `references/` for more.\n", **pages})[0]

    assert count(400) <= 2.4 * count(200) + 20_000
