"""Which ambiguities are worth a person's time: those whose answer would change the plan. A rule, not an opinion."""

from collections.abc import Sequence

from pipeline.checkpoints import Question
from pipeline.journey import ClarificationRound
from pipeline.models import Ambiguity
from pipeline.routing import similarity

# What an answer changes, most important first. Wording alone changes no plan.
_WEIGHT = {"scope": 0, "tools": 1, "content": 2, "name": 3, "audience": 4, "description": 5}
_SAME_QUESTION = 0.7
_OTHERWISE = "something else, said in a reply"


def significant(ambiguities: Sequence[Ambiguity], asked: Sequence[ClarificationRound], limit: int) -> list[Ambiguity]:
    """The ambiguities to ask about now: they matter, have different answers, and were not asked before."""
    before = [question.text for done in asked for question in done.questions]
    chosen: list[Ambiguity] = []
    for ambiguity in sorted(ambiguities, key=lambda item: _WEIGHT.get(item.affects, len(_WEIGHT))):
        if ambiguity.affects not in _WEIGHT or not ambiguity.question or not _answers_differ(ambiguity):
            continue
        if any(_same(ambiguity.question, text) for text in [*before, *(item.question for item in chosen)]):
            continue
        chosen.append(ambiguity)
    return chosen[:limit]


def assumptions(ambiguities: Sequence[Ambiguity], asked: Sequence[ClarificationRound]) -> list[str]:
    """What is taken for granted: of the open ambiguities, and of questions that were put and skipped."""
    taken = [question.assumption for done in asked if done.answer == "" for question in done.questions]
    taken.extend(item.assumption for item in ambiguities if item.affects in _WEIGHT)
    return list(dict.fromkeys(text for text in taken if text))


def as_questions(ambiguities: Sequence[Ambiguity]) -> list[Question]:
    """Each with two to four different suggested answers, however many the model gave."""
    return [
        Question(text=item.question, why=item.why, options=_suggestions(item), assumption=item.assumption)
        for item in ambiguities
    ]


def _suggestions(ambiguity: Ambiguity) -> list[str]:
    """Those given, each once; where there is no choice among them, what would be assumed or else."""
    given = _different(ambiguity.options)
    if len(given) >= 2:
        return given
    return [*(given or [ambiguity.assumption or "as you think best"]), _OTHERWISE]


def _different(options: Sequence[str]) -> list[str]:
    found: dict[str, str] = {}
    for option in options:
        if option.strip():
            found.setdefault(option.strip().lower(), option.strip())
    return list(found.values())


def _answers_differ(ambiguity: Ambiguity) -> bool:
    return len(_different(ambiguity.options)) != 1


def _same(left: str, right: str) -> bool:
    return left.strip().lower() == right.strip().lower() or similarity(left, right) >= _SAME_QUESTION
