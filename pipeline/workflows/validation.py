"""Phase 3: the rules' verdict, measures, test cases and advice; findings go back, a bounded number of times."""

from pipeline.checking import check, errors, sentence
from pipeline.checkpoints import ValidateCheckpoint
from pipeline.journey import Failure, Journey
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
from pipeline.signatures.validation import Judgement, Review
from pipeline.together import three
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
            findings, _ = check(draft, taxonomy)
        if errors(findings) and self._may_go_back(journey):
            session.measured(draft, findings)
            return self._back(journey, findings)

        reviewing = journey.options.model_review and session.runtime.model is not None
        cases, review, judgement = await three(
            self._cases(draft, understanding.plan, session),
            self._review(draft, understanding.plan, findings, session, wanted=reviewing),
            self._judgement(draft, understanding.plan, session, wanted=reviewing),
        )
        made = eval_files(draft.name, cases)
        new = {path: text for path, text in made.items() if path not in journey.edited_by_people}
        tested = draft.model_copy(update={"files": {**draft.files, **new}})
        findings, verdict = check(tested, taxonomy)
        queries = [case.query for case in cases.triggers if case.should_trigger]
        quality = assess(tested, understanding.plan, understanding.requirements, findings, taxonomy, queries)
        quality = _advised(quality, understanding.plan, review, judgement)
        session.measured(tested, findings, quality.overall_score)
        checks = [*CHECKS, *(["model_review"] if isinstance(review, Review) else [])]
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
        """While rounds are left."""
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

    async def _cases(self, draft: SkillDraft, plan: Plan, session: Session) -> TestCases:
        async with session.module("GenerateTestCases", "Writing test cases"):
            cases: TestCases = await self.generate_test_cases.acall(
                draft=draft, plan=plan, taxonomy=session.runtime.taxonomy
            )
        return cases

    async def _review(
        self, draft: SkillDraft, plan: Plan, findings: list[ReportedFinding], session: Session, *, wanted: bool
    ) -> Review | Failure | None:
        """The model's review; advice that cannot be had is a value, because nothing depends on it."""
        if not wanted:
            return None
        try:
            async with session.module("ValidateSkill", "Asking the model for a review"):
                review: Review = await self.validate_skill.acall(draft=draft, plan=plan, findings=findings)
        except CallFailed as failed:
            return failed.failure
        return review

    async def _judgement(
        self, draft: SkillDraft, plan: Plan, session: Session, *, wanted: bool
    ) -> Judgement | Failure | None:
        if not wanted:
            return None
        try:
            async with session.module("AssessQuality", "Judging against the success criteria"):
                judgement: Judgement = await self.assess_quality.acall(
                    draft=draft, success_criteria=plan.success_criteria
                )
        except CallFailed as failed:
            return failed.failure
        return judgement


def _advised(
    quality: QualityAssessment, plan: Plan, review: Review | Failure | None, judgement: Judgement | Failure | None
) -> QualityAssessment:
    """The measures with the model's opinion beside them. Without an opinion that is said."""
    missing = [f"No review by the model: {item.message}" for item in (review, judgement) if isinstance(item, Failure)]
    quality = quality.model_copy(update={"advice": missing[:1]})
    if isinstance(review, Review):
        quality = quality.model_copy(
            update={
                "advice": [*quality.advice, *review.issues][:8],
                "strengths": [*quality.strengths, *review.strengths][:5],
            }
        )
    if isinstance(judgement, Judgement):
        known = set(plan.success_criteria)
        quality = quality.model_copy(
            update={
                "strengths": [*quality.strengths, *judgement.strengths][:5],
                "weaknesses": [*quality.weaknesses, *judgement.weaknesses][:8],
                "meets_success_criteria": [text for text in judgement.meets if text in known],
                "missing_success_criteria": [text for text in judgement.missing if text in known],
            }
        )
    return quality


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
