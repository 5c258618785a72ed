"""SPEC009-SPEC024: the frontmatter's fields have the types, lengths and characters the specification gives them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pipeline.skills.findings import Edit, Provenance, Severity, Span
from pipeline.skills.frontmatter import YamlType, YamlValue, is_yaml_1_1_boolean
from pipeline.skills.patterns import lazy
from pipeline.skills.rules.registry import SPECIFICATION, Problem, Profile, rule
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.subject import Subject

FIELDS = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
CLIENT_FIELDS = {
    "agent": "Claude Code",
    "argument-hint": "Claude Code and VS Code",
    "arguments": "Claude Code",
    "context": "Claude Code",
    "disable-model-invocation": "Claude Code and VS Code",
    "disallowed-tools": "Claude Code",
    "effort": "Claude Code",
    "hooks": "Claude Code",
    "model": "Claude Code",
    "paths": "Claude Code",
    "shell": "Claude Code",
    "user-invocable": "Claude Code and VS Code",
    "when_to_use": "Claude Code",
}
_KEBAB = lazy(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LICENSE_FILE = lazy(r"(?<![\w./-])((?:[\w-]+/)*(?:LICEN[CS]E|COPYING|NOTICE)[\w-]*(?:\.[A-Za-z]{2,4})?)(?![\w/])")
_PORTABLE_ERROR = {Profile.PORTABLE: Severity.ERROR}


def field_of(skill: Subject, key: str) -> YamlValue | None:
    """The value of a frontmatter field, None when the field or the frontmatter is missing."""
    document = skill.document
    return document.fields.get(key) if document is not None else None


def _opening(skill: Subject) -> Span:
    """Where to point for a field that is not there: the frontmatter's first line."""
    document = skill.document
    assert document is not None
    line = document.lines.position(max(document.yaml_start - 1, 0))[0]
    return document.lines.line_span(line)


def key_span(skill: Subject, key: str) -> Span:
    """Where a field's key stands."""
    assert skill.document is not None
    return skill.document.keys[key].span


def _value_span(skill: Subject, key: str, value: YamlValue) -> Span:
    """The value's own place, or its key's when the value is empty."""
    return value.span if value.end > value.start else key_span(skill, key)


def shown(text: str, limit: int = 60) -> str:
    """A value as quoted in a message: on one line, cut, with anything unprintable escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut)


@rule(
    "SPEC009",
    Severity.ERROR,
    Provenance.SPEC,
    what="a missing `name`, or one that is not a string",
    why="`name` is required. YAML reads `name: 123` as a number and `name: true` as a boolean; `npx skills` drops "
    "such skills.",
    source=SPECIFICATION,
    fix="Add `name:` with the folder's name; quote it when YAML would read something else than a string.",
    bad=VALID.replace("name: pdf-forms\n", ""),
    good=VALID,
)
def name_is_a_string(skill: Subject) -> Iterator[Problem]:
    if not skill.has_fields:
        return
    value = field_of(skill, "name")
    if value is None:
        yield Problem("the required field `name` is missing", _opening(skill))
    elif not value.is_string:
        message = (
            "`name` is empty" if value.type is YamlType.NULL else f"`name` must be a string, not a {value.type.value}"
        )
        yield Problem(message, _value_span(skill, "name", value))


def kebab(text: str) -> str:
    """The nearest valid skill name; empty when nothing usable is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.strip().lower()).strip("-")[:64].strip("-")


@rule(
    "SPEC010",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `name` that is not 1-64 characters of `a-z`, `0-9` and single hyphens between them",
    why="The name becomes a folder, a command and an identifier in every client. Letters that only look like `a-z`, "
    "full-width forms "
    "and white space make two names look the same.",
    source=SPECIFICATION,
    fix="Use lower case words joined by single hyphens, and rename the folder with it. `--fix` repairs the name "
    "where the folder "
    "already has the right one.",
    bad=VALID.replace("name: pdf-forms", "name: PDF_Forms"),
    good=VALID,
    fixable=True,
)
def name_is_kebab_case(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "name")
    if value is None or not value.is_string:
        return
    reason = _name_reason(value.text)
    if reason:
        repaired = kebab(value.text)
        can_fix = repaired == skill.folder and not value.is_alias and value.end > value.start
        edits = (Edit(value.start, value.end, repaired),) if can_fix else ()
        yield Problem(f"name `{shown(value.text)}` {reason}", _value_span(skill, "name", value), edits=edits)


