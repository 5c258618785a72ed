"""Bytes of skills changed at random: whatever comes out is validated and repaired without a crash or a hang.

The crafted skills always; real ones where SKILL_FLEET_CORPUS names their folder. Changes are drawn from a fixed seed,
so that a failure can be repeated; a hang is a test that exceeds its time limit.
"""

import os
import random
from pathlib import Path

import pytest

from pipeline.skills.files import Symlink
from pipeline.skills.fixing import fixed_files
from pipeline.skills.rules.registry import all_rules
from pipeline.skills.validation import validate_skill
from tests.unit.skills.test_edge_cases import CASES

MUTATIONS_OF_EACH = 20
SAMPLE = 160
PLAIN = b"---\n|```\n|\n|\r|\0|: | #|\t|'|\"|[|](|{|<!--|> |- |&a |*a |!!x |$(|\\".split(b"|")
TELLING = [*PLAIN, b"|", b"\xff", b"\xef\xbb\xbf", b"\xf3\xa0\x81\xa1"]
"""Bytes that mean something to one of the parsers."""


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A few places overwritten, removed or repeated, or given telling bytes."""
    changed = bytearray(data or b"-")
    for _ in range(dice.randint(1, 8)):
        at, length = dice.randrange(len(changed) + 1), dice.randint(0, 4)
        match dice.randrange(12):
            case 0 | 1 | 2 | 3:
                changed[at : at + length] = dice.randbytes(dice.randint(0, 4))
            case 4 | 5 | 6 | 7:
                changed[at:at] = dice.choice(TELLING)
            case 8 | 9:
                del changed[at : at + dice.randint(1, 200)]
            case 10:
                changed[at:at] = changed[at : at + dice.randint(1, 200)] * dice.randint(1, 4)
            case _:
                del changed[at:]
    return bytes(changed)


def as_bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


def survive(name: str, files: dict[str, bytes]) -> None:
    findings = validate_skill(name, files).findings
    fixed_files({f"{name}/{path}": data for path, data in files.items()}, findings)
    for finding in findings:
        assert finding.rule in all_rules() and finding.message and finding.line >= 0


def crafted() -> list[dict[str, bytes]]:
    """The edge cases, and the rules' examples of one skill."""
    examples = [rule.bad for rule in all_rules().values() if isinstance(rule.bad, str)]
    skills = [case.skill if isinstance(case.skill, dict) else {"SKILL.md": case.skill} for case in CASES]
    found = []
    for files in [*skills, *({"SKILL.md": example} for example in examples)]:
        kept = {path: c for path, c in files.items() if not isinstance(c, Symlink) and not path.endswith("/")}
        if kept:
            found.append({path: as_bytes(content) for path, content in kept.items()})
    return found


@pytest.mark.timeout(120)
def test_crafted_skills_survive_any_change_of_their_bytes():
    dice = random.Random(7)
    for files in crafted():
        for _ in range(4):
            survive("x", {path: mutated(data, dice) for path, data in files.items()})


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "path", ["scripts/a.py", "scripts/a.sh", "scripts/a.js", "evals/evals.json", "references/a.md"]
)
def test_bundled_files_survive_any_change_of_their_bytes(path):
    dice = random.Random(11)
    suffix = path.rpartition(".")[2]
    examples = [rule.bad for rule in all_rules().values() if not isinstance(rule.bad, str)]
    seeds = [
        as_bytes(content)
        for files in examples
        for name, content in files.items()
        if not isinstance(content, Symlink) and name.endswith(suffix)
    ]
    assert seeds
    body = as_bytes(examples[0].get("pdf-forms/SKILL.md", "---\nname: x\n---\n"))
    for _ in range(120):
        survive("x", {"SKILL.md": body, path: mutated(dice.choice(seeds), dice)})


def real_skills() -> list[Path]:
    corpus = os.environ.get("SKILL_FLEET_CORPUS")
    if not corpus:
        pytest.skip("SKILL_FLEET_CORPUS does not name the folder of the skills")
    return sorted(Path(corpus).rglob("SKILL.md"))


@pytest.mark.timeout(300)
def test_every_real_skill_survives_as_it_is_and_changed_once():
    dice = random.Random(3)
    for path in real_skills():
        data = path.read_bytes()
        survive(path.parent.name, {"SKILL.md": data})
        survive(path.parent.name, {"SKILL.md": mutated(data, dice)})


@pytest.mark.timeout(600)
def test_a_sample_of_real_skills_survives_many_changes():
    dice = random.Random(5)
    for path in dice.sample(real_skills(), SAMPLE):
        data = path.read_bytes()
        for _ in range(MUTATIONS_OF_EACH):
            survive(path.parent.name, {"SKILL.md": mutated(data, dice)})
