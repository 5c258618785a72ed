"""Phase 3's answers: test cases from the request's situations and examples; no opinions."""

from collections.abc import Sequence

from pipeline.models import EvalCase, TestCases, TriggerCase
from pipeline.naming import valid_description
from pipeline.outline.language import detect
from pipeline.outline.phrases import phrases
from pipeline.outline.reading import sentences
from pipeline.routing import terms
from pipeline.sections import split
from pipeline.signatures.validation import Judgement, Review

_PER_KIND = 10


def generate_test_cases(
    name: str,
    description: str,
    body: str,
    trigger_phrases: Sequence[str],
    negative_triggers: Sequence[str],
    siblings: Sequence[str],
) -> TestCases:
    words = phrases(detect(description + " " + body[:2_000])[0])
    does = description.partition(words.use_when)[0].strip() or description
    topic = name.replace("-", " ")
    should = [*trigger_phrases, does, *sentences(does)[:2], topic]
    should_not = [
        *negative_triggers,
        *(sibling.partition(": ")[2].split(". ")[0] for sibling in siblings),
        *(
            words.explain.format(f"“{phrase}”")
            for phrase in (topic, *(text for text in trigger_phrases if len(text) <= 60))
        ),
    ]
    balanced = min(_PER_KIND, len(set(should)), len(set(should_not)))
    triggers = [
        *(TriggerCase(query=query, should_trigger=True) for query in list(dict.fromkeys(should))[:balanced] if query),
        *(
            TriggerCase(query=query, should_trigger=False)
            for query in list(dict.fromkeys(should_not))[:balanced]
            if query
        ),
    ]
    return TestCases(
        triggers=triggers, evals=_evals(body, does, trigger_phrases, words.example, (words.check, words.rules))
    )


def _evals(
    body: str, does: str, trigger_phrases: Sequence[str], example: str, asserted: Sequence[str]
) -> list[EvalCase]:
    """A task per situation; what is asserted are the document's own rules and checks."""
    parts = {part.heading: part.below.strip() for part in split(body) if part.heading}
    assertions = [
        line.lstrip("-0123456789. ").strip()
        for heading in asserted
        for line in parts.get(heading, "").split("\n")
        if line.strip() and not line.startswith((" ", "`"))
    ][:6]
    tasks = [*trigger_phrases[:2], *([parts[example]] if parts.get(example) else [])] or [does]
    return [EvalCase(prompt=task, expected_output=valid_description(does), assertions=assertions) for task in tasks[:3]]


def validate_skill() -> Review:
    return Review(strengths=[], issues=[])


def assess_quality(document: str, success_criteria: Sequence[str]) -> Judgement:
    """Which criteria's words occur; no more is claimed."""
    have = set(terms(document))
    meets = [text for text in success_criteria if set(terms(text)) <= have]
    missing = [text for text in success_criteria if text not in meets]
    share = len(meets) / len(success_criteria) if success_criteria else 0.0
    return Judgement(clarity=share, usefulness=share, strengths=[], weaknesses=[], meets=meets, missing=missing)
