"""Phase 3's answers: test cases from the request's situations and examples; no opinions."""

import re
from collections.abc import Mapping, Sequence

from pipeline.models import EvalCase, TestCases, TriggerCase
from pipeline.naming import valid_description
from pipeline.outline.language import detect
from pipeline.outline.phrases import Phrases, phrases
from pipeline.outline.reading import sentences
from pipeline.routing import distinct, terms
from pipeline.sections import split
from pipeline.signatures.validation import Judgement, Review

_PER_KIND = 10
_LEAST = 4
_LONGEST = 160
_ITEM = re.compile(r"^(?:[-*+]|\d+[.)])\s+(?P<text>.+)$", re.MULTILINE)
# What anybody says who wants the thing done. Only a request too thin to give words for more is tested with these.
_ASKING: Mapping[str, tuple[str, ...]] = {
    "en": ("Help me with {}.", "Please do this for me: {}", "I have to deal with {} today."),
    "de": ("Hilf mir bei {}.", "Bitte erledige das für mich: {}", "Ich muss mich heute um {} kümmern."),
    "fr": ("Aide-moi pour {}.", "Fais ceci pour moi, s’il te plaît : {}", "Je dois m’occuper de {} aujourd’hui."),
    "es": ("Ayúdame con {}.", "Por favor, haz esto por mí: {}", "Hoy tengo que ocuparme de {}."),
    "ja": ("{} を手伝ってください", "次のことをお願いします: {}", "今日 {} に取り組む必要があります"),
}
# Near misses: about the same thing, but for somebody else to answer.
_NEAR_MISSES: Mapping[str, tuple[str, ...]] = {
    "en": ("Who is responsible for {}?", "How long does {} usually take?", "Which courses teach {}?"),
    "de": ("Wer ist für {} zuständig?", "Wie lange dauert {} meistens?", "Welche Kurse gibt es zu {}?"),
    "fr": ("Qui est responsable de {} ?", "Combien de temps dure {} en général ?", "Quels cours existent sur {} ?"),
    "es": ("¿Quién es responsable de {}?", "¿Cuánto tarda normalmente {}?", "¿Qué cursos hay sobre {}?"),
    "ja": ("{} の担当者は誰ですか", "{} には普段どのくらい時間がかかりますか", "{} の講座はありますか"),
}


def generate_test_cases(
    name: str,
    description: str,
    body: str,
    trigger_phrases: Sequence[str],
    negative_triggers: Sequence[str],
    siblings: Sequence[str],
) -> TestCases:
    """Queries out of the request's own words, eight of each kind where it has enough of them, four where it has few."""
    code = detect(description + " " + body[:2_000])[0]
    words = phrases(code)
    does = description.partition(words.use_when)[0].strip() or description
    topic = name.replace("-", " ")
    cue = words.use_when.split()[0].rstrip(":")
    said = [sentence for sentence in (does, *sentences(does)[:2]) if cue not in sentence] or [does]
    should = [*trigger_phrases, *said, topic, *_in_detail(topic, body, words)]
    short = [f"“{phrase}”" for phrase in (topic, *(text for text in trigger_phrases if len(text) <= 60))]
    frames = (words.explain, *_NEAR_MISSES.get(code, _NEAR_MISSES["en"]))
    should_not = [
        *negative_triggers,
        *(sibling.partition(": ")[2].split(". ")[0] for sibling in siblings),
        *(frame.format(phrase) for frame in frames for phrase in short),
    ]
    likely, unlikely = distinct(should, limit=_PER_KIND, alike=0.95), distinct(should_not, limit=_PER_KIND, alike=0.95)
    asked = (frame.format(short[-1]) for frame in _ASKING.get(code, _ASKING["en"]))
    likely += list(asked)[: max(0, _LEAST - len(likely))]
    balanced = min(len(likely), len(unlikely))
    triggers = [
        *(TriggerCase(query=query, should_trigger=True) for query in likely[:balanced]),
        *(TriggerCase(query=query, should_trigger=False) for query in unlikely[:balanced]),
    ]
    return TestCases(
        triggers=triggers, evals=_evals(body, does, trigger_phrases, words.example, (words.check, words.rules))
    )


def _in_detail(topic: str, body: str, words: Phrases) -> list[str]:
    """What somebody asks who wants one part of it: the skill's topic and a step, in the document's words."""
    parts = {part.heading: part.below for part in split(body) if part.heading}
    text = "\n".join(parts.get(heading, "") for heading in (words.workflow, words.scope, words.rules, words.check))
    first = (sentences(match["text"])[:1] for match in _ITEM.finditer(text))
    return [f"{topic}: {item.rstrip(':')}" for some in first for item in some if len(item) <= _LONGEST]


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
