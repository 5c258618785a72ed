"""Phase 1: what is wanted, clarified with the person where it matters, and a plan for it."""

import re

from pipeline import significance
from pipeline.checking import description_of
from pipeline.checkpoints import ClarifyCheckpoint, ConfirmCheckpoint, EventType, StructureFixCheckpoint
from pipeline.existing import skill_to_change
from pipeline.journey import Failure, Journey
from pipeline.models import Ambiguity, Duplicate, Placement, PlannedSkill, Requirements, SkillDraft, Understanding
from pipeline.modules.understanding import (
    AnalyzeDependenciesModule,
    AnalyzeIntentModule,
    FindTaxonomyPathModule,
    GatherRequirementsModule,
    Structure,
    SynthesizePlanModule,
    ValidateStructureModule,
    near_duplicates,
)
from pipeline.outline.reading import assign
from pipeline.runtime import CallFailed
from pipeline.session import Session
from pipeline.skills.metadata import read_metadata
from pipeline.skills.taxonomy import TaxonomyEntry
from pipeline.together import three
from pipeline.workflows.phase import PhaseWorkflow, stop_at


class UnderstandingWorkflow(PhaseWorkflow):
    """Requirements, then questions or the name's correction if needed, then intent, place and dependencies at once,
    then the plan."""

    phase = "understanding"

    def __init__(self) -> None:
        self.gather = GatherRequirementsModule()
        self.validate_structure = ValidateStructureModule()
        self.analyze_intent = AnalyzeIntentModule()
        self.find_taxonomy_path = FindTaxonomyPathModule()
        self.analyze_dependencies = AnalyzeDependenciesModule()
        self.synthesize_plan = SynthesizePlanModule()

    async def _run(self, journey: Journey, session: Session) -> Journey:
        async with session.module("GatherRequirements", "Reading the request"):
            requirements = await self.gather.acall(request=journey.request, clarifications=journey.clarifications)
        open_questions = self._questions(journey, requirements, session)
        if open_questions:
            return stop_at(journey, self._clarify(journey, open_questions))

        existing = await self._existing(journey, session)
        if existing is not None:
            journey = journey.model_copy(update={"existing": existing})
            structure = Structure(existing.name, description_of(existing))
            return await self._plan(journey, requirements, structure, session)

        async with session.module("ValidateStructure", "Checking name and description"):
            structure = await self._structure(journey, requirements, session)
        if structure.problems:
            return stop_at(journey, _structure_fix(journey, structure))

        return await self._plan(journey, requirements, structure, session)

    async def _existing(self, journey: Journey, session: Session) -> SkillDraft | None:
        """The skill to change: the one in review, or the one that the request or an answer names."""
        if journey.rebuilt:
            return journey.existing
        wanted = _extended(journey, session)
        return await _read_existing(wanted, session) if wanted is not None else None

    def _questions(self, journey: Journey, requirements: Requirements, session: Session) -> list[Ambiguity]:
        asked = journey.clarifications
        if journey.in_review or journey.proceed_on_assumptions or len(asked) >= journey.options.max_question_rounds:
            return []
        ambiguities = [*_about_duplicates(journey, requirements, session), *requirements.ambiguities]
        return significance.significant(ambiguities, asked, journey.options.max_questions)

    def _clarify(self, journey: Journey, ambiguities: list[Ambiguity]) -> ClarifyCheckpoint:
        number = len(journey.clarifications) + 1
        return ClarifyCheckpoint(
            id=f"clarify-{number}",
            round=number,
            last_round=number >= journey.options.max_question_rounds,
            questions=significance.as_questions(ambiguities),
        )

    async def _structure(self, journey: Journey, requirements: Requirements, session: Session) -> Structure:
        entries = session.runtime.taxonomy.entries
        taken = list(dict.fromkeys([*(e.name for e in entries), *(e.path.rpartition("/")[2] for e in entries)]))
        structure: Structure = await self.validate_structure.acall(
            wished=journey.name_override or journey.request.name.strip(),
            wishes=[requirements.suggested_name, *requirements.topics[:2], journey.request.title],
            description=journey.description_override or requirements.suggested_description,
            taken=taken,
        )
        return structure

    async def _plan(
        self, journey: Journey, requirements: Requirements, structure: Structure, session: Session
    ) -> Journey:
        taxonomy = session.runtime.taxonomy
        existing = journey.existing
        for name in ("AnalyzeIntent", "FindTaxonomyPath", "AnalyzeDependencies"):
            session.tell(EventType.MODULE_START, module=name)
        intent, placement, dependencies = await three(
            self.analyze_intent.acall(request=journey.request, requirements=requirements),
            _where_it_is(existing)
            if existing is not None
            else self.find_taxonomy_path.acall(requirements=requirements, name=structure.name, taxonomy=taxonomy),
            self.analyze_dependencies.acall(requirements=requirements, name=structure.name, taxonomy=taxonomy),
        )
        for name in ("AnalyzeIntent", "FindTaxonomyPath", "AnalyzeDependencies"):
            session.tell(EventType.MODULE_END, module=name)
        async with session.module("SynthesizePlan", "Planning the skill"):
            plan, rationale = await self.synthesize_plan.acall(
                requirements=requirements,
                intent=intent,
                placement=placement,
                dependencies=dependencies,
                assumptions=significance.assumptions(requirements.ambiguities, journey.clarifications),
                plan_feedback=journey.plan_feedback,
                name=structure.name,
                description=journey.description_override or (structure.description if existing else ""),
            )
        if existing is not None:
            plan = plan.model_copy(update={"skill_metadata": _kept_metadata(existing)})
        if rationale:
            session.tell(EventType.REASONING, module="SynthesizePlan", message=rationale[:500])
        understanding = Understanding(
            requirements=requirements, intent=intent, taxonomy=placement, dependencies=dependencies, plan=plan
        )
        journey = journey.model_copy(update={"understanding": understanding})
        if journey.options.confirm_plan and not journey.in_review:
            return stop_at(
                journey,
                ConfirmCheckpoint(
                    id=f"confirm-{len(journey.plan_feedback) + 1}",
                    plan=plan,
                    near_duplicates=[duplicate.name for duplicate in placement.near_duplicates],
                    placement=placement,
                    dependencies=dependencies,
                ),
            )
        return journey.model_copy(update={"phase": "generation"})


