"""STR004-STR008: what SKILL.md points to is there, inside the skill, at most one step away, and nothing lies unused.

Only links and code spans count; a path in a fence, a quotation, a pattern or a placeholder is not a reference.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline.skills.findings import Provenance, Severity, Span
from pipeline.skills.markdown import Markdown
from pipeline.skills.patterns import lazy
from pipeline.skills.rules.registry import BEST_PRACTICES, SPECIFICATION, Problem, rule
from pipeline.skills.rules.spec_fields import license_files, shown
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.subject import Subject

_SCHEME = lazy(r"[A-Za-z][A-Za-z0-9+.-]*:|//|#|\?|mailto:")
# A path that stands for any path, as in `references/<topic>.md`, `path/to/your.md`, `notes-YYYY.md`: no file is meant.
_PLACEHOLDER = lazy(r"[<>{}*$|%\s…]|\.\.\.|\[|\]|\bYYYY\b|\b[Xx]{2,3}\b|\b(?:your|my|foo|bar|path/to)\b|example\.com")
_BUNDLED_PATH = lazy(r"(?:\./)?((?:references?|scripts|assets|templates|resources)/[\w./-]*\w\.[A-Za-z0-9]{1,8})")
_BUNDLED_FOLDER = lazy(r"(?:references?|scripts|assets|templates|resources|examples)/")
_EXAMPLE = lazy(
    r"(?:\bexamples?[*_]*\s*[:(]|\be\.g\.|\bfor instance\b|例如|\bexample\.\w+`,)[^\n]{0,120}$", re.IGNORECASE
)
_OPENED = lazy(r"\b(?:see|read|open|load|run|in|of|to|from|with|use)[\s*_(]*$", re.IGNORECASE)
"""What stands in front of a file that is to be opened, be it one with examples."""
MAX_FILES = 400
"""Of a skill with more, nobody is told which files nothing mentions."""
MAX_REFERENCES = 2_000


@dataclass(frozen=True, slots=True)
class Reference:
    """A path a text points to, relative to the skill, and where it does so. `page` is empty for SKILL.md."""

    path: str
    page: str
    span: Span
    is_link: bool
    raw: str
    is_example: bool = False
    """Whether the text names it as an example of a path, not as a file to open."""


def references(skill: Subject) -> Iterator[Reference]:
    """What SKILL.md points to."""
    if skill.markdown is not None:
        yield from _known_references(skill, "", skill.markdown)


_MATERIAL = lazy(r"(?:^|/)(?:assets|templates?|examples?|samples?|fixtures|expected[_-]outputs?)/")


def is_material(path: str) -> bool:
    """Whether a bundled file is a template to fill in or an example of what comes out, not a page of the skill."""
    return _MATERIAL.search(path) is not None


def page_references(skill: Subject) -> Iterator[Reference]:
    """What the bundled Markdown files point to."""
    for path, page in skill.pages:
        yield from _known_references(skill, path, page)


def _known_references(skill: Subject, path: str, page: Markdown) -> tuple[Reference, ...]:
    """A page's references, looked for once."""
    key = f"references {path}"
    found = skill.memo.get(key)
    if found is None:
        found = skill.memo[key] = tuple(_references_of(path, page))
    assert isinstance(found, tuple)
    return found


def _references_of(page: str, markdown: Markdown) -> Iterator[Reference]:
    folder = posixpath.dirname(page)
    for count, link in enumerate(markdown.links):
        if count >= MAX_REFERENCES:
            break
        target = unquote(link.target.split("#", 1)[0].split("?", 1)[0])
        if not target or _SCHEME.match(link.target) or _PLACEHOLDER.search(target) or len(target) > 300:
            continue
        yield Reference(_relative(folder, target), page, link.span, True, target)
    seen: set[str] = set()
    for text, block in markdown.code_spans:
        match = _BUNDLED_PATH.fullmatch(text.strip())
        if match is None or match[1] in seen or _PLACEHOLDER.search(text.strip()):
            continue
        seen.add(match[1])
        before = block.text[: block.text.find(text)].rstrip("`")
        is_example = _EXAMPLE.search(before) is not None and _OPENED.search(before) is None
        span = markdown.find(block, text.strip())
        yield Reference(posixpath.normpath(match[1]), page, span, False, text.strip(), is_example)


def _relative(folder: str, target: str) -> str:
    return target if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))


