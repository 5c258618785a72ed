"""Phase 1: what is wanted, clarified with the person where it matters, and a plan for it."""

import asyncio

from pipeline import significance
from pipeline.checkpoints import ClarifyCheckpoint, ConfirmCheckpoint, EventType, StructureFixCheckpoint
from pipeline.journey import Journey
from pipeline.models import Ambiguity, Duplicate, Requirements, Understanding
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
from pipeline.session import Session
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

        async with session.module("ValidateStructure", "Checking name and description"):
            structure = await self._structure(journey, requirements, session)
        if structure.problems:
            return stop_at(journey, _structure_fix(journey, structure))

        return await self._plan(journey, requirements, structure, session)

    def _questions(self, journey: Journey, requirements: Requirements, session: Session) -> list[Ambiguity]:
        asked = journey.clarifications
        if journey.proceed_on_assumptions or len(asked) >= journey.options.max_question_rounds:
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
        for name in ("AnalyzeIntent", "FindTaxonomyPath", "AnalyzeDependencies"):
            session.tell(EventType.MODULE_START, module=name)
        intent, placement, dependencies = await asyncio.gather(
            self.analyze_intent.acall(request=journey.request, requirements=requirements),
            self.find_taxonomy_path.acall(requirements=requirements, name=structure.name, taxonomy=taxonomy),
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
                description=journey.description_override,
            )
        if rationale:
            session.tell(EventType.REASONING, module="SynthesizePlan", message=rationale[:500])
        understanding = Understanding(
            requirements=requirements, intent=intent, taxonomy=placement, dependencies=dependencies, plan=plan
        )
        journey = journey.model_copy(update={"understanding": understanding})
        if journey.options.confirm_plan:
            return stop_at(
                journey,
                ConfirmCheckpoint(
                    id=f"confirm-{len(journey.plan_feedback) + 1}",
                    plan=plan,
                    near_duplicates=[duplicate.name for duplicate in placement.near_duplicates],
                ),
            )
        return journey.model_copy(update={"phase": "generation"})


def _about_duplicates(journey: Journey, requirements: Requirements, session: Session) -> list[Ambiguity]:
    """The question whether an existing skill that is almost the same should be extended instead."""
    if journey.request.existing_skill.strip():
        return []
    name = journey.name_override or requirements.suggested_name
    found: list[Duplicate] = near_duplicates(session.runtime.taxonomy, name, requirements.suggested_description)
    if not found:
        return []
    closest = found[0]
    return [
        Ambiguity(
            question=f"The skill `{closest.name}` ({closest.path}) looks much the same. Is a separate skill wanted?",
            why="Two skills for the same task compete, and agents then load either one.",
            options=["Yes, a separate skill", f"No, extend `{closest.name}` instead"],
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