def _about_duplicates(journey: Journey, requirements: Requirements, session: Session) -> list[Ambiguity]:
    """The question whether an existing skill that is almost the same should be extended instead."""
    if _named(journey, session):
        return []
    can_extend = session.runtime.skill_files is not None
    name = journey.name_override or requirements.suggested_name
    found: list[Duplicate] = near_duplicates(session.runtime.taxonomy, name, requirements.suggested_description)
    if not found:
        return []
    closest = found[0]
    return [
        Ambiguity(
            question=f"The skill `{closest.name}` ({closest.path}) looks much the same. Is a separate skill wanted?",
            why="Two skills for the same task compete, and agents then load either one.",
            options=[
                "Yes, a separate skill",
                f"No, extend `{closest.name}` instead" if can_extend else "No, cancel this",
            ],
            assumption=f"A separate skill is wanted besides `{closest.name}`.",
            affects="scope",
        )
    ]


def _structure_fix(journey: Journey, structure: Structure) -> StructureFixCheckpoint:
    return StructureFixCheckpoint(
        id=f"structure-{structure.name[:40]}",
        problems=list(structure.problems),
        current_name=structure.name,
        current_description=structure.description,
        suggested_name=structure.suggested_name,
        suggested_description=structure.suggested_description,
    )


_OURS = re.compile(r"^The skill `(?P<name>[a-z0-9-]+)` \(.*\) looks much the same\.")


def _named(journey: Journey, session: Session) -> str:
    """What the request calls the skill that it wants changed; "" when it asks for a new one."""
    return skill_to_change(journey.request, [entry.name for entry in session.runtime.taxonomy.entries])


def _extended(journey: Journey, session: Session) -> TaxonomyEntry | None:
    """The existing skill that the request, or an answer, wants changed."""
    taxonomy = session.runtime.taxonomy
    if session.runtime.skill_files is None:
        return None
    named = _named(journey, session).strip("`/").removesuffix("/SKILL.md")
    if named:
        found = taxonomy.find(named) or next((entry for entry in taxonomy.entries if entry.path == named), None)
        if found is None:
            raise CallFailed(
                Failure(
                    code="unknown_skill",
                    message=f"There is no skill “{named[:80]}” in this repository to change.",
                    retryable=False,
                )
            )
        return found
    for done in journey.clarifications:
        replies, rest = assign(done.answer or "", [question.options for question in done.questions])
        for number, question in enumerate(done.questions):
            if match := _OURS.match(question.text):
                reply = replies.get(number, rest if len(done.questions) == 1 else "").lower()
                if "extend" in reply or reply == question.options[1].lower():
                    return taxonomy.find(match["name"])
    return None


async def _read_existing(entry: TaxonomyEntry, session: Session) -> SkillDraft:
    """The skill as it is. Raises CallFailed when it cannot be changed by us."""
    assert session.runtime.skill_files is not None, "only asked for with a reader"
    files = await session.outside(session.runtime.skill_files(entry.path))
    try:
        if files is None:
            raise ValueError("it holds files that are not text")
        read_metadata(files["SKILL.md"])
    except (KeyError, ValueError) as problem:
        reason = str(problem).split("\n")[0][:200]
        message = f"The skill “{entry.name}” cannot be changed here: {reason}."
        raise CallFailed(Failure(code="unreadable_skill", message=message, retryable=False)) from None
    return SkillDraft(name=entry.name, path=entry.path, files=dict(files))


async def _where_it_is(existing: SkillDraft) -> Placement:
    return Placement(recommended_path=existing.path, rationale="The skill is changed where it is.")


def _kept_metadata(existing: SkillDraft) -> PlannedSkill:
    return PlannedSkill.model_validate(read_metadata(existing.skill_content).model_dump())