def _name_reason(name: str) -> str:
    if not name.strip():
        return "is blank"
    if len(name) > 64:
        return f"has {len(name)} characters; at most 64 are allowed"
    if _KEBAB.fullmatch(name):
        return ""
    if name != name.strip():
        return "has white space around it"
    odd = sorted({c for c in name if not (c.isascii() and (c.islower() or c.isdigit() or c == "-"))})
    if odd:
        listed = " ".join(f"{shown(c)!r}" if c.isascii() else f"{shown(c)!r} (U+{ord(c):04X})" for c in odd[:5])
        return f"holds {listed}; only a-z, 0-9 and hyphens are allowed"
    if name.startswith("-") or name.endswith("-"):
        return "starts or ends with a hyphen"
    return "holds two hyphens in a row"


@rule(
    "SPEC011",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `name` that differs from the skill's folder (compared exactly, without Unicode normalisation)",
    why="The specification wants them equal; VS Code and `gh skill` refuse the skill, and `npx skills` installs it "
    "under another name "
    "than its folder's.",
    source=SPECIFICATION,
    fix="Rename the folder or change `name`. When a skill is the root of a repository the folder is whatever it was "
    "cloned into, so "
    "this is a warning there.",
    bad={"pdf/SKILL.md": VALID},
    good={"pdf-forms/SKILL.md": VALID},
)
def name_matches_folder(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "name")
    if value is None or not value.is_string or not value.text.strip() or not skill.folder:
        return
    if value.text != skill.folder:
        message = f"name `{shown(value.text)}` differs from its folder `{shown(skill.folder)}`"
        severity = Severity.WARNING if skill.is_repository_root else None
        yield Problem(message, _value_span(skill, "name", value), severity=severity)


@rule(
    "SPEC012",
    Severity.ERROR,
    Provenance.SPEC,
    what="a missing or blank `description`, or one that is not a string",
    why="The description is all an agent sees before it loads a skill. The client guide tells clients to skip a "
    "skill without one.",
    source=SPECIFICATION,
    fix="Say in a sentence or two what the skill does and when to use it, in double quotes.",
    bad=VALID.replace('description: "Fills', '# description: "Fills'),
    good=VALID,
    breaks_loading=True,
)
def description_is_a_string(skill: Subject) -> Iterator[Problem]:
    if not skill.has_fields:
        return
    value = field_of(skill, "description")
    if value is None:
        yield Problem("the required field `description` is missing", _opening(skill))
    elif not value.is_string:
        empty = value.type is YamlType.NULL
        message = "`description` is empty" if empty else f"`description` must be a string, not a {value.type.value}"
        yield Problem(message, _value_span(skill, "description", value))
    elif not value.text.strip():
        yield Problem("`description` is blank", _value_span(skill, "description", value))


@rule(
    "SPEC013",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `description` of more than 1,024 characters (code points, surrounding white space not counted)",
    why="The specification's limit; clients cut or refuse longer ones.",
    source=SPECIFICATION,
    fix="Move detail into the body; keep what decides whether the skill applies.",
    bad=VALID.replace("Fills PDF", "Fills PDF" + " and PDF" * 140),
    good=VALID,
)
def description_is_short_enough(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "description")
    if value is not None and value.is_string and len(value.text.strip()) > 1024:
        yield Problem(
            f"`description` has {len(value.text.strip()):,} characters; at most 1,024 are allowed", value.span
        )


@rule(
    "SPEC014",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `compatibility` that is not a string of 1-500 characters",
    why="If the field is there it must say something, within the limit.",
    source=SPECIFICATION,
    fix="Name the real requirements in one sentence, or drop the field: most skills do not need it.",
    bad=VALID.replace('form."\n', 'form."\ncompatibility: ""\n'),
    good=VALID.replace('form."\n', 'form."\ncompatibility: "Needs Python 3.11 and network access."\n'),
)
def compatibility_is_a_short_string(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "compatibility")
    if value is None:
        return
    span = _value_span(skill, "compatibility", value)
    if value.type is YamlType.NULL or (value.is_string and not value.text.strip()):
        yield Problem("`compatibility` is empty; say what is needed or drop the field", span)
    elif not value.is_string:
        yield Problem(f"`compatibility` must be a string, not a {value.type.value}", span)
    elif len(value.text.strip()) > 500:
        yield Problem(f"`compatibility` has {len(value.text.strip()):,} characters; at most 500 are allowed", span)