def _is_there(skill: Subject, reference: Reference) -> bool:
    if skill.exists(reference.path):
        return True
    # Paths in a bundled page are relative to the skill by specification, to the page by habit: both are accepted.
    return bool(reference.page) and skill.exists(posixpath.normpath(reference.raw))


@rule(
    "STR004",
    Severity.WARNING,
    Provenance.SPEC,
    what="a link, or a code span like `scripts/fill.py`, that points to a file the skill does not have",
    why="The agent goes looking for the file, fails, and improvises.",
    source=SPECIFICATION,
    fix="Add the file, correct the path (relative to the skill's folder), or drop the mention.",
    bad=VALID + "\nSee [the fields](references/fields.md) when a field has no label.\n",
    good={
        "pdf-forms/SKILL.md": VALID + "\nSee [the fields](references/fields.md) when a field has no label.\n",
        "pdf-forms/references/fields.md": "# Fields\n",
        "pdf-forms/scripts/fill.py": "print('filled')\n",
    },
)
def references_exist(skill: Subject) -> Iterator[Problem]:
    missing = list(missing_references(skill))
    if missing and skill.is_extract:
        message = f"{len(missing)} paths cannot be looked up: there are only SKILL.md files here"
        yield Problem(message, missing[0].span, severity=Severity.INFO)
        return
    for reference in missing:
        yield Problem(f"`{shown(reference.raw)}` is not in the skill", reference.span, file=reference.page)


def missing_references(skill: Subject) -> Iterator[Reference]:
    """The references to files of the skill that are not there."""
    folders = {entry.path.split("/", 1)[0] for entry in skill.entries if "/" in entry.path}
    for reference in (*references(skill), *page_references(skill)):
        if reference.path.startswith(("../", "/")) or reference.path == ".." or is_material(reference.page):
            continue
        if reference.is_example or posixpath.basename(reference.path).startswith("example."):
            continue
        if _is_there(skill, reference):
            continue
        top = reference.path.split("/", 1)[0]
        if not reference.is_link and (reference.page or top not in folders):
            continue  # prose about a project's own `scripts/…`, not about this skill
        if reference.is_link and not _names_a_file(reference):
            continue
        yield reference


def _names_a_file(reference: Reference) -> bool:
    """Whether a link is a path of this skill, not a label or a page of some wiki: `[x](label)`, `[x](wiki/page)`."""
    if "." in posixpath.basename(reference.path) or reference.raw.startswith("./") or reference.raw.endswith("/"):
        return True
    return bool(_BUNDLED_FOLDER.match(reference.path))


@rule(
    "STR005",
    Severity.ERROR,
    Provenance.SECURITY,
    what="a link that leaves the repository by `..`, or (as a warning) an absolute path of the file system",
    why="Outside the repository is whatever the reader's machine has there: the file is missing, or it is somebody's "
    "own.",
    source="https://owasp.org/www-community/attacks/Path_Traversal",
    fix="Bundle the file and link to it relative to the skill's folder.",
    bad={
        "skills/pdf-forms/SKILL.md": VALID + "\nRead [the keys](../../../secrets/keys.md) first.\n",
    },
    good={"pdf-forms/SKILL.md": VALID},
)
def references_stay_in_the_repository(skill: Subject) -> Iterator[Problem]:
    for reference in (*references(skill), *page_references(skill)):
        if not reference.is_link:
            continue
        if re.match(r"/(?:etc|usr|home|Users|root|var|tmp|opt|private)/", reference.path):
            message = f"`{shown(reference.raw)}` is an absolute path"
            yield Problem(message, reference.span, file=reference.page, severity=Severity.WARNING)
        elif reference.path.startswith("..") and skill.is_in_repository:
            target = posixpath.normpath(posixpath.join(skill.directory, reference.path))
            if target == ".." or target.startswith("../"):
                message = f"`{shown(reference.raw)}` leads outside the repository"
                yield Problem(message, reference.span, file=reference.page)


