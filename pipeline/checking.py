"""What the rules of `pipeline.skills` say about a draft, as plain values; and rendering a draft's SKILL.md."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Literal

from pipeline.models import Plan, PlannedSkill, ReportedFinding, SkillDraft
from pipeline.skills.document import read_document
from pipeline.skills.findings import Severity
from pipeline.skills.metadata import SkillMetadata, render_skill
from pipeline.skills.repository import SkillSummary
from pipeline.skills.taxonomy import Taxonomy
from pipeline.skills.validation import Options, validate_skill

# In a draft of ours these are errors, whatever they are in other people's skills: an open fence, placeholder text,
# a script that cannot be read or that asks questions.
_OURS = Options(severities=dict.fromkeys(("STR012", "CON001", "STR016", "CON011"), Severity.ERROR))

Verdict = Literal["pass", "fail", "unloadable"]


def check(draft: SkillDraft, taxonomy: Taxonomy) -> tuple[list[ReportedFinding], Verdict]:
    """Findings with files relative to the skill, errors first; and the rules' verdict.

    The same draft among the same skills is judged several times on its way: it is read once and remembered.
    """
    siblings = [
        SkillSummary(path=skill.path, name=skill.name, description=skill.description)
        for skill in taxonomy.entries
        if skill.path != draft.path
    ]
    key = _hash_of(draft, siblings)
    if key not in _CHECKED:
        _CHECKED[key] = _check(draft, siblings)
        while len(_CHECKED) > _REMEMBERED:
            _CHECKED.popitem(last=False)
    _CHECKED.move_to_end(key)
    findings, verdict = _CHECKED[key]
    return list(findings), verdict


_REMEMBERED = 512
_CHECKED: OrderedDict[bytes, tuple[list[ReportedFinding], Verdict]] = OrderedDict()


def _hash_of(draft: SkillDraft, siblings: Sequence[SkillSummary]) -> bytes:
    """All that the rules look at."""
    parts = [draft.name, draft.path, *(part for item in sorted(draft.files.items()) for part in item)]
    parts += [part for sibling in siblings for part in (sibling.path, sibling.name, sibling.description)]
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.digest()


def _check(draft: SkillDraft, siblings: Sequence[SkillSummary]) -> tuple[list[ReportedFinding], Verdict]:
    report = validate_skill(draft.name, draft.files, siblings=siblings, options=_OURS)
    order = {"error": 0, "warning": 1, "info": 2}
    findings = [
        ReportedFinding(
            rule=finding.rule,
            severity=_SEVERITIES[finding.severity.value],
            message=finding.message,
            file=finding.file.removeprefix(f"{draft.name}/"),
            line=finding.line,
            column=finding.column,
        )
        for finding in report.findings
    ]
    findings.sort(key=lambda finding: (order[finding.severity], finding.file, finding.line, finding.rule))
    return findings, _VERDICTS[report.verdict.value]


_SEVERITIES: Mapping[str, Literal["error", "warning", "info"]] = {
    "error": "error",
    "warning": "warning",
    "info": "info",
}
_VERDICTS: Mapping[str, Verdict] = {"pass": "pass", "fail": "fail", "unloadable": "unloadable"}


def assemble(plan: Plan, body: str, files: Mapping[str, str]) -> SkillDraft:
    """A draft from its parts; the only place where a SKILL.md is put together."""
    document = render(plan.skill_metadata, body)
    kept = {path: content for path, content in files.items() if path != "SKILL.md"}
    return SkillDraft(name=plan.skill_metadata.name, path=plan.taxonomy_path, files={"SKILL.md": document, **kept})


def render(skill: PlannedSkill, body: str) -> str:
    return render_skill(SkillMetadata.model_validate(skill.model_dump()), body)


def with_body(draft: SkillDraft, body: str) -> SkillDraft:
    """The draft with another body; its frontmatter stays byte for byte what it was."""
    text = draft.skill_content
    head = text[: len(text) - len(body_of(draft))]
    return draft.model_copy(update={"files": {**draft.files, "SKILL.md": f"{head}{body.strip(chr(10)).rstrip()}\n"}})


def body_of(draft: SkillDraft) -> str:
    """The Markdown below the frontmatter."""
    return read_document(draft.skill_content.encode("utf-8", "surrogatepass")).body.lstrip("\n")


def description_of(draft: SkillDraft) -> str:
    return read_document(draft.skill_content.encode("utf-8", "surrogatepass")).description


def errors(findings: Sequence[ReportedFinding]) -> list[ReportedFinding]:
    return [finding for finding in findings if finding.severity == "error"]


def sentence(finding: ReportedFinding) -> str:
    """A finding as a person or a model reads it."""
    place = f"{finding.file}:{finding.line}" if finding.line else finding.file
    return f"{place}: {finding.message} ({finding.rule}, {finding.severity})"
