"""Phase 2's modules: write the document and its files, refine it against the rules, change it on a person's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dspy

from pipeline import naming, sections
from pipeline.checking import assemble, body_of, check, description_of, sentence, with_body
from pipeline.models import (
    Change,
    Feedback,
    Intent,
    Plan,
    QualityAssessment,
    ReportedFinding,
    Requirements,
    Resource,
    SkillDraft,
)
from pipeline.modules.step import Step
from pipeline.quality import assess
from pipeline.refine import Judged, Refined, refine
from pipeline.scripts import script_problems
from pipeline.signatures import generation as signatures
from pipeline.skills.taxonomy import Taxonomy
from pipeline.templates import SECTIONS, STYLE
from pipeline.together import all_of
from pipeline.visible import visible, visible_markdown

SECTIONS_WRITTEN_WHOLE = 7
SCRIPT_ATTEMPTS = 3


@dataclass(frozen=True)
class Assessed:
    """A draft with what the rules and the measures say about it."""

    draft: SkillDraft
    findings: list[ReportedFinding]
    quality: QualityAssessment


def assessed(draft: SkillDraft, plan: Plan, requirements: Requirements, taxonomy: Taxonomy) -> Assessed:
    findings, _ = check(draft, taxonomy)
    return Assessed(draft, findings, assess(draft, plan, requirements, findings, taxonomy))


class GenerateSkillContentModule(Step):
    """Bundled files first, so that the document only names files that exist; then the document, whole or by section."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = dspy.Predict(signatures.GenerateSkillContent)
        self.section = dspy.Predict(signatures.GenerateSkillSection)
        self.script = dspy.Predict(signatures.GenerateScript)
        self.reference = dspy.Predict(signatures.GenerateReference)
        self.asset = dspy.Predict(signatures.GenerateAsset)

    async def aforward(self, plan: Plan, requirements: Requirements, intent: Intent) -> SkillDraft:
        files = await self._bundled(plan, requirements)
        kept = [resource for resource in plan.resource_requirements if resource.path in files]
        plan = plan.model_copy(update={"resource_requirements": kept})
        long = plan.estimated_length == "long" or len(plan.content_outline) > SECTIONS_WRITTEN_WHOLE
        body = await (self._by_section if long else self._whole)(plan, requirements, intent)
        return assemble(plan, with_title(body, requirements.title or plan.skill_metadata.name), files)

    async def _whole(self, plan: Plan, requirements: Requirements, intent: Intent) -> str:
        answer = await self.ask(
            self.whole,
            plan=plan,
            requirements=requirements,
            intent=intent,
            template=list(SECTIONS[requirements.skill_category]),
            style=STYLE[plan.estimated_length],
        )
        return sections.unwrapped(answer.document.body)

    async def _by_section(self, plan: Plan, requirements: Requirements, intent: Intent) -> str:
        answers = await all_of(
            [
                self.ask(
                    self.section,
                    plan=plan,
                    requirements=requirements,
                    intent=intent,
                    section_title=section.title,
                    section_points=section.points,
                    style=STYLE[plan.estimated_length],
                )
                for section in plan.content_outline
            ]
        )
        parts = [
            sections.part(section.title, _without_own_heading(section.title, answer.section.markdown))
            for section, answer in zip(plan.content_outline, answers, strict=True)
        ]
        return sections.join([sections.intro(intent.purpose), *parts])

    async def _bundled(self, plan: Plan, requirements: Requirements) -> dict[str, str]:
        """The planned files that could be written well enough; a script that stays broken is left out."""
        wanted = plan.resource_requirements
        problems: dict[str, list[str]] = {}
        files: dict[str, str] = {}
        for _ in range(SCRIPT_ATTEMPTS):
            answers = await all_of(
                [self._file(item, plan, requirements, problems.get(item.path, [])) for item in wanted]
            )
            for item, content in zip(wanted, answers, strict=True):
                found = script_problems(item.path, content) if item.path.startswith("scripts/") else []
                problems[item.path] = found
                if content.strip() and not found:
                    files[item.path] = content
            wanted = [item for item in wanted if problems[item.path]]
            if not wanted:
                break
        return {item.path: files[item.path] for item in plan.resource_requirements if item.path in files}

    async def _file(self, item: Resource, plan: Plan, requirements: Requirements, problems: Sequence[str]) -> str:
        common = {"path": item.path, "reason": item.reason, "plan": plan, "requirements": requirements}
        if item.path.startswith("scripts/"):
            answer = await self.ask(self.script, **common, problems=list(problems))
        elif item.path.startswith("references/"):
            answer = await self.ask(self.reference, **common, load_when=item.load_when)
        else:
            answer = await self.ask(self.asset, **common)
        return _file_text(answer.file.content)