@rule(
    "SPEC015",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `metadata` that is not a mapping",
    why="`metadata` is a map from string keys to string values; clients look keys up in it.",
    source=SPECIFICATION,
    fix="Write `metadata:` followed by indented `key: value` lines.",
    bad=VALID.replace('form."\n', 'form."\nmetadata: [pdf, forms]\n'),
    good=VALID.replace('form."\n', 'form."\nmetadata:\n  author: example\n'),
)
def metadata_is_a_mapping(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "metadata")
    if value is not None and value.type is not YamlType.MAPPING:
        what = "is empty" if value.type is YamlType.NULL else f"must be a mapping, not a {value.type.value}"
        yield Problem(f"`metadata` {what}", _value_span(skill, "metadata", value))


@rule(
    "SPEC016",
    Severity.WARNING,
    Provenance.SPEC,
    what="a `metadata` value that is not a string",
    why="The specification says string values. `version: 1.0` is a number to YAML: one client shows `1`, another "
    "refuses the file.",
    source=SPECIFICATION,
    fix='Quote the value: `version: "1.0"`. `--fix` quotes numbers, booleans and dates. Write lists as one string.',
    bad=VALID.replace('form."\n', 'form."\nmetadata:\n  version: 1.0\n'),
    good=VALID.replace('form."\n', 'form."\nmetadata:\n  version: "1.0"\n'),
    fixable=True,
    profiles=_PORTABLE_ERROR,
)
def metadata_values_are_strings(skill: Subject) -> Iterator[Problem]:
    metadata = field_of(skill, "metadata")
    if metadata is None or metadata.type is not YamlType.MAPPING:
        return
    nested: list[str] = []
    nested_span: Span | None = None
    for entry in metadata.fields:
        value = entry.value
        if value.is_string:
            continue
        if value.type in (YamlType.MAPPING, YamlType.SEQUENCE):
            nested.append(f"`{shown(entry.key.text, 30)}` is a {value.type.value}")
            nested_span = nested_span or entry.key.span
            continue
        quotable = value.type is not YamlType.NULL and not value.is_alias and not value.style
        edits = (Edit(value.start, value.end, f'"{value.text}"'),) if quotable else ()
        what = "is empty" if value.type is YamlType.NULL else f"is a {value.type.value}"
        span = value.span if value.end > value.start else entry.key.span
        yield Problem(f"metadata value `{shown(entry.key.text, 30)}` {what}, not a string", span, edits=edits)
    if nested_span is not None:
        yield Problem(f"metadata values must be strings: {', '.join(nested[:5])}", nested_span)


@rule(
    "SPEC017",
    Severity.WARNING,
    Provenance.SPEC,
    what="an `allowed-tools` that is not one string of tool names separated by spaces (commas only noted)",
    why="The specification wants a space-separated string. `gh skill publish` refuses a list; commas are read by "
    "some clients only.",
    source=SPECIFICATION,
    fix="Write `allowed-tools: Read Grep Bash(git:*)`. `--fix` rewrites a plain list or a comma-separated string.",
    bad=VALID.replace('form."\n', 'form."\nallowed-tools: [Read, Grep]\n'),
    good=VALID.replace('form."\n', 'form."\nallowed-tools: Read Grep\n'),
    fixable=True,
    profiles={Profile.GH_PUBLISH: Severity.ERROR, Profile.PORTABLE: Severity.ERROR},
)
def allowed_tools_is_a_string(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "allowed-tools")
    if value is None:
        return
    span = _value_span(skill, "allowed-tools", value)
    if value.type is YamlType.SEQUENCE:
        yield Problem("`allowed-tools` is a list; write one string with spaces", span, edits=_joined(skill, value))
    elif value.type is YamlType.NULL or (value.is_string and not value.text.strip()):
        yield Problem("`allowed-tools` is empty; drop the field", span)
    elif not value.is_string:
        yield Problem(f"`allowed-tools` must be a string, not a {value.type.value}", span)
    elif "," in _outside_parentheses(value.text):
        yield Problem(
            "`allowed-tools` separates tools by commas; the specification says spaces",
            span,
            severity=Severity.INFO,
            edits=_without_commas(value),
        )


def _outside_parentheses(text: str) -> str:
    """The text with everything inside parentheses replaced by dots, so that positions stay."""
    depth = 0
    result = []
    for character in text:
        depth = max(0, depth - (character == ")"))
        result.append("." if depth else character)
        depth += character == "("
    return "".join(result)


def _joined(skill: Subject, value: YamlValue) -> tuple[Edit, ...]:
    """Replaces a list of plain tool names by one string; nothing when an item could be misread or a comment would
    go.
    """
    assert skill.document is not None
    tools = [item.text for item in value.items]
    if not tools or value.is_alias or not all(item.is_string for item in value.items):
        return ()
    source = skill.document.text[value.start : value.end]
    if "#" in source or any(" " in _outside_parentheses(tool) or "\n" in tool for tool in tools):
        return ()
    joined = '"' + " ".join(tool.replace("\\", "\\\\").replace('"', '\\"') for tool in tools) + '"'
    if value.style == "flow":
        return (Edit(value.start, value.end, joined),)
    key = skill.document.keys["allowed-tools"]
    colon = skill.document.text.find(":", key.end)
    last = value.items[-1]
    return (Edit(colon + 1, last.end, f" {joined}"),)


