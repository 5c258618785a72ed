"""A draft is judged once for each state of it and of its neighbours."""

import pytest

from pipeline import checking
from pipeline.checking import check
from pipeline.models import SkillDraft
from pipeline.skills.taxonomy import Taxonomy, TaxonomyEntry

DOCUMENT = "---\nname: fax\ndescription: Sends a fax. Use when a fax is due.\n---\n\n# Fax\n\n1. Dial the number.\n"
DRAFT = SkillDraft(name="fax", path="skills/fax", files={"SKILL.md": DOCUMENT})


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The drafts that the rules really looked at."""
    seen: list[str] = []
    really = checking.validate_skill

    def counted(name: str, *args: object, **options: object) -> object:
        seen.append(name)
        return really(name, *args, **options)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(checking, "validate_skill", counted)
    monkeypatch.setattr(checking, "_CHECKED", type(checking._CHECKED)())
    return seen


def test_the_same_draft_among_the_same_skills_is_judged_once(judged: list[str]) -> None:
    findings, verdict = check(DRAFT, Taxonomy())
    findings.append(findings[0])
    assert check(DRAFT, Taxonomy()) == (findings[:-1], verdict)
    assert judged == ["fax"]


def test_another_file_another_byte_or_another_neighbour_is_judged_anew(judged: list[str]) -> None:
    neighbour = TaxonomyEntry(name="mail", description="Sends a fax. Use when a fax is due.", path="skills/mail")
    check(DRAFT, Taxonomy())
    check(DRAFT.model_copy(update={"files": {**DRAFT.files, "assets/a.txt": "a"}}), Taxonomy())
    check(DRAFT.model_copy(update={"files": {"SKILL.md": DOCUMENT + "2. Wait.\n"}}), Taxonomy())
    check(DRAFT, Taxonomy(entries=(neighbour,)))
    assert len(judged) == 4


def test_what_is_remembered_is_bounded(judged: list[str]) -> None:
    for number in range(checking._REMEMBERED + 5):
        checking._CHECKED[str(number).encode()] = ([], "pass")
    check(DRAFT, Taxonomy())
    assert len(checking._CHECKED) == checking._REMEMBERED
