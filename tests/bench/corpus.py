"""The skills that benchmarks run over: a folder named by SKILL_FLEET_BENCH_CORPUS, or made-up ones.

Real skills stay outside the repository, their licences being their authors'. The made-up ones have the sizes real ones
were measured to have: body lines 26 to 1,078 with a median of 168, descriptions of 57 to 993 characters.
"""

import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "SKILL_FLEET_BENCH_CORPUS"
_WORDS = [
    "report",
    "table",
    "invoice",
    "customer",
    "branch",
    "release",
    "schema",
    "query",
    "deploy",
    "metric",
    "alert",
    "ticket",
    "review",
    "draft",
    "contract",
    "image",
    "chart",
    "folder",
    "index",
    "parser",
    "cache",
    "queue",
    "worker",
    "token",
    "policy",
    "region",
    "account",
    "ledger",
    "budget",
    "forecast",
    "survey",
    "dataset",
]
_VERBS = [
    "read",
    "list",
    "check",
    "compare",
    "collect",
    "group",
    "sort",
    "write",
    "verify",
    "measure",
    "split",
    "merge",
    "rename",
    "archive",
    "publish",
]


@contextmanager
def corpus(count: int = 1500) -> Iterator[tuple[Path, str]]:
    """The folder to run over, and what it is."""
    named = os.environ.get(VARIABLE)
    if named:
        yield Path(named), f"the skills in ${VARIABLE}"
        return
    with tempfile.TemporaryDirectory(prefix="skills-") as folder:
        write_skills(Path(folder), count)
        yield Path(folder), f"made-up skills (set {VARIABLE} for real ones)"


def skill_folders(root: Path) -> list[Path]:
    """The folders that hold a SKILL.md."""
    return sorted(path.parent for path in root.rglob("SKILL.md"))


def write_skills(root: Path, count: int, *, seed: int = 7) -> None:
    """Writes so many different skills below `root`, in categories of fifty."""
    chance = random.Random(seed)
    for number in range(count):
        name = f"{chance.choice(_VERBS)}-{chance.choice(_WORDS)}-{number}"
        folder = root / "skills" / f"category-{number // 50}" / name
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(_skill(name, chance))
        if chance.random() < 0.35:
            (folder / "references").mkdir()
            (folder / "references/details.md").write_text("# Details\n\n" + _section(chance, 40))
        if chance.random() < 0.15:
            (folder / "scripts").mkdir()
            (folder / "scripts/run.py").write_text(_SCRIPT)


_SCRIPT = """\"\"\"Counts lines. Usage: run.py FILE\"\"\"
import argparse

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("file")
with open(parser.parse_args().file) as file:
    print(sum(1 for _ in file))
"""


def _sentence(chance: random.Random, length: int) -> str:
    return " ".join([chance.choice(_VERBS).capitalize(), "the", *chance.choices(_WORDS, k=length)]) + "."


def _section(chance: random.Random, lines: int) -> str:
    written: list[str] = []
    while len(written) < lines:
        kind = chance.random()
        if kind < 0.5:
            written += [f"{n}. {_sentence(chance, chance.randint(4, 14))}" for n in range(1, chance.randint(3, 9))]
        elif kind < 0.7:
            written += ["```sh", *(f"{w} --all > out.txt" for w in chance.choices(_VERBS, k=4)), "```"]
        elif kind < 0.8:
            written += ["| a | b |", "| --- | --- |", *(f"| `{w}` | {w} it |" for w in chance.choices(_WORDS, k=5))]
        else:
            written += [
                f"{_sentence(chance, 20)} See [the page](https://example.com/{chance.choice(_WORDS)}) and **{'x'}**."
            ]
        written.append("")
    return "\n".join(written)


def _skill(name: str, chance: random.Random) -> str:
    description = f"{_sentence(chance, int(chance.lognormvariate(3.2, 0.6)))} Use when somebody asks for {name}."
    lines = min(1100, max(20, int(chance.lognormvariate(5.12, 0.85))))
    parts = [f'---\nname: {name}\ndescription: "{description[:1000]}"\nlicense: MIT\n---\n\n# {name}\n']
    while lines > 0:
        size = min(lines, 40)
        parts.append(f"\n## {_sentence(chance, 3)}\n\n{_section(chance, size)}")
        lines -= size + 3
    return "".join(parts)
