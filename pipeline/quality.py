"""Deterministic quality measures of a draft, all in 0..1. They steer refinement; the rules alone decide.

Formulas (unit-tested on good and junk text):

- substance = min(1, distinct content words / 60) x min(1, 4 x distinct / all content words): repetition and empty
  headings have none.
- completeness = mean of: outline sections present with text of their own; topics, capabilities and constraints
  mentioned (half of their content words occur); the request's examples and bundled files present; times substance.
- compliance = 1 - 0.5 for any error - 0.08 per warning - 0.01 per info, at least 0.
- trigger_coverage = share of the queries meant for the skill that a TF-IDF router over the repository's
  descriptions gives to it.
- verbosity = 0.6 x clamp((words per sentence - 14) / 20) + 0.4 x min(1, 10 x filler phrases per sentence), on prose
  without code; list items are sentences.
- size: too_small below 60 words, optimal to 2,500, acceptable to 4,000, too_large beyond (words without code).
- weaknesses are sentences on what is missing, on calls such as `npx tool` that name no version, and on wordiness.
- overall = 0.40 completeness + 0.30 compliance + 0.15 trigger_coverage + 0.15 (1 - verbosity); times 0.7 when too
  small or too large; at most 0.49 while there is an error or substance is below 0.3.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from pipeline.checking import body_of, description_of
from pipeline.models import Plan, QualityAssessment, ReportedFinding, Requirements, SkillDraft
from pipeline.routing import lost, terms
from pipeline.runners import unpinned
from pipeline.sections import split
from pipeline.skills.taxonomy import Taxonomy, TaxonomyEntry

_FILLER = re.compile(
    r"\b(it is important to|it should be noted|please note|in order to|as needed|as appropriate|appropriately|"
    r"best practices?|make sure to|basically|simply|various|leverage|utili[sz]e|robust|seamless\w*|comprehensive|"
    r"high[- ]quality|in today's|at the end of the day|when it comes to)\b",
    re.IGNORECASE,
)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"`([^`\n]+)`")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？:])\s+|\n\s*(?:[-*+]|\d+[.)])\s+|\n{2,}|\n(?=#)")
Size = Literal["too_small", "optimal", "acceptable", "too_large"]


def assess(
    draft: SkillDraft,
    plan: Plan,
    requirements: Requirements,
    findings: Sequence[ReportedFinding],
    taxonomy: Taxonomy,
    queries: Sequence[str] = (),
) -> QualityAssessment:
    """The draft's scores. `queries` are sentences meant for this skill; without them its trigger phrases are used."""
    body = body_of(draft)
    prose = without_code(body)
    solid = substance(body)
    complete, missing = completeness(draft, body, plan, requirements)
    compliant = compliance(findings)
    coverage = trigger_coverage(draft, taxonomy, queries or plan.trigger_phrases)
    wordy = verbosity(prose)
    words = len(prose.split())
    size = size_assessment(words, terms(prose))
    overall = 0.40 * complete * solid + 0.30 * compliant + 0.15 * coverage + 0.15 * (1 - wordy)
    if size in ("too_small", "too_large"):
        overall *= 0.7
    if solid < 0.3 or any(finding.severity == "error" for finding in findings):
        overall = min(overall, 0.49)
    return QualityAssessment(
        overall_score=round(overall, 3),
        completeness=round(complete * solid, 3),
        compliance=round(compliant, 3),
        trigger_coverage=round(coverage, 3),
        verbosity=round(wordy, 3),
        word_count=words,
        size_assessment=size,
        strengths=_strengths(complete, compliant, coverage, wordy),
        weaknesses=[*missing[:5], *_loose(body)[:2], *(["Long sentences or filler phrases."] if wordy > 0.5 else [])],
    )


def _loose(body: str) -> list[str]:
    """Calls in the document's code that run whatever version is newest."""
    code = "\n".join([*(match[0] for match in _FENCED.finditer(body)), *_INLINE_CODE.findall(without_code(body))])
    return [f"`{call}` runs whatever version is newest; name one." for call in unpinned(code)]


def without_code(text: str) -> str:
    return _FENCED.sub("\n", text)


