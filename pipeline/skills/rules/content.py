"""CON rules about the words: placeholders, filler, shouting, bare pointers, machine paths, stale facts, repetition.

They look at prose only: code spans are blanked, fences and quotations left out, unless a rule says otherwise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from pipeline.skills.findings import Provenance, Severity
from pipeline.skills.markdown import Block, BlockKind, Markdown, Passage
from pipeline.skills.patterns import Search, hint, lazy
from pipeline.skills.rules.registry import BEST_PRACTICES, Problem, rule
from pipeline.skills.rules.spec_fields import field_of, shown
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.subject import Subject

AUTHORING = "https://platform.claude.com/docs/en/agents-and-tools/agent-skills/best-practices"


def prose(skill: Subject) -> Iterator[Block]:
    """The blocks of the body that speak to the agent."""
    if skill.markdown is not None:
        yield from skill.markdown.prose_blocks


def prose_matches(skill: Subject, wanted: Search) -> Iterator[Passage]:
    """Where a pattern matches in what the body says to the agent."""
    if skill.markdown is not None:
        yield from skill.markdown.prose_matches(wanted)


def body(skill: Subject) -> Markdown:
    """The body, for a rule that has already met one of its blocks."""
    assert skill.markdown is not None
    return skill.markdown


# What this rule looks for in skills: words that template authors leave for others to replace. None is left over here.
_PLACEHOLDER = Search(
    lazy(
        # a line that opens with an author's reminder to himself, in one of the words people use for that
        r"^\s*(?:[-*]\s*)?(?:\[?TODO\b[:\]](?!`)|\[TODO\b|FIXME:|TBD\s*$)"
        # the same inside a sentence, where it says what is to be filled in
        r"|\[TODO:|\bTODO: (?:add|write|fill|complete|describe)\b"
        # stand-ins for text
        r"|(?<![\"“'`])\blorem ipsum dolor\b|^Lorem\b|^This is a placeholder\b|^\W*coming soon\W*$"
        r"|\[(?:insert|describe|add|fill in|placeholder)\b[^\]\n]{0,60}\](?![(\[:])"
        r"|^Replace (?:this )?with (?:a )?description of the skill",
        re.IGNORECASE | re.MULTILINE,
    ),
    hint(
        *("todo fixme: tbd lorem [insert [describe [add [placeholder", ("[fill", "in"), ("replace", "description")),
        *(("this", "placeholder"), ("coming", "soon")),
    ),
)


@rule(
    "CON001",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="placeholder text left over from a template: `TODO:`, `[Insert …]`, lorem ipsum, “coming soon”",
    why="The agent takes it for an instruction, or for the whole instruction.",
    source="https://github.com/anthropics/skills/tree/main/skills/skill-creator",
    fix="Write it, or delete the line. Text the agent is meant to fill in belongs into a code fence.",
    bad=VALID + "\nTODO: describe how flattening works.\n",
    good=VALID + "\nSearch the code for `TODO:` comments before you start.\n",
)
def no_placeholders(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "description")
    if value is not None and value.is_string:
        match = re.search(
            r"\[?TODO\b[:\]]|\[(?:insert|describe|your)\b[^\]]*\]|^Replace with", value.text, re.IGNORECASE
        )
        if match is not None:
            yield Problem(f"the description still holds the placeholder `{shown(match[0])}`", value.span)
    left = [
        found
        for found in prose_matches(skill, _PLACEHOLDER)
        if found.block.kind is not BlockKind.CELL and not _SHOWN_TO_FILL.search(found.block.section)
    ]
    if left:
        more = f", and {len(left) - 1} more" if len(left) > 1 else ""
        yield Problem(f"placeholder text: `{shown(left[0].text.strip())}`{more}", left[0].span)


_SHOWN_TO_FILL = lazy(r"output|template", re.IGNORECASE)
_FILLER = Search(
    lazy(
        r"\b(?:handle (?:all )?errors? (?:appropriately|properly|gracefully)|follow (?:all )?(?:industry "
        r"|general )?best practices"
        r"(?! (?:in|from|for|below|above|listed|section))|write clean(?:,| and) (?:maintainable|readable) code"
        r"|ensure (?:high )?code quality"
        r"|use (?:appropriate|proper) (?:tools|error handling|naming)|be thorough and (?:careful|accurate)"
        r"|pay attention to detail"
        r"|think (?:carefully|step by step) before|strive for excellence|leverage (?:the )?power of"
        r"|make sure (?:everything|it all) works|adhere to industry standards)\b",
        re.IGNORECASE,
    ),
    hint(
        *(("handle", "error errors", "appropriately properly gracefully"), ("follow", "best", "practices")),
        *(("write", "clean", "maintainable readable", "code"), ("ensure", "code", "quality")),
        *(("use", "appropriate proper", "tools error naming"), ("be", "thorough", "careful accurate")),
        *(("pay", "attention", "detail"), ("think", "carefully step", "before"), ("strive", "excellence")),
        *(("leverage", "power"), ("make", "sure", "everything all", "works"), ("adhere", "industry", "standards")),
    ),
)


@rule(
    "CON002",
    Severity.INFO,
    Provenance.PRACTICE,
    what="stock phrases that tell an agent nothing (“follow best practices”, “handle errors appropriately”)",
    why="The agent would do so without being told; each such line takes room from one it would get wrong.",
    source=BEST_PRACTICES,
    fix="Say what is appropriate here: which error, which practice, which check. Or cut the line.",
    bad=VALID + "\nHandle errors appropriately.\n",
    good=VALID + "\nExit with status 3 when a field is read-only.\n",
)
def no_filler(skill: Subject) -> Iterator[Problem]:
    for found in prose_matches(skill, _FILLER):
        yield Problem(f"“{shown(found.text)}” tells the agent nothing", found.span)


_SHOUTED = ("MUST", "ALWAYS", "NEVER", "CRITICAL", "IMPORTANT", "MANDATORY", "ABSOLUTELY", "DO NOT")
_SHOUT = Search(
    lazy(r"\b(?:MUST(?: NOT)?|ALWAYS|NEVER|CRITICAL|IMPORTANT|MANDATORY|ABSOLUTELY|DO NOT)\b"),
    hint("must always never critical important mandatory absolutely", ("do", "not")),
)


@rule(
    "CON003",
    Severity.INFO,
    Provenance.PRACTICE,
    what="more than one shouted word (MUST, NEVER, CRITICAL, …) per 60 words, at least 12 in all",
    why="When everything is critical nothing is. A reason makes an agent follow a rule where it applies; capitals do "
    "not.",
    source="https://github.com/anthropics/skills/tree/main/skills/skill-creator",
    fix="Keep capitals for the one or two rules whose breach does harm; explain the others.",
    bad=VALID + "\nYou MUST check. NEVER skip. ALWAYS test.\n" * 6,
    good=VALID + "\nNEVER overwrite the original: the fields cannot be restored.\n",
)
def no_shouting(skill: Subject) -> Iterator[Problem]:
    if skill.markdown is None or sum(map(skill.markdown.prose_text.count, _SHOUTED)) < 12:
        return
    shouted = list(prose_matches(skill, _SHOUT))
    if len(shouted) < 12:
        return
    words = sum(block.prose.count(" ") + 1 for block in prose(skill))
    if len(shouted) * 60 > words:
        message = f"{len(shouted)} shouted words in about {words} words; capitals lose their weight"
        yield Problem(message, shouted[0].span)


_BARE_POINTER = lazy(
    r"^(?:please )?(?:see|refer to|check|consult|read)\b(?=[^.]{0,120}(?:\]\(|`)[^.]*\.md).{0,200}?"
    r"\bfor (?:more |further |additional |full |complete |detailed )*(?:details?|information|info|documentation)\W*$",
    re.IGNORECASE,
)
_CONDITION = lazy(
    r"\b(?:when|if|before|after|while|unless|whenever|for [a-z]+ing|to [a-z]+|on |about|regarding|only)\b", re.I
)


@rule(
    "CON004",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a pointer to a bundled page without a hint when to read it (“see references/x.md for details”)",
    why="An agent decides by the condition. Without one it reads every page, or none.",
    source=BEST_PRACTICES,
    fix="Say when: “Read `references/errors.md` when the API returns another status than 200.”",
    bad={
        "pdf-forms/SKILL.md": VALID + "\nSee [fields](references/fields.md) for more information.\n",
        "pdf-forms/references/fields.md": "# Fields\n",
    },
    good={
        "pdf-forms/SKILL.md": VALID + "\nRead [fields](references/fields.md) when a field has no label.\n",
        "pdf-forms/references/fields.md": "# Fields\n",
    },
)
def pointers_have_conditions(skill: Subject) -> Iterator[Problem]:
    for block in prose(skill):
        if block.kind is BlockKind.PARAGRAPH and ".md" in block.text:
            match = _BARE_POINTER.search(block.text.replace("\n", " "))
            if match is not None and not _CONDITION.search(re.sub(r"\bfor (?:more|further).*$", "", match[0])):
                span = body(skill).lines.line_span(block.line)
                yield Problem("says where to look, but not when", span)


_OPTIONS = Search(
    lazy(r"\b(?:you (?:can|could|may)|either) use (?:[^,.;\n]{2,40}, ){2,}(?:or|and) [^,.;\n]{2,40}", re.IGNORECASE),
    hint(("you either", "use", "or and")),
)
_DEFAULT = lazy(r"\b(?:default|prefer|recommend|unless|otherwise|first choice|depending|start with|instead)\w*", re.I)


@rule(
    "CON005",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a choice of three or more tools without a default",
    why="The agent picks one at random, another one next time. A default with a way out gives the same result twice.",
    source=BEST_PRACTICES,
    fix="Name one, and when to use another.",
    bad=VALID + "\nYou can use pypdf, pdfplumber, or PyMuPDF to read the fields.\n",
    good=VALID + "\nUse pypdf. When it finds no fields, use PyMuPDF.\n",
)
def choices_have_a_default(skill: Subject) -> Iterator[Problem]:
    for found in prose_matches(skill, _OPTIONS):
        if not _DEFAULT.search(found.block.text):
            yield Problem("offers several tools and no default", found.span)


_SOMEONE = Search(
    lazy(r"(?<![\w.])(?:/Users/|/home/|[A-Z]:\\+Users\\+)([A-Za-z][\w.-]*)(?=[/\\])"), hint("/users/ /home/ \\users")
)
_ANYONE_WORDS = """
user username users you your yourname your-name yourusername your-username me myuser my-user name someone
somebody alice bob john jane johndoe janedoe jdoe example shared public runner ubuntu node app vscode jovyan
linuxbrew claude agent coder dev developer admin root pi ec2-user vagrant work workspace home xxx foo bar test
tester codespace git deploy debian circleci sandbox oai default
"""
_ANYONE = frozenset(_ANYONE_WORDS.split())


def _is_anyone(who: str) -> bool:
    """Whether a name of a home folder stands for any: `user`, `me`, or a single letter."""
    return len(who) == 1 or who.lower() in _ANYONE


@rule(
    "CON009",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="a path into one person's home folder (`/Users/maria/…`), in text, code or scripts",
    why="It exists on one machine only, and tells who wrote the skill.",
    source="https://github.com/agnix-dev/agnix",
    fix="Use a path relative to the skill, `~`, or an environment variable.",
    bad=VALID + "\nRun `/Users/mkowalski/bin/fill`.\n",
    good=VALID + "\nRun `~/bin/fill`, or `/Users/username/bin/fill`.\n",
)
def no_home_folders(skill: Subject) -> Iterator[Problem]:
    if skill.markdown is None:
        return
    seen: set[str] = set()
    for passage in skill.markdown.text_matches(_SOMEONE):
        who = passage.match[1]
        if not _is_anyone(who) and who not in seen and not re.search(r"user|name|your|example", who, re.I):
            seen.add(who)
            yield Problem(f"`{shown(passage.text)}` is one person's home folder", passage.span)
    for script in skill.scripts:
        found = _SOMEONE.pattern.search(script.text)
        if found is not None and not _is_anyone(found[1]):
            line = script.text.count("\n", 0, found.start()) + 1
            column = found.start() - script.text.rfind("\n", 0, found.start()) - 1
            span = script.span(line, column, line, column + len(found[0]))
            yield Problem(f"`{shown(found[0])}` is one person's home folder", span, file=script.path)


_BACKSLASH = Search(
    lazy(r"(?<![\w\\:])(?:\.\\)?(?:scripts|references|assets|templates)\\[\w.-]+(?:\\[\w.-]+)*"),
    hint(("scripts references assets templates", "\\")),
)


@rule(
    "CON010",
    Severity.INFO,
    Provenance.CLIENT,
    client="claude",
    what="a bundled path written with backslashes (`scripts\\fill.py`)",
    why="Only Windows understands it. Forward slashes work everywhere.",
    source=AUTHORING,
    fix="Write `scripts/fill.py`.",
    bad=VALID + "\nRun `scripts\\fill.py` to begin.\n",
    good=VALID,
)
def paths_have_forward_slashes(skill: Subject) -> Iterator[Problem]:
    if skill.markdown is not None:
        for found in skill.markdown.text_matches(_BACKSLASH):
            yield Problem(f"`{shown(found.text)}` has backslashes", found.span)


_TIMED = Search(
    lazy(
        r"\b(?:as of|since|until|before|after|starting(?: in)?|currently \(|updated) "
        r"(?:(?:early|mid|late)[ -])?"
        r"(?:(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*\.? )?(?:\d{1,2},? )?20[12]\d\b",
        re.IGNORECASE,
    ),
    hint(("of since until before after starting currently updated", "201 202")),
)
_HISTORY = lazy(r"deprecat|retired|legacy|\bold\b|history|former", re.IGNORECASE)
_RETIRED = Search(
    lazy(
        r"\b(?:claude-(?:instant|1|2)(?:[.-][\w.-]*)?|claude-3-(?:opus|sonnet|haiku)-20\d{6}|claude-3-5-sonnet-20\d{6}|text-davinci-00\d"
        r"|gpt-3\.5-turbo(?:-\d{4})?|gpt-4-(?:0314|0613|32k)|code-davinci-00\d|gemini-(?:pro-vision|1\.0-pro)|palm-2)\b"
    ),
    hint("claude-1 claude-2 claude-3- gpt-3 gpt-4- davinci palm-2", ("claude-", "instant"), ("gemini-", "pro")),
)


@rule(
    "CON015",
    Severity.INFO,
    Provenance.CLIENT,
    client="claude",
    what="facts tied to a date (“as of March 2024”), and ids of retired models",
    why="The text ages without anyone noticing; a retired model id fails at run time.",
    source=AUTHORING,
    fix="Say what holds now, and move what held before into a section on old versions.",
    bad=VALID + "\nAs of March 2024 the API takes no dates.\n",
    good=VALID + "\nThe API takes no dates.\n",
)
def facts_do_not_age(skill: Subject) -> Iterator[Problem]:
    if skill.markdown is None:
        return
    for found in skill.markdown.text_matches(_RETIRED):
        if not _HISTORY.search(found.block.text):
            yield Problem(f"`{shown(found.text)}` is a retired model", found.span)
    for found in skill.markdown.prose_matches(_TIMED):
        if not _HISTORY.search(found.block.text):
            yield Problem(f"“{shown(found.text)}” will be out of date", found.span)


@rule(
    "CON016",
    Severity.INFO,
    Provenance.PRACTICE,
    what="the same paragraph of 100 characters or more twice",
    why="Repetition costs context, and the two copies drift apart with the next edit.",
    source=BEST_PRACTICES,
    fix="Keep it once, and point to it.",
    bad=VALID
    + "\nBefore you fill a form, list its fields and compare their names with the keys of the data that you got.\n" * 2,
    good=VALID,
)
def nothing_is_said_twice(skill: Subject) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for block in prose(skill):
        if block.kind is BlockKind.PARAGRAPH and len(block.text) >= 100:
            lines = _long_lines(block)
            repeated = {line for line, count in Counter(lines).items() if count > 1} if len(lines) > 1 else ()
            for text in {" ".join(block.text.split()), *lines}:
                if (text in seen and seen[text] != block.line) or text in repeated:
                    span = body(skill).lines.line_span(block.line)
                    yield Problem(f"repeats line {seen.get(text, block.line)}: “{shown(text, 40)}”", span)
                    break
                seen.setdefault(text, block.line)


def _long_lines(block: Block) -> list[str]:
    return [stripped for line in block.text.split("\n") if len(stripped := line.strip()) >= 100]
