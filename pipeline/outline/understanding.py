"""Phase 1's answers from the request's own words."""

import re
from collections.abc import Sequence

from pipeline.journey import ClarificationRound
from pipeline.models import (
    Ambiguity,
    Dependencies,
    Dependency,
    Domain,
    Intent,
    Level,
    OutlineSection,
    Requirements,
    Resource,
    SkillCategory,
    SkillRequest,
)
from pipeline.naming import slug, valid_description
from pipeline.outline.generation import is_long, long_example_path
from pipeline.outline.language import detect
from pipeline.outline.phrases import PHRASES, Asked, phrases
from pipeline.outline.reading import Notes, clean, does, read, speaks_of_the_skill
from pipeline.routing import similarity, terms
from pipeline.signatures.understanding import KnownSkill, PlacementChoice, PlanDraft, StructureProposal

_DESCRIPTION_GOAL = 400
_STANDS_ALONE = re.compile(r"(after|before|during|while|on|in|at)\b", re.I)
_PREPOSITIONS = frozenset(
    [
        "from",
        "before",
        "after",
        "into",
        "for",
        "with",
        "that",
        "which",
        "to",
        "by",
        "when",
        "pour",
        "avec",
        "para",
        "con",
        "für",
        "mit",
        "von",
    ]
)
UNNAMED = "requested-skill"
_NAME_WORDS = 4
_NAME_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "for",
        "from",
        "with",
        "and",
        "or",
        "on",
        "by",
        "as",
        "into",
        "that",
        "this",
        "it",
        "is",
        "are",
        "be",
        "how",
        "what",
        "when",
        "your",
        "our",
        "my",
        "please",
        "add",
        "create",
        "make",
        "write",
        "new",
        "skill",
        "skills",
        "agent",
        "agents",
        "der",
        "die",
        "das",
        "ein",
        "eine",
        "einen",
        "für",
        "mit",
        "und",
        "oder",
        "von",
        "zu",
        "aus",
        "le",
        "la",
        "les",
        "un",
        "une",
        "de",
        "des",
        "du",
        "et",
        "pour",
        "avec",
        "el",
        "los",
        "las",
        "una",
        "y",
        "para",
        "con",
    ]
)
_CATEGORIES: tuple[tuple[SkillCategory, re.Pattern[str]], ...] = (
    ("mcp_enhancement", re.compile(r"\bmcp\b", re.I)),
    ("analysis", re.compile(r"\b(analy[sz]|interpret|investigat|compare|evaluat|audit|statisti|auswert)", re.I)),
    ("document_creation", re.compile(
        r"\b(report|document|letter|slides?|presentation|memo|changelog|release notes|minutes|bericht|protokoll|rapport|"
        r"informe)", re.I)),
    ("workflow_automation", re.compile(
        r"\b(deploy|release|migrat|pipeline|workflow|automat|rollback|backup|upgrade|convert|extract|import|export)", re.I)),
)  # fmt: skip


def gather_requirements(request: SkillRequest, clarifications: Sequence[ClarificationRound]) -> Requirements:
    notes = read(request, clarifications)
    text = notes.everything()
    topics = _topics(notes)
    return Requirements(
        domain=_domain(text),
        category=slug(topics[0])[:64] if topics else "",
        target_level=_level(text),
        topics=topics,
        constraints=notes.constraints[:10],
        trigger_phrases=[_line(_situation(item)) for item in (notes.when or [notes.title]) if item][:10],
        negative_triggers=[_line(item) for item in notes.not_when][:10],
        examples=notes.examples[:10],
        steps=(notes.steps or notes.purpose[1:])[:20],
        gotchas=notes.gotchas[:10],
        checks=notes.checks[:10],
        references=notes.references[:10],
        skill_category=next((kind for kind, pattern in _CATEGORIES if pattern.search(text)), "other"),
        title=notes.title[:1].upper() + notes.title[1:] if len(notes.title) <= 80 else "",
        suggested_name=_name(request, notes),
        suggested_description=description(notes),
        language=detect(clean(text))[1],
        ambiguities=_ambiguities(request, notes),
    )


def description(notes: Notes) -> str:
    """What it does, then when to use it, in the person's words."""
    words = phrases(notes.language)
    text = what_it_does(notes)
    if not notes.when:
        return valid_description(f"{text} {words.use_for.format(notes.title)}" if notes.title else text)
    for number, item in enumerate(notes.when):
        situation = _situation(item)
        if number == 0:
            cue = words.use_when.split(" ")[0] if _STANDS_ALONE.match(situation) else words.use_when
            text = _ended(f"{text} {cue} {situation}")
            continue
        joined = _ended(f"{text.rstrip('.。')}{words.or_when}{situation}")
        if len(joined) > _DESCRIPTION_GOAL or _STANDS_ALONE.match(situation):
            break
        text = joined
    return valid_description(text)


