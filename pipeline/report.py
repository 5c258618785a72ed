"""The validation report and the quality assessment of a journey as one JSON document, for machines. Pure."""

from typing import Literal

from pydantic import Field

from pipeline.journey import Journey
from pipeline.models import QualityAssessment, ReportedFinding, TestCases, Value


class ValidationReport(Value):
    """`passed` is the rules' word alone; `score` is the deterministic overall quality, 0 to 1."""

    passed: bool
    status: Literal["passed", "warnings", "failed"]
    score: float
    errors: list[str]
    warnings: list[str]
    findings: list[ReportedFinding]
    checks_performed: list[str]
    rounds: int = Field(description="returns to generation that the findings took")
    word_count: int
    size_assessment: str
    verbosity_score: float
    trigger_coverage: float
    trigger_losses: list[str] = Field(description="queries meant for this skill that a sibling wins, with its name")
    test_cases: TestCases
    validation_summary: str


class Report(Value):
    """What the third phase says about the version that is named."""

    skill: str
    path: str
    digest: str
    drafter: str
    validation_report: ValidationReport
    quality_assessment: QualityAssessment


def report_of(journey: Journey) -> Report | None:
    """None while nothing has been validated."""
    found = journey.validation
    if found is None:
        return None
    errors, warnings = (
        [f"{item.file}:{item.line}: {item.message} ({item.rule})" for item in found.findings if item.severity == kind]
        for kind in ("error", "warning")
    )
    status: Literal["passed", "warnings", "failed"] = "passed" if not warnings else "warnings"
    return Report(
        skill=found.draft.name,
        path=found.draft.path,
        digest=found.draft.digest,
        drafter=journey.drafter,
        validation_report=ValidationReport(
            passed=found.passed,
            status=status if found.passed else "failed",
            score=found.quality.overall_score,
            errors=errors,
            warnings=warnings,
            findings=found.findings,
            checks_performed=found.checks_performed,
            rounds=found.rounds,
            word_count=found.quality.word_count,
            size_assessment=found.quality.size_assessment,
            verbosity_score=found.quality.verbosity,
            trigger_coverage=found.quality.trigger_coverage,
            trigger_losses=found.trigger_losses,
            test_cases=found.test_cases,
            validation_summary=f"{len(errors)} errors, {len(warnings)} warnings, "
            f"{len(found.test_cases.triggers)} trigger queries, {len(found.test_cases.evals)} evaluation tasks",
        ),
        quality_assessment=found.quality,
    )
