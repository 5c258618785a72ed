"""A request in free words changes a skill only when it says so."""

import pytest

from pipeline import existing
from pipeline.existing import skill_to_change
from pipeline.models import SkillRequest

NAMES = ["changelog-entry", "sql-migration-review", "pdf"]


def _request(title: str, text: str = "", **fields: str) -> SkillRequest:
    return SkillRequest(title=title, text=text, author="riley", **fields)


@pytest.mark.parametrize(
    ("title", "text", "named"),
    [
        ("Update changelog-entry: add a tone", "", "changelog-entry"),
        ("Please extend the skill `changelog-entry` with a tone section", "", "changelog-entry"),
        ("changelog-entry: mention reverts", "", "changelog-entry"),
        ("Improve skills/changelog-entry", "", "changelog-entry"),
        ("Ändere den Skill sql-migration-review", "", "sql-migration-review"),
        ("A tone for our entries", "Change changelog-entry so that it has a tone.", "changelog-entry"),
        ("Fix the pdf skill", "", "pdf"),
        ("Update `pdf`", "", "pdf"),
        ("Fix pdf exports", "", ""),
        ("A skill like changelog-entry for blog posts", "", ""),
        ("Commit messages", "They should look as changelog-entry makes them.", ""),
        ("Update changelog-entry-long", "", ""),
        ("Update changelog-entry and sql-migration-review", "", ""),
        ("Merge changelog-entry into sql-migration-review", "", ""),
    ],
)
def test_what_is_named_for_a_change(title: str, text: str, named: str) -> None:
    assert skill_to_change(_request(title, text), NAMES) == named


def test_the_form_s_own_field_decides_where_the_form_was_used() -> None:
    assert skill_to_change(_request("Update changelog-entry", existing_skill="pdf"), NAMES) == "pdf"
    assert skill_to_change(_request("Update changelog-entry", purpose="A new one."), NAMES) == ""


def test_of_many_skills_only_those_that_are_mentioned_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []
    is_to_change = existing._is_to_change

    def look(line: str, name: str) -> bool:
        looked_for.append(name)
        return is_to_change(line, name)

    monkeypatch.setattr(existing, "_is_to_change", look)
    many = [*(f"skill-{number}" for number in range(2_000)), "PDF-forms"]
    assert skill_to_change(_request("Update pdf-forms: add a tone"), many) == "PDF-forms"
    assert looked_for == ["PDF-forms"]


def test_a_long_hostile_title_costs_little() -> None:
    assert skill_to_change(_request("update " + "a " * 490), NAMES) == ""
