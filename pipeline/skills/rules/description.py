"""DES rules: would an agent pick this skill when, and only when, it should? They read the description and the name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pipeline.skills.findings import Provenance, Severity, Span
from pipeline.skills.frontmatter import YamlValue
from pipeline.skills.patterns import Search, hint, lazy
from pipeline.skills.rules.registry import DESCRIPTIONS, SPECIFICATION, Problem, Profile, rule
from pipeline.skills.rules.spec_fields import field_of, shown
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.subject import Subject

AUTHORING = "https://platform.claude.com/docs/en/agents-and-tools/agent-skills/best-practices"

_TRIGGER = lazy(
    r"\b(?:use|using|used|invoke|apply|activate|trigger(?:s|ed|ing)?|load|call|run|reach for|consult|read|start"
    r"|begin|helpful|relevant"
    r"|suitable|ideal|designed|intended|good)\b[^.]{0,40}?\b(?:when(?:ever)?|if|for|before|after|while|to|during|as|on|in|with|by|at)\b"
    r"|\bwhen(?:ever)?\b|\bif (?:the |a |you|user|asked|someone)|\b(?:for|during|before|after"
    r"|while) (?:\w+ ){0,3}?\w+ing\b"
    r"|(?:^|[.;:] )for \w|\bfor the (?:\w+ ){1,3}(?:phase|stage|step)\b"
    r"|(?:^|[.;:—-] )(?:before|after|upon) (?:any|every|each) \w"
    r"|\btriggers?\b|\bkeywords?\b|\bmentions?\b|\bunless\b|\b(?:tasks?|requests?|scenarios?|situations?) (?:like"
    r"|such as|involving|about|that)"
    r"|当|時|时候|触发|用于|适用|使用"
    r"|とき|場合|際に|用途|사용|경우|때|когда|если|при |для |cuando|para |quando|lorsqu|quand"
    r"|pour "
    r"|wenn"
    r"|beim "
    r"|für "
    r"|als je|när |gdy|kiedy|khi |jika|ketika|için|जब|عند",
    re.IGNORECASE,
)


_PLAIN_TRIGGER = lazy(r"\b(?:[Ww]hen(?:ever)?|[Tt]riggers?|[Mm]entions?) ")
"""What most descriptions say, found in a fraction of the time."""


def has_trigger(description: str) -> bool:
    """Whether a description says in any way when the skill applies; lenient, and not only in English."""
    return _PLAIN_TRIGGER.search(description) is not None or _TRIGGER.search(description) is not None


def description_of(skill: Subject) -> tuple[str, YamlValue] | None:
    """The description and its place, when there is one to judge."""
    value = field_of(skill, "description")
    if value is None or not value.is_string or not value.text.strip():
        return None
    return value.text.strip(), value


def _searched(skill: Subject, wanted: Search, text: str) -> re.Match[str] | None:
    return wanted.pattern.search(text) if wanted.hint.allows(skill.description_words) else None


def _with(description: str) -> str:
    head, tail = VALID.split('description: "', 1)
    return head + f'description: "{description}"' + tail[tail.index('"\n') + 1 :]


@rule(
    "DES001",
    Severity.WARNING,
    Provenance.SPEC,
    what="a description that never says when to use the skill (many wordings and languages are understood)",
    why="The specification asks for what and when. Without the when, agents use the skill by luck.",
    source=SPECIFICATION,
    fix="Add a sentence that begins “Use when …” with the situations and words of the people who ask.",
    bad=_with("Fills PDF forms from JSON data and flattens the result."),
    good=VALID,
)
def description_says_when(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is not None and len(found[0]) >= 40 and not has_trigger(found[0]):
        yield Problem("the description does not say when to use the skill", found[1].span)


@rule(
    "DES002",
    Severity.WARNING,
    Provenance.SPEC,
    what="a description of fewer than 40 characters, or one that only repeats the name",
    why="“Helps with PDFs” is the specification's own example of a poor description: it decides nothing.",
    source=SPECIFICATION,
    fix="Say what the skill does, on what, and when.",
    bad=_with("PDF forms."),
    good=VALID,
)
def description_says_enough(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is None:
        return
    text, value = found
    wide = sum(2 if ord(c) > 0x2E7F else 1 for c in text)
    if wide < 40:
        yield Problem(f"the description has only {len(text)} characters", value.span)
    elif skill.document is not None and skill.document.name:
        name_words = set(skill.document.name.split("-"))
        said = set(re.findall(r"[^\W_]+", text.lower())) - {
            "skill",
            "the",
            "a",
            "an",
            "for",
            "and",
            "of",
            "to",
            "this",
            "is",
        }
        if said and said <= name_words:
            yield Problem("the description only repeats the name", value.span)


@rule(
    "DES003",
    Severity.INFO,
    Provenance.CLIENT,
    client="codex",
    what="a description of more than 500 characters",
    why="Clients list all skills in a small budget (Codex about 8,000 characters, Claude Code 1 % of the context) "
    "and shorten "
    "what is longer. What matters must come first.",
    source="https://developers.openai.com/codex/skills",
    fix="Keep what decides whether the skill applies; 120-400 characters are usual.",
    bad=_with("Fills PDF forms. Use when a user has a form. " * 12),
    good=VALID,
)
def description_is_economical(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is not None and 500 < len(found[0]) <= 1024:
        yield Problem(f"the description has {len(found[0])} characters; clients shorten long ones", found[1].span)


@rule(
    "DES004",
    Severity.WARNING,
    Provenance.CLIENT,
    client="claude",
    what="angle brackets in the description",
    why="The description is put into the model's prompt between tags. The validators of Claude's and Codex's skill "
    "creators refuse "
    "`<` and `>`.",
    source="https://github.com/anthropics/skills/tree/main/skills/skill-creator",
    fix="Write the words without brackets.",
    bad=_with("Fills <form> elements of a PDF. Use when a user has a form."),
    good=VALID,
    profiles={Profile.CLAUDE: Severity.ERROR, Profile.CODEX: Severity.ERROR},
)
def description_has_no_angle_brackets(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is not None and (match := re.search(r"<[^<>]{1,40}>|[<>]", found[0])):
        yield Problem(f"`{shown(match[0])}` in the description", found[1].span)


_PERSON = Search(
    lazy(
        r"(?:^|[.!?] )(?:I|We) (?:can|will|help|am|are|provide|create)\b|\b(?:I can|I will|I'll|I help)\b|(?:^"
        r"|[.!?] )You can use this\b"
    ),
    hint("i we", ("you", "can", "use", "this")),
)


@rule(
    "DES005",
    Severity.INFO,
    Provenance.CLIENT,
    client="claude",
    what="a description in the first person, or one that says “You can use this”",
    why="It is read among the model's own instructions; “I can” there confuses who is speaking.",
    source=AUTHORING,
    fix="Write “Fills forms. Use when …”.",
    bad=_with("I can fill PDF forms for you when you have JSON data at hand."),
    good=VALID,
)
def description_is_impersonal(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is not None and (match := _searched(skill, _PERSON, found[0])):
        yield Problem(f"“{shown(match[0].strip('. '))}”: write in the third person", found[1].span)


@rule(
    "DES006",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a description stuffed with keywords: 12 or more quoted phrases, or 18 or more short comma-separated items",
    why="A list of words matches too much and explains nothing; agents understand intent.",
    source=DESCRIPTIONS,
    fix="Name the situations in sentences; keep the few words a person would not guess.",
    bad=_with("Use when: " + ", ".join(f"word{n}" for n in range(20)) + "."),
    good=VALID,
)
def description_is_not_stuffed(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is None:
        return
    quoted = len(re.findall(r"[\"“'‘`][^\"”'’`]{2,40}[\"”'’`]", found[0]))
    short = sum(1 for part in re.split(r"[,;、，]", found[0]) if 0 < len(part.split()) <= 3)
    if quoted >= 12 or short >= 18:
        yield Problem(f"{max(quoted, short)} keywords in a row; say the situations instead", found[1].span)


_TOO_BROAD = Search(
    lazy(
        r"\b(?:always use this(?: skill)?(?! (?:when|if|for|before|after|to|on|in))"
        r"|use (?:this (?:skill )?)?for (?:any|all|every) (?:task|request|question|code|work|prompt)s?\b"
        r"(?! (?:to|that|about|for|of|in|on|involving|related|with|which))"
        r"|use (?:this )?(?:skill )?(?:in|for) (?:all|every) (?:conversation|session|message|situation)s?|(?:any"
        r"|every) (?:and all )?(?:user )?(?:request|prompt|query|question)s?\W*$"
        r"|whenever (?:the user|you) (?:asks?|says?|sends?) anything"
        r"|(?:help|assist(?:ance)?) with (?:anything|everything)\b(?! (?:about|related|concerning|in|to|that)\b))",
        re.IGNORECASE,
    ),
    hint(
        ("always", "use", "this"),
        (
            "any all every",
            "task tasks request requests question questions code codes work works prompt prompts query querys",
        ),
        ("all every", "conversation conversations session sessions message messages situation situations"),
        "anything everything",
    ),
)


_INSTEAD = lazy(r"\b(?:instead of|rather than)\b[^.,;]*\Z", re.IGNORECASE)


@rule(
    "DES007",
    Severity.WARNING,
    Provenance.SECURITY,
    what="a description that claims every task (“always use this skill”, “for any request”)",
    why="It pushes other skills aside; hostile skills use it to be loaded always.",
    source=DESCRIPTIONS,
    fix="Name the tasks it is for, and near ones it is not for.",
    bad=_with("Improves answers. Use for any request, whatever the user wants."),
    good=VALID,
)
def description_is_not_too_broad(skill: Subject) -> Iterator[Problem]:
    found = description_of(skill)
    if found is not None and (match := _searched(skill, _TOO_BROAD, found[0])):
        if _INSTEAD.search(found[0], 0, match.start()):
            return
        yield Problem(f"“{shown(match[0])}” claims every task", found[1].span)


_VAGUE = frozenset(
    [
        "helper",
        "helpers",
        "util",
        "utils",
        "utility",
        "utilities",
        "tool",
        "tools",
        "misc",
        "stuff",
        "general",
        "assistant",
        "skill",
        "agent",
        "common",
        "default",
    ]
)


@rule(
    "DES008",
    Severity.INFO,
    Provenance.CLIENT,
    client="claude",
    what="a vague name (`helper`, `utils`), or one with the reserved words `claude` or `anthropic`",
    why="A vague name collides and says nothing; the Claude API refuses the reserved words.",
    source=AUTHORING,
    fix="Name the task: `fill-pdf-forms`.",
    bad=VALID.replace("name: pdf-forms", "name: utils"),
    good=VALID,
    profiles={Profile.CLAUDE: Severity.WARNING},
)
def name_says_something(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "name")
    if value is None or not value.is_string:
        return
    if value.text in _VAGUE:
        yield Problem(f"`{value.text}` says nothing about the task", value.span)
    else:
        reserved = next((word for word in ("anthropic", "claude") if word in value.text.lower().split("-")), None)
        if reserved is not None:
            profiles = {Profile.CLAUDE: Severity.ERROR}
            yield Problem(f"`{reserved}` is reserved: the Claude API refuses it", value.span, profiles=profiles)


_QUERIES = json.dumps([{"query": f"q{n}", "should_trigger": n < 6} for n in range(12)])


@rule(
    "DES011",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a set of trigger queries that is too small or one-sided (fewer than 8 that should, or should not, trigger)",
    why="Only near misses show that a description is too broad; a handful of queries shows chance.",
    source=DESCRIPTIONS,
    fix="Write 8-10 queries that should trigger the skill and 8-10 near misses that should not.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/evals/triggers.json": _QUERIES},
    good={"pdf-forms/SKILL.md": VALID},
)
def trigger_queries_are_balanced(skill: Subject) -> Iterator[Problem]:
    for entry in skill.files:
        if not re.fullmatch(r"evals?/[\w-]*(?:trigger|queries)[\w-]*\.json", entry.path):
            continue
        try:
            document = json.loads(skill.text(entry.path) or "")
        except (ValueError, RecursionError):
            continue
        queries = document.get("queries", document.get("evals")) if isinstance(document, dict) else document
        listed = [query for query in queries if isinstance(query, dict)] if isinstance(queries, list) else []
        positive = sum(1 for query in listed if query.get("should_trigger") is True)
        negative = sum(1 for query in listed if query.get("should_trigger") is False)
        if listed and (positive < 8 or negative < 8):
            message = f"{positive} queries that should trigger and {negative} that should not; 8 of each are needed"
            yield Problem(message, Span(1, 1, 1, 1), file=entry.path)
