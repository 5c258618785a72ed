"""What a project has decided to live with: ignore comments beside the text, and a baseline file. Stale ones are told.

An ignore comment names a rule and a reason: `# skill-fleet: ignore RULE reason` in the frontmatter (for the whole
skill) or in a script (for its own line and the next), `<!-- skill-fleet: ignore RULE reason -->` in Markdown (for the
block that follows). Security errors cannot be ignored from within a skill: the skill is what is being judged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.skills.findings import Finding, Provenance, Severity, Span
from pipeline.skills.rules.registry import Problem, Rule
from pipeline.skills.subject import Subject

_IGNORE = re.compile(
    r"skill-fleet:[ \t]*ignore\b[ \t]*(?P<rule>[\w*-]*)[ \t]*(?P<reason>[^\n]*?)[ \t]*(?:-->|$)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ignore comment. `last_line` is the last line it covers, None for the whole skill."""

    rule: str
    reason: str
    file: str
    span: Span
    last_line: int | None

    def covers(self, problem: Problem, own_file: str) -> bool:
        """Whether it speaks of a problem's place."""
        if self.last_line is None:
            return True
        return (problem.file or own_file) == self.file and self.span.line <= problem.span.line <= self.last_line


def ignores(skill: Subject) -> tuple[Ignore, ...]:
    """The ignore comments of a skill. Only real comments count: not fences, quotations or code spans."""
    document, markdown = skill.document, skill.markdown
    found: list[Ignore] = []
    if document is not None and "skill-fleet:" in document.text and document.yaml is not None:
        for line in range(document.lines.position(document.yaml_start)[0], document.body_line - 1):
            start = document.lines.offset(line)
            text = document.text[start : document.lines.line_end(line)]
            if text.lstrip().startswith("#") and (match := _IGNORE.search(text)):
                found.append(
                    Ignore(match["rule"], match["reason"], skill.skill_path, document.lines.line_span(line), None)
                )
        for comment in markdown.comments if markdown is not None else ():
            match = _IGNORE.search(comment.text)
            if match is not None:
                last = _next_text_line(document.text.split("\n"), comment.span.end_line)
                ends = [b.end_line - 1 for b in markdown.blocks if b.line == last] if markdown is not None else []
                last = max([last, *ends])
                found.append(Ignore(match["rule"], match["reason"], skill.skill_path, comment.span, last))
    for script in skill.scripts:
        if "skill-fleet:" not in script.text:
            continue
        for number, code in enumerate(script.lines, start=1):
            match = re.search(r"#\s*(skill-fleet:.*)$", code)
            ignore = _IGNORE.search(match[1]) if match is not None else None
            if ignore is not None:
                span = Span(number, 1, number, len(code) + 1)
                found.append(
                    Ignore(ignore["rule"], ignore["reason"], script.path, span, _next_text_line(script.lines, number))
                )
    return tuple(found)


def _next_text_line(lines: Sequence[str], line: int) -> int:
    """The next line that is not blank, or `line` itself at the end."""
    return next((n for n in range(line + 1, min(len(lines), line + 20) + 1) if lines[n - 1].strip()), line)


def apply_ignores(
    skill: Subject, found: Sequence[tuple[Rule, Severity, Problem]], rules: Mapping[str, Rule]
) -> list[tuple[Rule, Severity, Problem]]:
    """What remains of the problems, with problems about the comments themselves added."""
    comments = ignores(skill)
    if not comments:
        return list(found)
    kept = list(found)
    for comment in comments:
        complaint = _complaint(comment, rules)
        covered = [item for item in kept if item[0].id == comment.rule and comment.covers(item[2], skill.skill_path)]
        refused = [i for i in covered if i[0].provenance is Provenance.SECURITY and i[1] is Severity.ERROR]
        if complaint is None and refused:
            complaint = f"{comment.rule} is a security error and cannot be ignored from within the skill"
        if complaint is not None:
            kept.append((rules["IGN001"], rules["IGN001"].severity, Problem(complaint, comment.span, comment.file)))
        elif covered:
            kept = [item for item in kept if item not in covered]
        else:
            message = f"nothing here breaks {comment.rule}: the comment can go"
            kept.append((rules["IGN002"], rules["IGN002"].severity, Problem(message, comment.span, comment.file)))
    return kept


def _complaint(comment: Ignore, rules: Mapping[str, Rule]) -> str | None:
    if comment.rule not in rules or comment.rule.startswith("IGN"):
        return f"`{comment.rule[:40]}` is not a rule that can be ignored" if comment.rule else "no rule is named"
    return None if len(comment.reason.strip()) >= 3 else f"no reason is given for ignoring {comment.rule}"


def fingerprint(finding: Finding) -> str:
    """What identifies a finding while lines move: its rule, file, and the text of its line (or its message)."""
    what = finding.context or finding.message
    return hashlib.sha256(f"{finding.rule}\0{finding.file}\0{what}".encode("utf-8", "replace")).hexdigest()[:32]


def write_baseline(findings: Iterable[Finding]) -> str:
    """The baseline that accepts these findings, as JSON with one entry a line."""
    entries = sorted({(f.file, f.rule, fingerprint(f)) for f in findings})
    counts = Counter((f.file, f.rule, fingerprint(f)) for f in findings)
    lines = [
        "    " + json.dumps({"file": file, "rule": name, "fingerprint": mark, "count": counts[file, name, mark]})
        for file, name, mark in entries
    ]
    return '{\n  "version": 1,\n  "findings": [\n' + ",\n".join(lines) + ("\n" if lines else "") + "  ]\n}\n"


def read_baseline(text: str) -> Counter[tuple[str, str, str]]:
    """What a baseline accepts, with how many of each. Raises ValueError, saying what is wrong, for anything else."""
    document = json.loads(text)
    entries = document.get("findings") if isinstance(document, dict) and document.get("version") == 1 else None
    if not isinstance(entries, list):
        raise ValueError('is not a baseline: it needs "version": 1 and a list "findings"')
    accepted: Counter[tuple[str, str, str]] = Counter()
    for entry in entries:
        values = [entry.get(key) for key in ("file", "rule", "fingerprint")] if isinstance(entry, dict) else []
        count = entry.get("count", 1) if isinstance(entry, dict) else 0
        if len(values) != 3 or not all(isinstance(value, str) for value in values) or not isinstance(count, int):
            raise ValueError("has an entry without file, rule and fingerprint")
        accepted[str(values[0]), str(values[1]), str(values[2])] += count
    return accepted
