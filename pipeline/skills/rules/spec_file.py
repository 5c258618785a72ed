"""SPEC001-SPEC008: the file exists, is UTF-8, and is frontmatter followed by Markdown that a YAML loader reads."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.skills.document import DocumentProblemKind, SkillDocument
from pipeline.skills.findings import Edit, Provenance, Severity
from pipeline.skills.frontmatter import YamlProblem, YamlProblemKind, YamlType, compose
from pipeline.skills.patterns import lazy
from pipeline.skills.rules.registry import SPECIFICATION, Problem, rule
from pipeline.skills.subject import Subject

VALID = """---
name: pdf-forms
description: "Fills PDF forms from JSON data. Use when a user asks to complete or flatten a PDF form."
---

# PDF forms

Run `python scripts/fill.py --help` first.
"""


@rule(
    "SPEC001",
    Severity.ERROR,
    Provenance.SPEC,
    what="a skill folder whose `SKILL.md` is missing, spelled differently, a folder, or not readable",
    why="A skill is a folder with a file named exactly `SKILL.md`. `npx skills`, `gh skill`, Gemini CLI and VS Code "
    "look for that "
    "spelling only; on Linux `skill.md` is another file.",
    source=SPECIFICATION,
    fix="Rename the file to `SKILL.md` and make sure it is a regular, readable file.",
    bad={"pdf-forms/skill.md": VALID},
    good={"pdf-forms/SKILL.md": VALID},
    breaks_loading=True,
)
def skill_file_exists(skill: Subject) -> Iterator[Problem]:
    entry = skill.skill_file
    if entry is None or skill.unreadable:
        yield Problem(skill.unreadable, file=skill.skill_path)
    elif entry.path != "SKILL.md":
        yield Problem(f"the file is named {entry.path}; it must be named exactly SKILL.md", file=entry.path)


def _document_problems(skill: Subject, *kinds: DocumentProblemKind) -> Iterator[Problem]:
    document = skill.document
    if document is not None:
        for problem in document.problems:
            if problem.kind in kinds:
                message = problem.message
                prefix = "SKILL.md " if message.startswith(("does", "is ", "holds")) else ""
                yield Problem(prefix + message, problem.span, edits=problem.edits)


@rule(
    "SPEC002",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `SKILL.md` that does not begin with the frontmatter line `---`",
    why="The frontmatter must start at the first byte. Loaders that see a byte order mark, a blank line or text "
    "first find no "
    "frontmatter, so no name and no description.",
    source=SPECIFICATION,
    fix="Make `---` the first line. `--fix` removes a byte order mark and blank space.",
    bad="\n" + VALID,
    good=VALID,
    fixable=True,
    breaks_loading=True,
)
def frontmatter_starts_the_file(skill: Subject) -> Iterator[Problem]:
    yield from _document_problems(
        skill, DocumentProblemKind.BOM, DocumentProblemKind.LEADING_SPACE, DocumentProblemKind.NO_FRONTMATTER
    )


@rule(
    "SPEC003",
    Severity.ERROR,
    Provenance.SPEC,
    what="frontmatter that is not closed by a line that is exactly `---`",
    why="Only a whole line closes the frontmatter. An indented `---`, `...` or a `---` inside a value leaves it open "
    "for most "
    "loaders, or hides fields from some and not from others.",
    source=SPECIFICATION,
    fix="Put `---` on a line of its own, without indentation, behind the last field.",
    bad=VALID.replace('form."\n---', 'form."\n  ---'),
    good=VALID,
    fixable=True,
    breaks_loading=True,
)
def frontmatter_is_closed(skill: Subject) -> Iterator[Problem]:
    yield from _document_problems(skill, DocumentProblemKind.UNCLOSED, DocumentProblemKind.DOCUMENT_END)


@rule(
    "SPEC004",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `SKILL.md` that is not UTF-8 text with line feeds: another encoding, a NUL byte, or bare carriage returns",
    why="Clients read UTF-8. Other bytes make them crash, drop the skill or show garbage; JavaScript loaders read a "
    "file with bare "
    "carriage returns as one line.",
    source=SPECIFICATION,
    fix="Save the file as UTF-8 with LF line endings.",
    bad={"pdf-forms/SKILL.md": VALID.encode().replace(b"Fills", b"Fills r\xe9sum\xe9")},
    good={"pdf-forms/SKILL.md": VALID},
    breaks_loading=True,
)
def text_is_utf8(skill: Subject) -> Iterator[Problem]:
    yield from _document_problems(
        skill, DocumentProblemKind.NOT_UTF8, DocumentProblemKind.NUL, DocumentProblemKind.CR_ONLY
    )


def _yaml_problems(skill: Subject, *kinds: YamlProblemKind) -> Iterator[YamlProblem]:
    document = skill.document
    if document is not None and document.yaml is not None:
        yield from (problem for problem in document.yaml.problems if problem.kind in kinds)


@rule(
    "SPEC005",
    Severity.ERROR,
    Provenance.SPEC,
    what="frontmatter that is not YAML: an unquoted `: ` in a value, a tab, a value that starts with `@` or a "
    "backtick, …",
    why="A client that cannot parse the frontmatter drops the skill without a word, or loads it with empty metadata.",
    source=SPECIFICATION,
    fix='Put the value into double quotes: `description: "…"`. `--fix` does that where it makes the YAML parse.',
    bad="---\nname: pdf-forms\ndescription: Fills forms: use when a user has a PDF form.\n---\n\n# PDF forms\n\nFill "
    "it.\n",
    good=VALID,
    fixable=True,
    breaks_loading=True,
)
def yaml_parses(skill: Subject) -> Iterator[Problem]:
    for problem in _yaml_problems(skill, YamlProblemKind.SYNTAX):
        assert skill.document is not None
        edits = _quote_line(skill.document, problem.span.line)
        yield Problem(f"the frontmatter is not YAML: {problem.message}", problem.span, edits=edits)


_FIELD_LINE = lazy(r"([A-Za-z][A-Za-z0-9_-]*):[ \t]+(\S.*?)[ \t\r]*")


def _quote_line(document: SkillDocument, line: int) -> tuple[Edit, ...]:
    """The edit that quotes the value on a broken line, offered only when the YAML then gets past that line."""
    start = document.lines.offset(line)
    end = document.lines.line_end(line)
    match = _FIELD_LINE.fullmatch(document.text[start:end])
    if match is None or match[2][0] in "\"'|>[{":
        return ()
    escaped = match[2].replace("\\", "\\\\").replace('"', '\\"')
    edit = Edit(start + match.start(2), start + match.end(2), f'"{escaped}"')
    text = document.text
    repaired = text[document.yaml_start : edit.start] + edit.text + text[edit.end : document.yaml_end]
    again = compose(repaired, line_offset=1, offset=0)
    still_broken = any(p.kind is YamlProblemKind.SYNTAX and p.span.line <= line for p in again.problems)
    return () if still_broken else (edit,)


@rule(
    "SPEC006",
    Severity.ERROR,
    Provenance.SPEC,
    what="frontmatter that is not a mapping from string keys to values",
    why="Fields are looked up by name. A list, a bare text or keys that YAML reads as numbers or booleans have no "
    "names.",
    source=SPECIFICATION,
    fix="Write the frontmatter as `key: value` lines; quote a key that looks like a number, a boolean or a date.",
    bad="---\n- name: pdf-forms\n- description: Fills PDF forms. Use when a user has a form.\n---\n\n# PDF "
    "forms\n\nFill it.\n",
    good=VALID,
    breaks_loading=True,
)
def frontmatter_is_a_mapping(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is None or document.yaml is None:
        return
    root = document.yaml.root
    if root is not None and root.type not in (YamlType.MAPPING, YamlType.NULL):
        yield Problem(f"the frontmatter is a {root.type.value}, not a mapping of fields", root.span)
    for problem in _yaml_problems(skill, YamlProblemKind.KEY_NOT_STRING):
        yield Problem(f"{problem.message}; quote it", problem.span)


@rule(
    "SPEC007",
    Severity.ERROR,
    Provenance.SPEC,
    what="the same key twice in one mapping of the frontmatter, at any depth",
    why="YAML forbids it. JavaScript clients refuse the file; Python clients silently keep the last value, so a "
    "reviewer may approve "
    "a description that no agent sees.",
    source="https://yaml.org/spec/1.2.2/#3213-node-comparison",
    fix="Keep one of the two.",
    bad=VALID.replace("name: pdf-forms\n", "name: pdf-forms\nname: pdf-forms\n"),
    good=VALID,
    breaks_loading=True,
)
def keys_are_unique(skill: Subject) -> Iterator[Problem]:
    for problem in _yaml_problems(skill, YamlProblemKind.DUPLICATE_KEY):
        yield Problem(problem.message, problem.span)


@rule(
    "SPEC008",
    Severity.ERROR,
    Provenance.SPEC,
    what="YAML beyond plain data: custom or language tags and bombs of nesting or aliases (errors), anchors, aliases "
    "and "
    "explicit core tags (warnings)",
    why="Safe loaders refuse unknown tags, unsafe ones execute them. Aliases are legal, but several clients read the "
    "frontmatter "
    "line by line and some bound or refuse them.",
    source="https://yaml.org/spec/1.2.2/#103-core-schema",
    fix="Write the values out, without `!tags`, `&anchors` and `*aliases`.",
    bad="---\nname: pdf-forms\ndescription: !!python/object/apply:os.system ['id']\n---\n\n# PDF forms\n\nFill it.\n",
    good=VALID,
    breaks_loading=True,
)
def yaml_is_plain_data(skill: Subject) -> Iterator[Problem]:
    for problem in _yaml_problems(skill, YamlProblemKind.UNSAFE_TAG, YamlProblemKind.TOO_COMPLEX):
        yield Problem(f"the frontmatter is not plain data: {problem.message}", problem.span)
    for problem in _yaml_problems(skill, YamlProblemKind.CUSTOM_TAG, YamlProblemKind.ALIAS):
        yield Problem(f"{problem.message}: some clients cannot read it", problem.span, severity=Severity.WARNING)
