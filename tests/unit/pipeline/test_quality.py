"""The measures on good text, junk text and in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checking import assemble
from pipeline.models import Plan, QualityAssessment, ReportedFinding, Requirements
from pipeline.quality import assess, compliance, size_assessment, substance, verbosity, without_code
from pipeline.skills.taxonomy import Taxonomy
from tests.scripted_author import BODY, DEFAULTS

REQUIREMENTS = Requirements.model_validate(DEFAULTS["GatherRequirements"]["requirements"])  # type: ignore[call-overload, index]
DRAFTED = DEFAULTS["SynthesizePlan"]["plan"]  # type: ignore[call-overload, index]
PLAN = Plan.model_validate(
    {
        "skill_metadata": {"name": "pdf-tables", "description": DRAFTED["description"]},
        "taxonomy_path": "skills/pdf-tables",
        **{key: DRAFTED[key] for key in ("capabilities", "content_outline", "success_criteria", "trigger_phrases")},
    }
)
HEADINGS = "# PDF tables\n\n## Workflow\n\n## Example\n\n## Gotchas\n\n## Check\n\n"
JUNK = {
    "headings_and_empty_fences": HEADINGS + "```python\n```\n" * 4,
    "repetition": HEADINGS.replace("\n\n##", "\n\nword word word.\n\n##") + "word word. " * 260,
    "stuffed_keywords": HEADINGS + "instructions examples when to use pdfplumber CSV " * 60,
    "empty": "",
    "one_line": "# PDF tables\n\nExtract the tables.\n",
}


def quality(body: str, findings: list[ReportedFinding] | None = None) -> QualityAssessment:
    return assess(assemble(PLAN, body, {}), PLAN, REQUIREMENTS, findings or [], Taxonomy())


def finding(severity: str) -> ReportedFinding:
    return ReportedFinding.model_validate(
        {"rule": "X", "severity": severity, "message": "m", "file": "SKILL.md", "line": 1, "column": 1}
    )


def test_a_good_document_scores_high() -> None:
    good = quality(BODY)
    assert good.overall_score >= 0.9
    assert good.completeness >= 0.9
    assert good.weaknesses == []
    assert good.size_assessment == "optimal"


@pytest.mark.parametrize("name", JUNK)
def test_junk_stays_below_half(name: str) -> None:
    assert quality(JUNK[name]).overall_score < 0.5


def test_leaving_something_out_costs_and_is_named() -> None:
    without = quality(BODY.replace("## Gotchas", "## Notes"))
    assert without.completeness < quality(BODY).completeness
    assert without.weaknesses == ["The section “Gotchas” is missing or empty."]


def test_a_runner_without_a_version_is_named_where_it_is_code() -> None:
    loose = quality(BODY.replace("1. Open", "1. Run `npx pdf-info q3.pdf`, then open", 1))
    assert loose.weaknesses == ["`npx pdf-info` runs whatever version is newest; name one."]
    assert quality(BODY.replace("1. Open", "1. Run `npx pdf-info@2.0.1 q3.pdf`, then open", 1)).weaknesses == []
    assert quality(BODY.replace("1. Open", "1. With npx nothing is installed. Open", 1)).weaknesses == []


def test_a_section_of_two_words_is_not_called_missing() -> None:
    head, _, rest = BODY.partition("## Gotchas\n\n")
    terse = head + "## Gotchas\n\nMerged cells.\n\n##" + rest.partition("\n##")[2]
    assert quality(terse).weaknesses[0] == "The section “Gotchas” says very little."


def test_an_error_caps_the_score_whatever_else_is_good() -> None:
    assert quality(BODY, [finding("error")]).overall_score <= 0.49
    assert quality(BODY, [finding("warning")]).overall_score > 0.8


def test_compliance_counts_findings_and_stays_within_its_bounds() -> None:
    assert compliance([]) == 1.0
    assert compliance([finding("warning")]) == pytest.approx(0.92)
    assert compliance([finding("error")]) == 0.5
    assert compliance([finding("error"), *[finding("warning")] * 20]) == 0.0


def test_verbosity_tells_terse_lists_from_padded_prose() -> None:
    terse = "- a b\n- c d\n- e f\n"
    padded = (
        "It is important to note that in order to achieve high-quality results you should basically make sure to "
        "leverage best practices as appropriate whenever it is that you are working with various kinds of files. "
    ) * 3
    assert verbosity(terse) == 0.0
    assert verbosity(padded) > 0.7
    assert verbosity(without_code("```\n" + "a " * 400 + "\n```\n")) == 0.0


@pytest.mark.parametrize(
    ("words", "size"),
    [(59, "too_small"), (60, "optimal"), (2_500, "optimal"), (2_501, "acceptable"), (4_001, "too_large")],
)
def test_sizes_have_the_documented_bounds(words: int, size: str) -> None:
    assert size_assessment(words) == size


@given(st.text(max_size=2_000))
def test_every_text_has_scores_within_bounds(body: str) -> None:
    scores = quality(body)
    assert 0 <= scores.overall_score <= 1
    assert 0 <= substance(body) <= 1
    assert 0 <= verbosity(body) <= 1
