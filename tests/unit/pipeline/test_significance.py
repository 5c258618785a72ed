"""Which questions are worth asking."""

import pytest

from pipeline.journey import ClarificationRound
from pipeline.models import Ambiguity
from pipeline.significance import as_questions, assumptions, significant


def ambiguity(question: str, affects: str = "content", options: tuple[str, ...] = ("x", "y")) -> Ambiguity:
    return Ambiguity.model_validate(
        {"question": question, "why": "w", "options": list(options), "assumption": f"A: {question}", "affects": affects}
    )


PYTHON = ambiguity("py or js?", "tools")


@pytest.mark.parametrize(
    ("open_", "asked"),
    [
        ([PYTHON], ["py or js?"]),
        ([ambiguity("Title case or not?", "wording")], []),
        ([ambiguity("Which one?", options=("same", "Same "))], []),
        ([ambiguity("", "scope")], []),
        ([PYTHON, PYTHON], ["py or js?"]),
        (
            [ambiguity("Who reads it?", "audience"), ambiguity("What is it for?", "scope")],
            ["What is it for?", "Who reads it?"],
        ),
    ],
)
def test_only_what_would_change_the_plan_is_asked_and_the_weightiest_first(
    open_: list[Ambiguity], asked: list[str]
) -> None:
    assert [item.question for item in significant(open_, [], 5)] == asked


def test_a_question_is_never_asked_twice_even_in_other_words() -> None:
    done = ClarificationRound(
        questions=as_questions([ambiguity("Which database should the migration target?")]), answer="x"
    )
    again = ambiguity("Which database should migrations target?")
    assert significant([again], [done], 5) == []


def test_the_limit_holds() -> None:
    topics = ("apples", "bridges", "clouds", "dragons", "engines", "forests", "guitars")
    assert len(significant([ambiguity(f"Which {topic}?") for topic in topics], [], 5)) == 5


def test_open_and_skipped_questions_become_assumptions_and_answered_ones_do_not() -> None:
    skipped = ClarificationRound(questions=as_questions([ambiguity("Which shell?")]), answer="")
    answered = ClarificationRound(questions=as_questions([ambiguity("Which branch?")]), answer="main")
    found = assumptions([PYTHON, ambiguity("Comma?", "wording")], [skipped, answered])
    assert found == ["A: Which shell?", "A: py or js?"]


@pytest.mark.parametrize(
    ("given", "offered"),
    [
        (("a", "b", "c", "d"), ["a", "b", "c", "d"]),
        (("a", "A ", " b"), ["a", "b"]),
        (("a",), ["a", "something else, said in a reply"]),
        ((), ["A: Which shell?", "something else, said in a reply"]),
        (("", " "), ["A: Which shell?", "something else, said in a reply"]),
    ],
)
def test_every_question_offers_two_to_four_different_answers(given: tuple[str, ...], offered: list[str]) -> None:
    [question] = as_questions([ambiguity("Which shell?", options=given)])
    assert question.options == offered