@rule(
    "STR006",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="a link to another skill or to the repository around the skill (`../other/…`)",
    why="Skills are installed one by one. What lies beside them in the repository is not there then.",
    source=SPECIFICATION,
    fix="Bundle what is needed, or name the other skill in words instead of linking to its file.",
    bad={
        "pdf-forms/SKILL.md": VALID + "\nSee [merging](../pdf-merge/SKILL.md).\n",
        "pdf-merge/SKILL.md": VALID.replace("pdf-forms", "pdf-merge"),
    },
    good={"pdf-forms/SKILL.md": VALID + "\nThe skill pdf-merge joins files.\n"},
)
def references_stay_in_the_skill(skill: Subject) -> Iterator[Problem]:
    for reference in (*references(skill), *page_references(skill)):
        leaves = reference.path == ".." or reference.path.startswith("../")
        if reference.is_link and leaves and not is_material(reference.page):
            target = posixpath.normpath(posixpath.join(skill.directory, reference.path))
            if not (skill.is_in_repository and target.startswith("../")):
                message = f"`{shown(reference.raw)}` lies outside the skill: an install of the skill alone breaks it"
                yield Problem(message, reference.span, file=reference.page)


@rule(
    "STR007",
    Severity.INFO,
    Provenance.SPEC,
    what="a bundled page that sends the reader on to a page SKILL.md never mentions",
    why="The specification asks for references one level deep: agents read linked files partly, and the second step "
    "rarely.",
    source=SPECIFICATION,
    fix="Mention the deeper page in SKILL.md, with when to read it.",
    bad={
        "pdf-forms/SKILL.md": VALID + "\nRead [fields](references/fields.md) when a field has no label.\n",
        "pdf-forms/references/fields.md": "# Fields\n\nThen read [types](types.md).\n",
        "pdf-forms/references/types.md": "# Types\n",
    },
    good={
        "pdf-forms/SKILL.md": VALID + "\nRead [fields](references/fields.md) when a field has no label.\n",
        "pdf-forms/references/fields.md": "# Fields\n",
    },
)
def references_are_one_level_deep(skill: Subject) -> Iterator[Problem]:
    if skill.document is None or not skill.pages:
        return
    body = skill.document.body
    pages = {path for path, _ in skill.pages}
    for reference in page_references(skill):
        basename = posixpath.basename(reference.path)
        if reference.path in pages and reference.path != reference.page and basename not in body:
            message = f"leads on to `{shown(reference.path)}`, which SKILL.md does not mention"
            yield Problem(message, reference.span, file=reference.page)


_ALWAYS_USED = lazy(
    r"(?:^|/)(?:licen[cs]e|copying|notice|readme|changelog|__init__|requirements|package(?:-lock)?|pyproject|setup|uv"
    r"|skill|metadata|agents|claude|openai|conftest|cargo|go|tsconfig|makefile|dockerfile|gemfile)[^/]*$|^evals?/|^tests?/|/tests?/"
    r"|^agents/|(?:^|/)\.[^/]+",
    re.IGNORECASE,
)


@rule(
    "STR008",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a bundled file that neither SKILL.md nor anything it mentions speaks of",
    why="An agent opens what it is told about. A file nobody mentions is weight, or a forgotten instruction.",
    source=BEST_PRACTICES,
    fix="Mention it with the condition under which to read or run it, or delete it.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/references/forgotten.md": "# Forgotten\n"},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "print('filled')\n"},
)
def files_are_reachable(skill: Subject) -> Iterator[Problem]:
    if skill.document is None or not skill.directory or len(skill.files) > MAX_FILES:
        return
    named_licenses = set(license_files(skill))
    waiting = {e.path for e in skill.files if not _ALWAYS_USED.search(e.path) and e.path not in named_licenses}
    nested = {posixpath.dirname(e.path) for e in skill.files if e.path.endswith("/SKILL.md")}
    waiting = {path for path in waiting if not any(path.startswith(f"{folder}/") for folder in nested)}
    texts = [skill.document.text]
    while texts and waiting:
        text = texts.pop()
        reached = {path for path in waiting if _mentions(text, path)}
        waiting -= reached
        texts.extend(content for path in sorted(reached) if (content := skill.text(path)) is not None)
    for path in sorted(waiting)[:20]:
        yield Problem(f"{shown(path)} is mentioned nowhere", file=path)
    if len(waiting) > 20:
        yield Problem(f"and {len(waiting) - 20} more bundled files are mentioned nowhere")


def _mentions(text: str, path: str) -> bool:
    """Whether a text names a file: its name, its stem as an import, or a folder that holds it."""
    folder, name = posixpath.split(path)
    if name in text or (folder and (f"{folder}/" in text or f"`{folder}`" in text)):
        return True
    stem, suffix = posixpath.splitext(name)
    if suffix in (".py", ".js", ".ts", ".mjs", ".sh") and re.search(rf"(?<![\w-]){re.escape(stem)}(?![\w-])", text):
        return True
    return len(stem) > 5 and stem in text
