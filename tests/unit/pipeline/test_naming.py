"""Names and descriptions that the rules accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.naming import (
    MAX_DESCRIPTION,
    description_problems,
    free_name,
    name_problems,
    slug,
    valid_description,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Skill!! (v2)", "my-skill-v2"),
        ("Rückrufe prüfen", "rueckrufe-pruefen"),
        ("Отчёт о продажах", "otchet-o-prodazhah"),
        ("Créer un résumé", "creer-un-resume"),
        ("snake_case name", "snake-case-name"),
        ("議事録", ""),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 100, "x" * 64),
    ],
)
def test_names_are_made_of_ascii_words(text: str, name: str) -> None:
    assert slug(text) == name


@given(st.lists(st.text(max_size=80), max_size=4), st.lists(st.text(max_size=20), max_size=5))
def test_there_is_always_a_valid_and_free_name(wishes: list[str], taken: list[str]) -> None:
    assert name_problems(free_name(wishes, taken), taken) == []


def test_a_taken_name_is_numbered_and_a_later_wish_preferred() -> None:
    assert free_name(["pdf-tables"], ["pdf-tables"]) == "pdf-tables-2"
    assert free_name(["pdf-tables", "report tables"], ["pdf-tables"]) == "report-tables"
    assert free_name(["claude"], []) == "requested-skill"


@given(st.text(max_size=3_000).filter(lambda text: any(c.isalnum() for c in text)))
def test_a_valid_description_has_no_problems(text: str) -> None:
    made = valid_description(text)
    assert len(made) <= MAX_DESCRIPTION
    assert [problem for problem in description_problems(made) if "empty" not in problem] == []