def substance(body: str) -> float:
    """Near 0 for headings without text and for repetition, 1 for text with enough different content."""
    words = terms(_without_headings(body))
    if not words:
        return 0.0
    distinct = len(set(words))
    return min(1.0, distinct / 60) * min(1.0, 4 * distinct / len(words))


def completeness(draft: SkillDraft, body: str, plan: Plan, requirements: Requirements) -> tuple[float, list[str]]:
    """Share of what was planned and asked for that is there, and sentences on what is not."""
    parts = split(body)
    words = {_key(part.heading): len(set(terms(part.below))) for part in parts if part.heading}
    have = set(terms(body))
    checks: list[tuple[bool, str]] = []
    for section in plan.content_outline:
        said = words.get(_key(section.title), 0)
        problem = "says very little" if said else "is missing or empty"
        checks.append((said >= 3, f"The section “{section.title}” {problem}."))
    for topic in requirements.topics:
        checks.append((_mentioned(topic, have), f"The topic “{topic}” does not appear."))
    for item in plan.capabilities:
        checks.append((_mentioned(item, have), f"Nothing on “{item}”."))
    for item in requirements.constraints:
        checks.append((_mentioned(item, have), f"The constraint “{item}” does not appear."))
    everything = set(terms("\n".join(draft.files.values())))
    for example in requirements.examples:
        checks.append((_mentioned(example, everything), "An example from the request does not appear."))
    for resource in plan.resource_requirements:
        there = resource.path in draft.files and resource.path in body
        checks.append((there, f"The bundled file {resource.path} is missing or not mentioned."))
    met = sum(ok for ok, _ in checks)
    return (met / len(checks) if checks else 0.0), [text for ok, text in checks if not ok]


def compliance(findings: Iterable[ReportedFinding]) -> float:
    severities = [finding.severity for finding in findings]
    penalty = 0.5 * ("error" in severities) + 0.08 * severities.count("warning") + 0.01 * severities.count("info")
    return max(0.0, 1.0 - penalty)


def trigger_coverage(draft: SkillDraft, taxonomy: Taxonomy, queries: Sequence[str]) -> float:
    """Share of the queries that load the draft when it stands among the repository's skills."""
    return 1 - len(lost(with_draft(taxonomy, draft), draft.name, queries)) / len(queries) if queries else 0.0


def with_draft(taxonomy: Taxonomy, draft: SkillDraft) -> Taxonomy:
    """The repository as it will be once the draft is merged."""
    return taxonomy.with_entry(TaxonomyEntry(name=draft.name, description=description_of(draft), path=draft.path))


def verbosity(prose: str) -> float:
    sentences = [piece for piece in _SENTENCE_END.split(_without_headings(prose)) if terms(piece) or piece.split()]
    if not sentences:
        return 0.0
    per_sentence = sum(len(piece.split()) for piece in sentences) / len(sentences)
    filler = len(_FILLER.findall(prose)) / len(sentences)
    return 0.6 * max(0.0, min(1.0, (per_sentence - 14) / 20)) + 0.4 * min(1.0, 10 * filler)


def size_assessment(words: int, content: Sequence[str] = ()) -> Size:
    """`content` are the content terms: for scripts without spaces they are counted instead of words."""
    counted = max(words, len(content))
    if counted < 60:
        return "too_small"
    if counted <= 2_500:
        return "optimal"
    return "acceptable" if counted <= 4_000 else "too_large"


def _mentioned(text: str, have: set[str]) -> bool:
    wanted = set(terms(text))
    return not wanted or len(wanted & have) >= len(wanted) / 2


def _key(heading: str) -> str:
    return " ".join(terms(heading)) or heading.strip().lower()


def _without_headings(text: str) -> str:
    return re.sub(r"^ {0,3}#{1,6}[ \t].*$", "", text, flags=re.MULTILINE)


def _strengths(complete: float, compliant: float, coverage: float, wordy: float) -> list[str]:
    found = []
    if complete >= 0.9:
        found.append("Everything planned and asked for is there.")
    if compliant >= 0.99:
        found.append("No rule has anything to say.")
    if coverage >= 0.9:
        found.append("Its description wins the queries meant for it.")
    if wordy <= 0.1:
        found.append("Short sentences without filler.")
    return found
