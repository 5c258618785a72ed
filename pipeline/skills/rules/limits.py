"""STR017: what the other rules did not look at, because it is too large or cannot be read. Runs behind all of them."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.skills.files import MAX_READ
from pipeline.skills.findings import Provenance, Severity, Span
from pipeline.skills.markdown import MAX_INLINE, MAX_MARKDOWN, Markdown
from pipeline.skills.programs import shown_programs
from pipeline.skills.rules.references import MAX_FILES, MAX_REFERENCES
from pipeline.skills.rules.registry import SCRIPTS, Problem, rule
from pipeline.skills.rules.security_text import TEXT_LIMIT, TEXT_SUFFIXES, pages
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.scripts import MAX_PROGRAM, Language, Script, may_be_script
from pipeline.skills.subject import Subject


@rule(
    "STR017",
    Severity.INFO,
    Provenance.PRACTICE,
    what="what was not examined, or not to its end: large files, programs, pages and commands, text that is not UTF-8 "
    "(a warning when it is a program)",
    why="The limits keep a hostile file from holding up the check. What lies beyond them may hold anything: silence "
    "about it would look like praise.",
    source=SCRIPTS,
    fix="Split it, save it as UTF-8, or review it by hand and ignore this finding with the reason.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": b"print('\xe9')\n"},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "print('é')\n"},
)
def everything_is_examined(skill: Subject) -> Iterator[Problem]:
    yield from _files(skill)
    for script in skill.scripts:
        if script.language is Language.PYTHON and "{{" in script.text and script.syntax_error is not None:
            yield Problem("not examined: a template, which is not Python yet", file=script.path)
        else:
            yield from _program(script.path, script)
    for path, page in pages(skill):
        yield from _page(path, page)
        for program in shown_programs(skill, path):
            yield from _program(path, program.script)


def _files(skill: Subject) -> Iterator[Problem]:
    if len(skill.files) > MAX_FILES:
        yield Problem(f"among more than {MAX_FILES} files, those that nothing mentions are not looked for")
    for entry in skill.files:
        path = entry.path
        if entry.size > MAX_READ:
            yield Problem(f"not read: it is larger than {MAX_READ // 1024 // 1024} MiB", file=path)
            continue
        is_program = may_be_script(path) and "." in path.rpartition("/")[2]
        if not is_program and entry.size <= TEXT_LIMIT and not path.lower().endswith(TEXT_SUFFIXES):
            continue
        data = skill.bytes(path)
        if data is None:
            yield Problem("not examined: it cannot be read", file=path)
        elif b"\0" in data[:8192] or not data:
            continue  # SEC015 speaks of binary data behind the name of a text
        elif skill.text(path) is None:
            yield Problem("not examined: it is not UTF-8", file=path, severity=Severity.WARNING if is_program else None)
        elif entry.size > TEXT_LIMIT:
            yield Problem(
                f"not searched for credentials and hidden text: it is larger than {TEXT_LIMIT // 1024 // 1024} MiB",
                file=path,
            )


def _page(path: str, page: Markdown) -> Iterator[Problem]:
    if page.is_too_large:
        if path:  # STR002 speaks of the body
            yield Problem(f"not examined: it has more than {MAX_MARKDOWN:,} characters", file=path)
        return
    blocks = page.blocks if len(page.text) > MAX_INLINE else ()
    long = next((block for block in blocks if len(block.text) > MAX_INLINE), None)
    if long is not None:
        message = f"links and code spans are not looked for in a block of more than {MAX_INLINE:,} characters"
        yield Problem(message, page.lines.line_span(long.line), file=path)
    if len(page.links) > MAX_REFERENCES:
        span = page.links[MAX_REFERENCES].span
        yield Problem(f"links beyond the first {MAX_REFERENCES:,} are not followed", span, file=path)


def _program(path: str, script: Script) -> Iterator[Problem]:
    start = Span(script.first_line, 1, script.first_line, 1)
    if len(script.text) > MAX_PROGRAM:
        message = f"not examined: the program has more than {MAX_PROGRAM:,} characters"
        yield Problem(message, start, file=path, severity=Severity.WARNING)
    elif script.cut:
        yield Problem(f"not examined to its end: {script.cut}", start, file=path, severity=Severity.WARNING)