class RefinedContentModule(Step):
    """Best of several attempts by a reward made of the rules and the measures; never by the model's own opinion."""

    def __init__(self) -> None:
        super().__init__()
        self.improve = dspy.Predict(signatures.RefinedContent)

    async def aforward(
        self,
        first: Assessed,
        plan: Plan,
        requirements: Requirements,
        taxonomy: Taxonomy,
        *,
        target: float,
        attempts: int,
    ) -> Refined[Assessed]:
        async def attempt(best: Judged[Assessed]) -> Judged[Assessed]:
            draft = best.version.draft
            answer = await self.ask(
                self.improve,
                body=body_of(draft),
                findings=list(best.feedback),
                plan=plan,
                requirements=requirements,
            )
            body = with_title(sections.unwrapped(answer.document.body), draft.name)
            return judged(assessed(assemble(_as_is(plan, draft), body, draft.files), plan, requirements, taxonomy))

        return await refine(judged(first), attempt, target=target, attempts=attempts)


def judged(version: Assessed) -> Judged[Assessed]:
    """The reward is the overall score; errors come first in the feedback, advice of severity info is left out."""
    messages = [sentence(finding) for finding in version.findings if finding.severity != "info"]
    return Judged(version, version.quality.overall_score, [*messages, *version.quality.weaknesses][:20])


@dataclass(frozen=True)
class Incorporated:
    draft: SkillDraft
    changes: list[Change]


class IncorporateFeedbackModule(Step):
    """A person's words become edits of single sections; every other section stays byte for byte what it was."""

    def __init__(self) -> None:
        super().__init__()
        self.incorporate = dspy.Predict(signatures.IncorporateFeedback)

    async def aforward(self, draft: SkillDraft, feedback: Sequence[Feedback], plan: Plan) -> Incorporated:
        parts = sections.split(body_of(draft))
        files = {p: text for p, text in draft.files.items() if p != "SKILL.md" and not p.startswith("evals/")}
        answer = await self.ask(
            self.incorporate,
            feedback=[_spoken(item, draft) for item in feedback],
            description=description_of(draft),
            sections=[
                signatures.SectionText(number=number, heading=part.heading, markdown=part.below)
                for number, part in enumerate(parts)
            ],
            files=files,
            plan=plan,
        )
        revision: signatures.Revision = answer.revision
        changed, impossible = _edited(parts, revision.edits)
        new_files, refused = _files_edited(draft.files, revision.file_edits)
        revised = draft.model_copy(update={"files": new_files})
        if changed != parts:
            revised = with_body(revised, sections.join(changed))
        if revision.description and not naming.description_problems(revision.description):
            revised = _described(revised, plan, naming.valid_description(revision.description))
        source = feedback[-1].source if feedback else ""
        changes = [Change(request=d.request, outcome=d.outcome, note=d.note, source=source) for d in revision.done]
        changes.extend(
            Change(request=note, outcome="rejected", note=note, source=source) for note in impossible + refused
        )
        if not changes:
            text = " ".join(" ".join(item.text for item in feedback).split())
            changes = [Change(request=text, outcome="applied" if revised != draft else "rejected", source=source)]
        return Incorporated(revised, _honest(changes, changed=revised.files != draft.files))


def with_title(body: str, name: str) -> str:
    """The body with a first-level heading, its own or one made of the name."""
    if body.lstrip().startswith("# "):
        return body.lstrip()
    title = name if " " in name else name.replace("-", " ").capitalize()
    return f"# {' '.join(title.split())}\n\n{body.lstrip()}"