def what_it_does(notes: Notes) -> str:
    """The sentence that says what the skill is for; the title when the request has none."""
    candidates = [text for text in notes.purpose if len(terms(text)) >= 3]
    chosen = next((text for text in candidates if speaks_of_the_skill(text)), "") or next(
        (text for text in candidates if not re.match(r"\W*(i|we|ich|wir|je|nous|yo|nosotros)\b", text, re.I)), ""
    )
    first = chosen or (candidates or notes.points or notes.steps or [notes.title])[0]
    return _ended(does(first.split("\n")[0] if not candidates else first) if candidates else notes.title or first)


def analyze_intent(request: SkillRequest, requirements: Requirements) -> Intent:
    notes = read(request, [])
    return Intent(
        purpose=_summary(notes) or requirements.suggested_description,
        problem_statement="",
        target_audience="",
        value_proposition="",
        skill_type="how_to" if requirements.steps else "reference",
        in_scope=[" ".join(point.split()) for point in notes.points][:20],
        out_of_scope=requirements.negative_triggers[:10],
        success_criteria=requirements.checks[:6],
    )


def propose_structure(name: str, description: str) -> StructureProposal:
    return StructureProposal(name=slug(name), description=valid_description(description))


def find_taxonomy_path(requirements: Requirements, tree: str, categories: Sequence[str]) -> dict[str, object]:
    """The category whose skills share most words with the request; the first (most used) when none does."""
    wanted = " ".join([requirements.suggested_name, requirements.suggested_description, *requirements.topics])
    lines = tree.split("\n")

    def likeness(category: str) -> float:
        inside = [similarity(wanted, line) for line in lines if f"/{category}/" in line]
        return max([similarity(wanted, category.replace("-", " ")), *inside])

    best = max(categories, key=likeness)
    reason = f"Its skills are nearest to the request's words ({likeness(best):.2f})." if likeness(best) else ""
    return {"category": best, "choice": PlacementChoice(new_category="", reason=reason, parent_skills=[])}


def analyze_dependencies(requirements: Requirements, existing_skills: Sequence[KnownSkill]) -> Dependencies:
    """Skills that the request names."""
    said = " ".join([*requirements.constraints, *requirements.steps, *requirements.references, *requirements.topics])
    named = [skill for skill in existing_skills if re.search(rf"(?<![\w-]){re.escape(skill.name)}(?![\w-])", said)]
    return Dependencies(recommended=[Dependency(name=skill.name, reason="named in the request") for skill in named][:5])


def synthesize_plan(requirements: Requirements, intent: Intent, plan_feedback: Sequence[str]) -> PlanDraft:
    words = phrases(_code(requirements.language))
    outline = [
        OutlineSection(title=title, points=points)
        for title, points in (
            (words.workflow, list(requirements.steps)),
            (words.scope, [*intent.in_scope, *(f"{words.not_for}: {_bare(text)}" for text in intent.out_of_scope)]),
            (words.rules, list(requirements.constraints)),
            (words.gotchas, list(requirements.gotchas)),
            (words.example, []),
            (words.check, list(requirements.checks)),
            (words.references, list(requirements.references)),
        )
        if points or (title == words.example and requirements.examples)
    ]
    outline = outline or [OutlineSection(title=words.scope, points=[intent.purpose])]
    length = sum(len(point) for section in outline for point in section.points)
    return PlanDraft(
        description=requirements.suggested_description,
        license="",
        compatibility="",
        capabilities=(intent.in_scope or [intent.purpose])[:10],
        content_outline=outline,
        resource_requirements=[
            Resource(path=long_example_path(number), reason=words.example, load_when="")
            for number, example in enumerate(requirements.examples, start=1)
            if is_long(example)
        ][:5],
        success_criteria=intent.success_criteria,
        generation_guidance="\n".join(plan_feedback)[:4_000],
        trigger_phrases=requirements.trigger_phrases,
        negative_triggers=requirements.negative_triggers,
        estimated_length="short" if length < 2_000 else "medium",
        rationale="",
    )


