"""The report for machines has every field of the third phase's result, and nothing of the draft."""

import json

from pipeline.journey import Journey, answer
from pipeline.report import report_of
from pipeline.runtime import Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.unit.pipeline.requests import RICH
from tests.unit.pipeline.test_journey_end_to_end import say


async def test_the_report_says_what_was_validated() -> None:
    world = Runtime(taxonomy=Taxonomy())
    journey = await advance(Journey(request=RICH, proceed_on_assumptions=True), world)
    assert report_of(journey) is None, "nothing has been validated yet"
    journey = await advance(answer(journey, say("approve")), world)
    assert journey.validation is not None
    report = report_of(journey)
    assert report is not None
    assert (report.validation_report.passed, report.validation_report.errors) == (True, [])
    assert report.digest == journey.approved_digest
    assert report.validation_report.test_cases == journey.validation.test_cases
    written = json.loads(report.model_dump_json())
    assert set(written["quality_assessment"]) >= {
        "overall_score", "completeness", "compliance", "word_count", "size_assessment",
    }  # fmt: skip
    assert "files" not in report.model_dump_json()


async def test_findings_are_sorted_into_errors_and_warnings() -> None:
    world = Runtime(taxonomy=Taxonomy())
    journey = await advance(Journey(request=RICH, proceed_on_assumptions=True), world)
    journey = await advance(answer(journey, say("approve")), world)
    assert journey.validation is not None
    bad = [
        {"rule": rule, "severity": severity, "message": "m", "file": "SKILL.md", "line": 3, "column": 1}
        for rule, severity in (("A1", "error"), ("B2", "warning"), ("C3", "info"))
    ]
    changed = journey.validation.model_validate({**journey.validation.model_dump(), "findings": bad, "passed": False})
    report = report_of(journey.model_copy(update={"validation": changed}))
    assert report is not None
    assert report.validation_report.status == "failed"
    assert report.validation_report.errors == ["SKILL.md:3: m (A1)"]
    assert report.validation_report.warnings == ["SKILL.md:3: m (B2)"]