def _described(draft: SkillDraft, plan: Plan, description: str) -> SkillDraft:
    """The draft with another description; the frontmatter is rendered anew, the body is the same text."""
    if description == description_of(draft):
        return draft
    as_is = _as_is(plan, draft)
    skill = as_is.skill_metadata.model_copy(update={"description": description})
    return assemble(as_is.model_copy(update={"skill_metadata": skill}), body_of(draft), draft.files)


def _as_is(plan: Plan, draft: SkillDraft) -> Plan:
    """The plan with the draft's own description, which a person may have changed since."""
    description = description_of(draft) or plan.skill_metadata.description
    skill = plan.skill_metadata.model_copy(update={"description": description, "name": draft.name})
    return plan.model_copy(update={"skill_metadata": skill, "taxonomy_path": draft.path})


def _edited(parts: Sequence[sections.Part], edits: Sequence[signatures.Edit]) -> tuple[list[sections.Part], list[str]]:
    """The parts after the edits, and sentences about edits that point nowhere."""
    after: dict[int, list[sections.Part]] = {}
    replaced: dict[int, sections.Part | None] = {}
    impossible = []
    for edit in edits:
        if edit.section >= len(parts):
            impossible.append(f"There is no section {edit.section}.")
        elif edit.action == "delete":
            replaced[edit.section] = None
        elif edit.action == "insert_after":
            after.setdefault(edit.section, []).append(sections.part(edit.heading, visible_markdown(edit.markdown)))
        elif edit.section == 0:
            replaced[0] = sections.intro(visible_markdown(edit.markdown))
        else:
            heading = edit.heading or parts[edit.section].heading
            replaced[edit.section] = sections.part(heading, _without_own_heading(heading, edit.markdown))
    result: list[sections.Part] = []
    for number, part in enumerate(parts):
        kept = replaced.get(number, part)
        result.extend([kept] if kept is not None else [])
        result.extend(after.get(number, []))
    return result, impossible


def _files_edited(files: Mapping[str, str], edits: Sequence[signatures.FileEdit]) -> tuple[dict[str, str], list[str]]:
    """The files after the edits; only existing bundled files can be changed, and scripts must stay sound."""
    new = dict(files)
    refused = []
    for edit in edits:
        if edit.path not in files or edit.path == "SKILL.md":
            refused.append("Only bundled files that exist can be changed.")
        elif edit.path.startswith("scripts/") and (problems := script_problems(edit.path, _file_text(edit.content))):
            refused.append(f"{edit.path} was left as it is: {problems[0]}")
        else:
            new[edit.path] = _file_text(edit.content)
    return new, refused


def _honest(changes: Sequence[Change], *, changed: bool) -> list[Change]:
    """Nothing is called applied when no file changed."""
    if changed:
        return list(changes)
    note = "Nothing in the files changed."
    return [
        change.model_copy(update={"outcome": "rejected", "note": note}) if change.outcome == "applied" else change
        for change in changes
    ]


def _spoken(feedback: Feedback, draft: SkillDraft) -> str:
    """The words with the place they point at, and the line itself."""
    if feedback.path is None:
        return feedback.text
    inside = feedback.path.removeprefix(f"{draft.path}/")
    place = f"{inside}:{feedback.line}" if feedback.line else inside
    lines = draft.files.get(inside, "").splitlines()
    quoted = f" (“{lines[feedback.line - 1].strip()}”)" if feedback.line and feedback.line <= len(lines) else ""
    return f"At {place}{quoted}: {feedback.text}"


def _without_own_heading(heading: str, markdown: str) -> str:
    """The markdown without a repetition of its section's heading at the start."""
    text = visible_markdown(markdown).strip()
    first, _, rest = text.partition("\n")
    if first.startswith("#") and first.lstrip("# ").strip().lower() == heading.strip().lower():
        return rest.strip()
    return text


def _file_text(content: str) -> str:
    """A file as it is stored: no surrounding fence, LF, one final newline."""
    lines = visible(content).strip("\n").split("\n")
    if len(lines) > 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        lines = lines[1:-1]
    return "\n".join(lines).rstrip() + "\n"