def _ambiguities(request: SkillRequest, notes: Notes) -> list[Ambiguity]:
    """What the request leaves open, by what is missing from it."""
    words = phrases(notes.language)
    found: list[Ambiguity] = []

    def add(asked: Asked, affects: str, *names: str) -> None:
        joined = " / ".join(names)
        found.append(
            Ambiguity.model_validate(
                {
                    "question": asked.text.format(joined),
                    "why": asked.why,
                    "options": list(asked.options if affects == "name" else names or asked.options),
                    "assumption": asked.assumption.format(names[0] if names else ""),
                    "affects": affects,
                }
            )
        )

    described = len(terms(" ".join([*notes.purpose, *notes.points, *notes.steps])))
    if _name(request, notes) == UNNAMED and "name" not in notes.settled:
        add(words.name, "name", f"`{UNNAMED}`")
    if described < 6 and "purpose" not in notes.settled:
        add(words.purpose, "scope")
    if notes.choices and "choice" not in notes.settled:
        add(words.choice, "tools", *notes.choices[0])
    if not notes.steps and len(notes.points) < 3 and "steps" not in notes.settled:
        add(words.steps, "content")
    if not notes.when and "when" not in notes.settled:
        add(words.when, "description")
    if not notes.examples and "examples" not in notes.settled:
        add(words.examples, "content")
    if not notes.checks and "checks" not in notes.settled:
        add(words.checks, "content")
    if not notes.gotchas and not notes.constraints and "pitfalls" not in notes.settled:
        add(words.pitfalls, "content")
    return found


def _topics(notes: Notes) -> list[str]:
    """The title's words, code names and the first words of points: short, and from the request."""
    text = notes.everything()
    marked = re.findall(r"`([^`\n]{2,40})`", re.sub(r"(?s)```.*?```", "", text))
    names = [word for word in notes.title.split() if word.lower() not in _NAME_STOP and len(word) > 1]
    topics = [" ".join(names[:_NAME_WORDS])] if names else []
    return list(dict.fromkeys([*topics, *marked]))[:7]


def _name(request: SkillRequest, notes: Notes) -> str:
    """The name wished for, else made of the title's content words, else of Latin words anywhere."""
    if wished := request.name.strip() or notes.name:
        return wished[:300]
    for text in (notes.title, *notes.purpose[:2]):
        everything = [word for word in slug(text).split("-") if word]
        words = [word for word in everything if word not in _NAME_STOP]
        if len(words) > _NAME_WORDS:
            stop = next((n for n, word in enumerate(everything) if word in _PREPOSITIONS), len(everything))
            before = [word for word in everything[:stop] if word not in _NAME_STOP]
            words = before if len(before) >= 2 else words
        if any(len(word) > 1 and not word.isdigit() for word in words):
            return "-".join(words[:_NAME_WORDS])
    return UNNAMED


def _situation(text: str) -> str:
    """A when-sentence without its opening cue, so that it can follow ours."""
    bare = re.sub(
        r"^\W*((please )?(use|load|trigger)( it| this( skill)?)? )?(when(ever)?|if|wenn|verwenden, wenn|quand|lorsque|cuando)\b[\s,:]*",
        "",
        " ".join(text.split()),
        flags=re.I,
    )
    bare = bare or text
    ordinary = bare[1:2].islower() or bare.split(" ")[0] in ("A", "I")
    return (bare[0].lower() + bare[1:] if ordinary and not bare.startswith("I ") else bare).rstrip(".;。")


def _bare(text: str) -> str:
    return re.sub(
        r"^\W*(not for|do not use( it)?( for| when)?|don't use( it)?( for| when)?|nicht für)\s*", "", text, flags=re.I
    )


def _ended(text: str) -> str:
    text = text.strip().rstrip(":;,")
    return text if not text or text[-1] in ".!?。！？" else f"{text}{'。' if ord(text[-1]) > 0x3000 else '.'}"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def _summary(notes: Notes) -> str:
    """The first sentence, or all of them when the steps are given apart."""
    if not notes.purpose:
        return _ended(notes.title)
    taken: list[str] = []
    for sentence in notes.purpose if notes.steps else notes.purpose[:1]:
        if taken and sum(len(text) + 1 for text in [*taken, sentence]) > 590:
            break
        taken.append(_ended(does(sentence) if speaks_of_the_skill(sentence) else sentence))
    return " ".join(taken)


def _domain(text: str) -> Domain:
    return (
        "technical"
        if re.search(r"`|\b(code|api|git|python|script|test|deploy|database|sql|server|cli)\b", text, re.I)
        else ("domain_knowledge")
    )


def _level(text: str) -> Level:
    if re.search(r"\b(beginner|newcomer|anfänger|débutant|principiante)", text, re.I):
        return "beginner"
    return "advanced" if re.search(r"\b(advanced|expert|senior|fortgeschritten)", text, re.I) else "intermediate"


def _code(language: str) -> str:
    return next((code for code, words in PHRASES.items() if words.language == language), "en")
