"""Phase 3: the rules' verdict, measures, test cases and advice; findings go back, a bounded number of times."""

from pipeline.checking import check, errors, sentence
from pipeline.checkpoints import EventType, ValidateCheckpoint
from pipeline.journey import Journey
from pipeline.models import (
    Plan,
    QualityAssessment,
    ReportedFinding,
    SkillDraft,
    TestCases,
    Understanding,
    Validation,
)
from pipeline.modules.validation import (
    AssessQualityModule,
    GenerateTestCasesModule,
    ValidateSkillModule,
    eval_files,
)
from pipeline.quality import assess, with_draft
from pipeline.routing import lost
from pipeline.runtime import CallFailed
from pipeline.session import Session
from pipeline.workflows.generation import from_validation, preview
from pipeline.workflows.phase import PhaseWorkflow, stop_at

CHECKS = ["structure", "content", "quality", "trigger_coverage"]


class ValidationWorkflow(PhaseWorkflow):
    """Only errors of the rules fail a draft. What was approved is what passes: changed bytes need a new approval."""

    phase = "validation"

    def __init__(self) -> None:
        self.generate_test_cases = GenerateTestCasesModule()
        self.validate_skill = ValidateSkillModule()
        self.assess_quality = AssessQualityModule()

    async def _run(self, journey: Journey, session: Session) -> Journey:
        understanding, generation = journey.understanding, journey.generation
        assert understanding is not None, "validation has a plan"
        assert generation is not None, "validation has a draft"
        taxonomy = session.runtime.taxonomy
        draft = generation.draft
        async with session.module("ValidateStructure", "Checking the rules"):
            findings, verdict = check(draft, taxonomy)
        if errors(findings) and self._may_go_back(journey):
            return self._back(journey, findings)

        async with session.module("GenerateTestCases", "Writing test cases"):
            cases = await self.generate_test_cases.acall(draft=draft, plan=understanding.plan, taxonomy=taxonomy)
        tested = draft.model_copy(update={"files": {**draft.files, **eval_files(draft.name, cases)}})
        findings, verdict = check(tested, taxonomy)
        queries = [case.query for case in cases.triggers if case.should_trigger]
        quality = assess(tested, understanding.plan, understanding.requirements, findings, taxonomy, queries)
        checks = list(CHECKS)
        if journey.options.model_review and session.runtime.model is not None:
            quality = await self._advised(tested, understanding.plan, findings, quality, session)
            checks.append("model_review")
        validation = Validation(
            passed=not errors(findings),
            verdict=verdict,
            findings=findings,
            checks_performed=checks,
            quality=quality,
            test_cases=cases,
            trigger_losses=_losses(tested, cases, session),
            draft=tested,
            rounds=journey.validation_rounds,
        )
        return self._decide(journey.model_copy(update={"validation": validation}), validation, understanding, session)

    def _decide(
        self, journey: Journey, validation: Validation, understanding: Understanding, session: Session
    ) -> Journey:
        if not validation.passed or (journey.options.review_validation and not journey.validation_waived_by):
            return stop_at(journey, _ask(journey, validation))
        if not journey.in_review and journey.approved_digest != validation.draft.digest:
            assert journey.generation is not None, "validation has a draft"
            return preview(journey.model_copy(update={"phase": "generation"}), journey.generation, session)
        return journey.model_copy(update={"status": "completed", "checkpoint": None})

    def _may_go_back(self, journey: Journey) -> bool:
        """While rounds are left, and unless the last round changed nothing."""
        return journey.validation_rounds < journey.options.max_validation_rounds

    def _back(self, journey: Journey, findings: list[ReportedFinding]) -> Journey:
        feedback = from_validation([sentence(finding) for finding in errors(findings)])
        return journey.model_copy(
            update={
                "phase": "generation",
                "pending_feedback": [*journey.pending_feedback, feedback],
                "validation_rounds": journey.validation_rounds + 1,
            }
        )

    async def _advised(
        self,
        draft: SkillDraft,
        plan: Plan,
        findings: list[ReportedFinding],
        quality: QualityAssessment,
        session: Session,
    ) -> QualityAssessment:
        """The measures with the model's opinion beside them. Without an opinion that is said, and nothing is lost."""
        try:
            async with session.module("ValidateSkill", "Asking the model for a review"):
                review = await self.validate_skill.acall(draft=draft, plan=plan, findings=findings)
            async with session.module("AssessQuality", "Judging against the success criteria"):
                judgement = await self.assess_quality.acall(draft=draft, success_criteria=plan.success_criteria)
        except CallFailed as failed:
            session.tell(EventType.PROGRESS, message=failed.failure.message)
            return quality.model_copy(update={"advice": [f"No review by the model: {failed.failure.message}"]})
        known = set(plan.success_criteria)
        return quality.model_copy(
            update={
                "advice": review.issues[:8],
                "strengths": [*quality.strengths, *review.strengths, *judgement.strengths][:5],
                "weaknesses": [*quality.weaknesses, *judgement.weaknesses][:8],
                "meets_success_criteria": [text for text in judgement.meets if text in known],
                "missing_success_criteria": [text for text in judgement.missing if text in known],
            }
        )


def _losses(draft: SkillDraft, cases: TestCases, session: Session) -> list[str]:
    """Siblings that win queries meant for this skill, with the query."""
    queries = [case.query for case in cases.triggers if case.should_trigger]
    beaten = lost(with_draft(session.runtime.taxonomy, draft), draft.name, queries)
    return [f"“{query}” goes to `{winner}`" for query, winner in beaten if winner]


def _ask(journey: Journey, validation: Validation) -> ValidateCheckpoint:
    draft = validation.draft
    return ValidateCheckpoint(
        id=f"validate-{journey.validation_rounds}-{draft.short_digest}",
        digest=draft.digest,
        passed=validation.passed,
        findings=validation.findings,
        quality=validation.quality,
        document=draft.skill_content,
    )