def _without_commas(value: YamlValue) -> tuple[Edit, ...]:
    if (
        value.style not in ("", "'", '"')
        or "\n" in value.text
        or value.is_alias
        or '"' in value.text
        or "\\" in value.text
    ):
        return ()
    outside = _outside_parentheses(value.text)
    spaced = "".join(" " if mark == "," else character for character, mark in zip(value.text, outside, strict=True))
    return (Edit(value.start, value.end, '"' + re.sub(r" {2,}", " ", spaced).strip() + '"'),)


@rule(
    "SPEC018",
    Severity.ERROR,
    Provenance.SPEC,
    what="a `license` that is not a string, or (as a warning) names a bundled file that is not there",
    why="`license` is a licence's name or the name of a bundled licence file. A pointer to a missing file grants "
    "nothing.",
    source=SPECIFICATION,
    fix="Give the licence's name, for example `Apache-2.0`, or bundle the file that is named.",
    bad=VALID.replace('form."\n', 'form."\nlicense: [MIT]\n'),
    good=VALID.replace('form."\n', 'form."\nlicense: Apache-2.0\n'),
)
def license_is_a_string(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "license")
    if value is None:
        return
    span = _value_span(skill, "license", value)
    if value.type is YamlType.NULL or (value.is_string and not value.text.strip()):
        yield Problem("`license` is empty; name the licence or drop the field", span)
    elif not value.is_string:
        yield Problem(f"`license` must be a string, not a {value.type.value}", span)
    else:
        for match in _LICENSE_FILE.finditer(value.text):
            looks_like_a_file = "." in match[1] or "/" in match[1] or value.text.strip() == match[1]
            if looks_like_a_file and not skill.exists(match[1]) and not skill.is_extract:
                message = f"`license` names `{shown(match[1])}`, which is not in the skill"
                yield Problem(message, span, severity=Severity.WARNING)


