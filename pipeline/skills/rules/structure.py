"""STR rules about one file's shape: sizes, fences, line endings, links of the file system, junk, scripts that do not
parse.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from pipeline.skills.files import EntryKind, Symlink
from pipeline.skills.findings import Edit, Provenance, Severity, Span
from pipeline.skills.markdown import MAX_MARKDOWN, BlockKind, Markdown
from pipeline.skills.patterns import lazy
from pipeline.skills.rules.references import is_material
from pipeline.skills.rules.registry import BEST_PRACTICES, SCRIPTS, SPECIFICATION, Problem, Profile, rule
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.scripts import MAX_PROGRAM, Language
from pipeline.skills.subject import MAX_ENTRIES, Subject

MAX_LINES = 500
MAX_TOKENS = 5_000
PAGE_TOKENS, PAGE_TOKENS_LARGE = 10_000, 25_000
CONTENTS_LINES = 300
FILE_BYTES, SKILL_BYTES = 5 * 1024 * 1024, 30 * 1024 * 1024


def tokens(text: str) -> int:
    """A rough count of model tokens: four ASCII characters each, one for any other character."""
    ascii_count = len(text.encode("ascii", "ignore"))
    return ascii_count // 4 + (len(text) - ascii_count)


@rule(
    "STR001",
    Severity.WARNING,
    Provenance.SPEC,
    what=f"a `SKILL.md` of more than {MAX_LINES} lines",
    why="The whole file enters the context whenever the skill is used. The specification recommends staying under "
    "500 lines.",
    source=SPECIFICATION,
    fix="Move reference material into files under `references/` and say when to read each.",
    bad=VALID + "\nStep.\n" * 260,
    good=VALID,
)
def file_is_not_too_long(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is not None and document.lines.count > MAX_LINES:
        span = document.lines.line_span(MAX_LINES + 1)
        yield Problem(f"SKILL.md has {document.lines.count:,} lines; at most {MAX_LINES} are recommended", span)


@rule(
    "STR002",
    Severity.WARNING,
    Provenance.SPEC,
    what=f"a body of more than {MAX_TOKENS:,} tokens (estimated), and, as an error, one too large to be checked at all",
    why="The specification recommends fewer than 5,000 tokens: the body competes with the conversation for the "
    "context. What is "
    "too large to be checked cannot be vouched for.",
    source=SPECIFICATION,
    fix="Cut what the agent knows anyway; move details into `references/`.",
    bad=VALID + "\nA sentence that an agent could have done without.\n" * 450,
    good=VALID,
)
def body_is_not_too_large(skill: Subject) -> Iterator[Problem]:
    document, markdown = skill.document, skill.markdown
    if document is None or markdown is None:
        return
    span = document.lines.line_span(min(document.body_line, document.lines.count))
    if markdown.is_too_large:
        message = f"the body has {len(markdown.source):,} characters; beyond {MAX_MARKDOWN:,} it is not checked"
        yield Problem(message, span, severity=Severity.ERROR)
        return
    count = tokens(markdown.source)
    if count > MAX_TOKENS:
        yield Problem(f"the body has about {count:,} tokens; at most {MAX_TOKENS:,} are recommended", span)


@rule(
    "STR003",
    Severity.WARNING,
    Provenance.PRACTICE,
    what=f"a bundled Markdown file of more than {PAGE_TOKENS_LARGE:,} tokens (noted from {PAGE_TOKENS:,})",
    why="A reference is read as a whole. One that fills the context defeats the point of splitting it off.",
    source=BEST_PRACTICES,
    fix="Split it by topic, so that an agent reads only the part it needs.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/references/all.md": "A line about forms and their fields.\n" * 3000},
    good={"pdf-forms/SKILL.md": VALID},
)
def pages_are_not_too_large(skill: Subject) -> Iterator[Problem]:
    for path, page in skill.pages:
        count = tokens(page.text)
        if count > PAGE_TOKENS:
            severity = None if count > PAGE_TOKENS_LARGE else Severity.INFO
            yield Problem(f"about {count:,} tokens are read at once", Span(1, 1, 1, 1), file=path, severity=severity)


@rule(
    "STR009",
    Severity.INFO,
    Provenance.PRACTICE,
    what=f"a bundled Markdown file of more than {CONTENTS_LINES} lines without a table of contents",
    why="Agents often read the first lines only; a list of contents tells them what else is there.",
    source="https://github.com/anthropics/skills/tree/main/skills/skill-creator",
    fix="Begin the file with a list of its sections.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/references/all.md": "# All\n" + "\n## Part\n\nLine.\n" * 80},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/references/all.md": "# All\n\nLine.\n"},
)
def long_pages_have_contents(skill: Subject) -> Iterator[Problem]:
    for path, page in skill.pages:
        if page.lines.count <= CONTENTS_LINES or len(page.headings) < 4:
            continue
        head = page.text[: page.lines.offset(min(80, page.lines.count))]
        if "](#" not in head and not _CONTENTS.search(head):
            yield Problem(f"{page.lines.count:,} lines and no table of contents", Span(1, 1, 1, 1), file=path)


_CONTENTS = lazy(r"^#*\s*\**(?:table of contents|contents|toc|index|overview of sections)\b", re.I | re.M)
HUMAN_FILES = {
    "readme.md": "agents do not read it, people find it twice",
    "changelog.md": "agents do not need the history",
    "contributing.md": "it belongs to the repository",
    "installation.md": "it belongs to the repository",
    "install.md": "it belongs to the repository",
}


@rule(
    "STR010",
    Severity.INFO,
    Provenance.PRACTICE,
    what="files for people inside a skill (`README.md`, `CHANGELOG.md`), and files installers misread (warnings)",
    why="A skill's folder is for the agent. `npx skills` drops `metadata.json`; an `AGENTS.md` or `CLAUDE.md` "
    "inside a skill is read by some clients as instructions for the whole project.",
    source="https://github.com/vercel-labs/skills",
    fix="Move them to the repository's root, or delete them.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/README.md": "# PDF forms\n"},
    good={"pdf-forms/SKILL.md": VALID},
)
def files_are_for_the_agent(skill: Subject) -> Iterator[Problem]:
    for entry in skill.files:
        name = entry.path.lower()
        if name in HUMAN_FILES and not skill.is_repository_root and skill.directory:
            yield Problem(f"{entry.path}: {HUMAN_FILES[name]}", file=entry.path)
        elif name in ("agents.md", "claude.md", "gemini.md") and skill.directory:
            message = f"{entry.path} is read as project instructions by some clients, not as part of the skill"
            yield Problem(message, file=entry.path, severity=Severity.WARNING)
        elif name == "metadata.json":
            yield Problem(
                "`npx skills` drops metadata.json when it installs", file=entry.path, severity=Severity.WARNING
            )


_JUNK_FOLDERS = {"__pycache__", "node_modules", ".venv", "venv", ".pytest_cache", ".mypy_cache", ".idea", ".vscode"}
_JUNK_NAMES = {".ds_store", "thumbs.db", ".env", "desktop.ini", "npm-debug.log"}
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".skill", ".whl", ".jar")


@rule(
    "STR011",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="junk and weight in a skill: caches, `.env`, archives, files over 5 MB, more than 30 MB or 5,000 files in all",
    why="Everything in the folder is installed with the skill. Caches and archives are not read by agents, and hide "
    "things; the "
    "Claude API takes at most 30 MB.",
    source="https://github.com/anthropics/skills/tree/main/skills/skill-creator",
    fix="Delete it and ignore it in Git.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/__pycache__/fill.cpython-311.pyc": b"\xa7\r\r\n"},
    good={"pdf-forms/SKILL.md": VALID},
)
def no_junk(skill: Subject) -> Iterator[Problem]:
    reported: set[str] = set()
    total = 0
    for entry in skill.entries:
        total += entry.size
        parts = entry.path.split("/")
        junk = next((part for part in parts if part in _JUNK_FOLDERS), None)
        if junk is not None:
            if junk not in reported:
                reported.add(junk)
                yield Problem(f"{junk} does not belong in a skill", file=entry.path)
        elif parts[-1].lower() in _JUNK_NAMES or parts[-1].endswith((".pyc", ".swp", "~")):
            yield Problem(f"{parts[-1]} does not belong in a skill", file=entry.path)
        elif parts[-1].lower().endswith(_ARCHIVES):
            yield Problem("an archive: neither agents nor reviewers see what is in it", file=entry.path)
        elif entry.size > FILE_BYTES:
            yield Problem(f"{entry.size / 1024 / 1024:.1f} MB; files over 5 MB slow every install", file=entry.path)
    if len(skill.entries) > MAX_ENTRIES:
        message = f"more than {MAX_ENTRIES:,} files; those beyond were not checked"
        yield Problem(message, severity=Severity.ERROR)
    if total > SKILL_BYTES:
        yield Problem(
            f"{total / 1024 / 1024:.0f} MB in all; the Claude API takes at most 30 MB",
            profiles={Profile.CLAUDE: Severity.ERROR},
        )


@rule(
    "STR012",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="a code fence that is never closed",
    why="Everything behind it is code: headings, links and instructions are no longer read as such.",
    source="https://spec.commonmark.org/0.31.2/#fenced-code-blocks",
    fix="Close the fence with as many backticks as opened it.",
    bad=VALID + "\n```bash\npython scripts/fill.py\n\n## Next\n",
    good=VALID + "\n```bash\npython scripts/fill.py\n```\n",
)
def fences_are_closed(skill: Subject) -> Iterator[Problem]:
    for path, page in _all_pages(skill):
        for block in page.fences:
            if block.kind is not BlockKind.FENCE or not block.markup:
                continue
            last = min(block.end_line - 1, page.lines.count)
            content = page.text[page.lines.offset(last) : page.lines.line_end(last)].strip()
            if content == block.markup and last > block.line:
                continue
            content = content.lstrip("> ").strip()
            closed = last > block.line and len(content) >= len(block.markup) and not content.strip(block.markup[0])
            if not closed and (page.lines.count - last <= 1 or (not block.list_depth and not block.quoted)):
                span = page.lines.line_span(block.line)
                yield Problem(f"the fence `{block.markup}` is never closed", span, file=path)


def _all_pages(skill: Subject) -> Iterator[tuple[str, Markdown]]:
    """SKILL.md's body and the bundled Markdown files; the own file's path is empty."""
    if skill.markdown is not None:
        yield "", skill.markdown
    yield from skill.pages


@rule(
    "STR013",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a `SKILL.md` with CRLF line endings or without a final newline",
    why="Harmless to most clients, but line-based tools and shells trip over it, and the next edit shows a change "
    "nobody made. "
    "Trailing spaces are left alone: two of them are a line break in Markdown.",
    source="https://spec.commonmark.org/0.31.2/#line-ending",
    fix="Use LF and end the file with one newline. `--fix` does.",
    bad=VALID.replace("\n", "\r\n"),
    good=VALID,
    fixable=True,
)
def line_endings_are_plain(skill: Subject) -> Iterator[Problem]:
    document = skill.document
    if document is None or document.yaml is None:
        return
    text = document.text
    first = text.find("\r\n")
    if first != -1:
        edits = tuple(Edit(m.start(), m.start() + 1, "") for m in re.finditer(r"\r\n", text))
        yield Problem("lines end with CRLF", document.lines.span(first, first + 1), edits=edits)
    elif not text.endswith("\n"):
        end = len(text)
        yield Problem("no newline at the end", document.lines.span(end, end), edits=(Edit(end, end, "\n"),))


@rule(
    "STR014",
    Severity.ERROR,
    Provenance.SECURITY,
    what="a link in the skill's folder that leaves the repository (error), the skill (noted), or leads nowhere "
    "(warning)",
    why="An installed skill whose link points to `/etc` or `../../..` makes the client read, or publish, files that "
    "are not part of it.",
    source="https://owasp.org/www-community/attacks/Path_Traversal",
    fix="Replace the link by the file itself.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/references/hosts.md": Symlink("/etc/hosts")},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/references/hosts.md": "# Hosts\n"},
)
def links_stay_inside(skill: Subject) -> Iterator[Problem]:
    for entry in skill.entries:
        if entry.kind is not EntryKind.SYMLINK:
            continue
        target = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target))
        absolute = posixpath.normpath(posixpath.join(skill.directory, target)) if skill.directory else target
        shown = "".join(c if c.isprintable() else "?" for c in entry.target)[:80]
        if entry.target.startswith("/") or absolute.startswith("../") or absolute == "..":
            yield Problem(f"a link to {shown}, outside the repository", file=entry.path)
        elif not skill.exists(entry.path):
            yield Problem(f"a link to {shown}, which is not there", file=entry.path, severity=Severity.WARNING)
        elif target.startswith("../"):
            message = f"a link to {shown}, outside the skill: an install of the skill alone breaks it"
            yield Problem(message, file=entry.path, severity=Severity.INFO)


@rule(
    "STR015",
    Severity.WARNING,
    Provenance.CLIENT,
    client="npx-skills",
    what="a `SKILL.md` below another skill",
    why="`npx skills` and Claude Code stop at the outer skill: the inner one is never found.",
    source="https://github.com/vercel-labs/skills",
    fix="Move the inner skill beside the outer one, or give its file another name when it is an example.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/sub/pdf-merge/SKILL.md": VALID.replace("pdf-forms", "pdf-merge")},
    good={"pdf-forms/SKILL.md": VALID, "pdf-merge/SKILL.md": VALID.replace("pdf-forms", "pdf-merge")},
)
def skills_are_not_nested(skill: Subject) -> Iterator[Problem]:
    if not skill.directory:
        return  # TAX003 speaks about a skill at the root of a repository
    for entry in skill.entries:
        if entry.path.endswith("/SKILL.md") and entry.kind is EntryKind.FILE and not is_material(entry.path):
            yield Problem(f"{entry.path} lies inside the skill {skill.folder} and is not found", file=entry.path)


@rule(
    "STR016",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="a bundled Python script or JSON file that does not parse",
    why="The agent will run it, see a traceback, and start to repair or replace it instead of doing its task.",
    source=SCRIPTS,
    fix="Run the script once before publishing.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "def fill(:\n    pass\n"},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "def fill():\n    pass\n"},
)
def scripts_parse(skill: Subject) -> Iterator[Problem]:
    for script in skill.scripts:
        if len(script.text) > MAX_PROGRAM or "{{" in script.text:
            continue  # STR017 says that they are not examined
        if script.language is Language.PYTHON and script.syntax_error is not None:
            message, span = script.syntax_error
            newer = "f-string" in message or re.search(r"(?m)^type \w+|^\s*def \w+\[|^class \w+\[", script.text)
            severity = Severity.INFO if newer else None
            yield Problem(f"not valid Python: {message}", span, file=script.path, severity=severity)
    for entry in skill.files:
        if entry.path.endswith(".json") and entry.size <= 1024 * 1024 and "evals/" not in entry.path:
            text = skill.text(entry.path)
            if text is None or "{{" in text:
                continue
            try:
                json.loads(text)
            except json.JSONDecodeError as error:
                if not re.search(r"^\s*//|/\*", text, re.MULTILINE):
                    span = Span(error.lineno, error.colno, error.lineno, error.colno + 1)
                    yield Problem(f"not valid JSON: {error.msg}", span, file=entry.path)
            except RecursionError:
                yield Problem("nested too deeply to be read", file=entry.path)
