"""The programs a skill holds or tells an agent to run: bundled scripts, fences, and commands in code spans, with
context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.skills.findings import Severity
from pipeline.skills.markdown import Block, BlockKind, Markdown
from pipeline.skills.patterns import Search, lazy
from pipeline.skills.scripts import Language, Script, fence_language
from pipeline.skills.subject import Subject

_WARNS = lazy(
    r"\b(?:malicious|vulnerab|attack|exploit|injection|dangerous|insecure|unsafe|never|avoid|anti-?pattern|bad\b"
    r"|wrong|don't|do not"
    r"|red flags?|block(?:ed|s)?|den(?:y|ied)|forbid|detect|suspicious|payloads?|threat|audit|indicators?"
    r"|patterns? to|examples? of)",
    re.IGNORECASE,
)
_LOOKS_LIKE_SHELL = lazy(
    r"^\s*(?:\$ )?(?:sudo |curl |wget |bash |sh |rm |pip3? |npm |npx |git |echo |export |cat |chmod |dd |eval "
    r"|source |crontab )",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program and where it stands. `is_bundled` is a file that runs; else it is shown in a text for the agent."""

    script: Script
    is_bundled: bool
    file: str
    block: Block | None = None
    before: Block | None = None
    is_shown_attack: bool = False
    """Whether it stands in a page about attacks of a skill about attacks."""

    @property
    def is_warned_about(self) -> bool:
        """Whether the text around it names it as dangerous."""
        return self.block is not None and is_warned_about(self.block, self.before)

    def weigh(self, severity: Severity) -> Severity:
        """The severity in this place: one step lower where the text speaks of the danger or quotes it, a note where a
        skill about attacks shows one."""
        if self.is_shown_attack:
            return Severity.INFO
        if not self.is_warned_about:
            return severity
        return {Severity.ERROR: Severity.WARNING}.get(severity, Severity.INFO)


def programs(skill: Subject, language: Language, wanted: Search) -> Iterator[Program]:
    """The programs of a language whose text a pattern matches; it keeps parsing to what a rule could report."""
    for script in skill.scripts:
        if script.language is language and wanted.hint.allows(script.words) and wanted.pattern.search(script.text):
            yield Program(script, True, script.path)
    if skill.markdown is not None and wanted.hint.allows(skill.markdown.words):
        yield from _matching(skill, "", skill.markdown, language, wanted)
    for path, page in skill.pages:
        if wanted.hint.allows(page.words):
            yield from _matching(skill, path, page, language, wanted)


def _matching(skill: Subject, path: str, page: Markdown, language: Language, wanted: Search) -> Iterator[Program]:
    """The programs of a page, put together once, that match."""
    key = f"programs {path}"
    found = skill.memo.get(key)
    if found is None:
        shown = _shown(path, page)
        if path and describes_attacks(skill):
            shown = (replace(each, is_shown_attack=_is_about_attacks(path, each)) for each in shown)
        found = skill.memo[key] = tuple(shown)
    assert isinstance(found, tuple)
    for program in found:
        script = program.script
        if script.language is language and wanted.hint.allows(script.words) and wanted.pattern.search(script.text):
            yield program


def shown_programs(skill: Subject, path: str) -> tuple[Program, ...]:
    """The programs that a page shows, as far as a rule has asked for them; the empty path is the body's."""
    found = skill.memo.get(f"programs {path}", ())
    assert isinstance(found, tuple)
    return found


def _shown(path: str, page: Markdown) -> Iterator[Program]:
    before: Block | None = None
    for block in page.blocks:
        if block.kind in (BlockKind.FENCE, BlockKind.CODE):
            language = fence_language(block.language)
            if language is None and not block.language and _LOOKS_LIKE_SHELL.search(block.text):
                language = Language.SHELL
            if language is not None:
                first = block.line + (1 if block.kind is BlockKind.FENCE else 0)
                script = Script(path, block.text, language, first, _indent(page, first, block.text))
                yield Program(script, False, path, block, before)
            continue
        before = block
    for text, block in page.code_spans:
        if len(text) > 12 and " " in text and (("|" in text) or _LOOKS_LIKE_SHELL.match(text)):
            span = page.find(block, text)
            script = Script(path, text, Language.SHELL, span.line, span.column - 1)
            yield Program(script, False, path, block)


_ATTACKS = lazy(r"security|pentest|malware|vulnerab|exploit|threat|red.?team|ctf\b|forensic|hardening", re.IGNORECASE)
_PAGE_OF_ATTACKS = lazy(r"threat|attack|exploit|malicious|vulnerab|payload", re.IGNORECASE)


def describes_attacks(skill: Subject) -> bool:
    """Whether the skill as a whole is about attacks and their defence."""
    document = skill.document
    return document is not None and _ATTACKS.search(f"{document.name} {document.description[:400]}") is not None


def _is_about_attacks(path: str, program: Program) -> bool:
    return _PAGE_OF_ATTACKS.search(path) is not None or program.is_warned_about


def _indent(page: Markdown, line: int, text: str) -> int:
    """By how many columns a fence's content is indented or quoted in the file."""
    first = text.split("\n", 1)[0]
    source = page.text[page.lines.offset(line) : page.lines.line_end(line)].rstrip("\r")
    return len(source) - len(first) if first and source.endswith(first) else 0


def is_warned_about(block: Block, before: Block | None) -> bool:
    """Whether the text around a block names it as dangerous, or the block is a quotation."""
    if block.quoted:
        return True
    context = block.section if before is None else f"{block.section}\n{before.text[-300:]}"
    own = block.text if block.kind not in (BlockKind.FENCE, BlockKind.CODE) else ""
    return _WARNS.search(f"{context}\n{own}") is not None