@rule(
    "SPEC019",
    Severity.WARNING,
    Provenance.SPEC,
    what="a top-level field the specification does not define",
    why="The specification keeps extra properties under `metadata`; the reference implementation and several clients "
    "refuse others.",
    source=SPECIFICATION,
    fix="Move it under `metadata`, or correct the spelling. `--fix` corrects case and underscores of defined fields.",
    bad=VALID.replace('form."\n', 'form."\nversion: "1.0"\n'),
    good=VALID.replace('form."\n', 'form."\nmetadata:\n  version: "1.0"\n'),
    fixable=True,
    profiles=_PORTABLE_ERROR,
)
def fields_are_defined(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is None:
        return
    for key, node in document.keys.items():
        if key in FIELDS or key in CLIENT_FIELDS:
            continue
        meant = _meant(key)
        if meant is None:
            yield Problem(f"`{shown(key)}` is not a field of the specification; put it under `metadata`", node.span)
            continue
        edits = (Edit(node.start, node.end, meant),) if meant not in document.keys and not node.style else ()
        yield Problem(
            f"`{shown(key)}` is not a field of the specification; did you mean `{meant}`?", node.span, edits=edits
        )


def _meant(key: str) -> str | None:
    normal = key.strip().lower().replace("_", "-").replace(" ", "-")
    if normal in FIELDS:
        return normal
    known = {"licence": "license", "tools": "allowed-tools", "allowedtools": "allowed-tools", "desc": "description"}
    return known.get(normal)


@rule(
    "SPEC020",
    Severity.INFO,
    Provenance.CLIENT,
    client="claude",
    what="a top-level field that only some clients know (`model`, `argument-hint`, `context`, …)",
    why="It works where it is known and is ignored or refused elsewhere. That is a choice, so it is only noted.",
    source="https://code.claude.com/docs/en/skills#frontmatter-reference",
    fix="Keep it for skills meant for that client; drop it from portable ones.",
    bad=VALID.replace('form."\n', 'form."\nmodel: sonnet\n'),
    good=VALID,
    profiles={Profile.CLAUDE: Severity.OFF, Profile.COPILOT: Severity.OFF, Profile.PORTABLE: Severity.ERROR},
)
def client_fields_are_noted(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is None:
        return
    for key, node in document.keys.items():
        if key in CLIENT_FIELDS:
            yield Problem(f"`{key}` is a field of {CLIENT_FIELDS[key]}, not of the specification", node.span)


@rule(
    "SPEC021",
    Severity.WARNING,
    Provenance.SPEC,
    what="a skill without a body",
    why="The body holds the instructions; without it an agent that loads the skill learns nothing more than the "
    "description.",
    source=SPECIFICATION,
    fix="Write the steps, an example and the edge cases below the frontmatter.",
    bad="---\nname: pdf-forms\ndescription: Fills PDF forms. Use when a user asks to complete a PDF form.\n---\n",
    good=VALID,
)
def body_is_not_empty(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is not None and document.yaml is not None and not document.body.strip():
        closing = document.lines.position(max(document.yaml_end, 0))[0]
        yield Problem("there is no body behind the frontmatter", document.lines.line_span(closing))


@rule(
    "SPEC022",
    Severity.WARNING,
    Provenance.SPEC,
    what="an unquoted description cut short by ` #`, which begins a YAML comment",
    why="`description: Uses C # and F #` is read as `Uses C`; nobody sees that the rest is gone.",
    source="https://yaml.org/spec/1.2.2/#66-comments",
    fix="Put the whole value into double quotes, or move the comment to its own line.",
    bad="---\nname: pdf-forms\ndescription: Use when filling form # 7 or form # 8 of a PDF file.\n---\n\n# PDF "
    "forms\n\nFill it.\n",
    good=VALID,
)
def comment_does_not_cut_a_value(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    for key in ("description", "compatibility"):
        value = field_of(skill, key)
        if document is None or value is None or not value.is_string or value.style:
            continue
        line = document.lines.position(value.end)[0]
        rest = document.text[value.end : document.lines.line_end(line)]
        if rest.lstrip(" \t").startswith("#") and rest != rest.lstrip(" \t"):
            start = value.end + len(rest) - len(rest.lstrip(" \t"))
            span = document.lines.span(start, document.lines.line_end(line))
            yield Problem(f"` #` begins a comment: `{key}` ends before `{shown(rest.strip(), 30)}`", span)


@rule(
    "SPEC023",
    Severity.INFO,
    Provenance.CLIENT,
    client="line-readers",
    what="a description written as a block scalar (`|` or `>`)",
    why="Valid YAML, but clients that read line by line show a bare `|` or `>-` to the model; Claude Code did so for "
    "a while. A single "
    "line in double quotes is safe everywhere.",
    source="https://github.com/anthropics/claude-code/issues/10589",
    fix="Write the description on one line in double quotes.",
    bad="---\nname: pdf-forms\ndescription: |\n  Fills PDF forms. Use when a user asks to complete a form.\n---\n\n# "
    "PDF forms\n\nFill it.\n",
    good=VALID,
    profiles=_PORTABLE_ERROR,
)
def description_is_on_one_line(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "description")
    if value is not None and value.style in ("|", ">"):
        yield Problem(
            "`description` is a block scalar; clients that read line by line see only the marker",
            Span(value.span.line, value.span.column, value.span.line, value.span.column + 1),
        )


@rule(
    "SPEC024",
    Severity.WARNING,
    Provenance.SPEC,
    what="an unquoted `yes`, `no`, `on` or `off` where a string is expected",
    why="YAML 1.1 loaders (Python) read a boolean, YAML 1.2 loaders (JavaScript) a string; the field's type depends "
    "on the client.",
    source="https://yaml.org/spec/1.2.2/#103-core-schema",
    fix="Quote the value. `--fix` does.",
    bad=VALID.replace('form."\n', 'form."\nmetadata:\n  beta: yes\n'),
    good=VALID.replace('form."\n', 'form."\nmetadata:\n  beta: "yes"\n'),
    fixable=True,
)
def strings_are_strings_everywhere(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is None:
        return
    values = [(key, document.fields[key]) for key in FIELDS if key in document.fields]
    metadata = document.fields.get("metadata")
    values.extend((f"metadata.{e.key.text}", e.value) for e in metadata.fields) if metadata is not None else None
    for key, value in values:
        if value.is_string and not value.style and not value.is_alias and is_yaml_1_1_boolean(value.text):
            edit = Edit(value.start, value.end, f'"{value.text}"')
            yield Problem(f"`{shown(key)}: {value.text}` is a boolean to YAML 1.1 loaders", value.span, edits=(edit,))


def license_files(skill: Subject) -> tuple[str, ...]:
    """Bundled files the `license` field names."""
    value = field_of(skill, "license")
    if value is None or not value.is_string:
        return ()
    return tuple(posixpath.normpath(match[1]) for match in _LICENSE_FILE.finditer(value.text))
