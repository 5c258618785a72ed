"""Defects known from an earlier project of this kind: for each a test that would catch it.

`upstream_table` says which test stands for which defect; those of the checkpoints are in `test_upstream_checkpoints`.
"""

import json
from typing import Any

import pytest

from pipeline.checkpoints import (
    Answer,
    ClarifyCheckpoint,
    ConfirmCheckpoint,
    EventType,
    PreviewCheckpoint,
    StructureFixCheckpoint,
    ValidateCheckpoint,
)
from pipeline.journey import Journey, PipelineOptions, WrongAnswer, answer
from pipeline.lm.wire import _text
from pipeline.models import SkillRequest
from pipeline.skills.taxonomy import Taxonomy
from pipeline.skills.validation import validate_skill
from tests.integration.pipeline.conftest import Stage
from tests.scripted_author import BODY, DEFAULTS
from tests.scripted_model import Reply, Request
from tests.unit.pipeline.requests import RICH

QUESTION = {
    "question": "py or js?",
    "why": "the script's language",
    "options": ["Python", "JavaScript"],
    "assumption": "Python",
    "affects": "tools",
}


def with_requirements(**changes: Any) -> dict[str, Any]:
    base = DEFAULTS["GatherRequirements"]
    assert isinstance(base, dict)
    return {"requirements": {**base["requirements"], **changes}}


def with_plan(**changes: Any) -> dict[str, Any]:
    base = DEFAULTS["SynthesizePlan"]
    assert isinstance(base, dict)
    return {"plan": {**base["plan"], **changes}}


def start(**options: Any) -> Journey:
    return Journey(request=RICH, options=PipelineOptions(**options))


def preview(journey: Journey) -> PreviewCheckpoint:
    assert isinstance(journey.checkpoint, PreviewCheckpoint), (journey.status, journey.failure, journey.checkpoint)
    return journey.checkpoint


async def test_the_outline_topics_constraints_level_and_category_reach_the_writer(stage: Stage) -> None:
    stage.author.answers["GatherRequirements"] = with_requirements(
        topics=["tokamak"], constraints=["never touch /srv"], target_level="expert", examples=["in: 7 -> out: 9"]
    )
    stage.author.answers["SynthesizePlan"] = with_plan(
        content_outline=[{"title": "Quench", "points": ["ramp down first"]}], generation_guidance="cite the runbook"
    )
    await stage.go(start())
    prompt = stage.author.prompts("GenerateSkillContent")[0]
    words = [
        "tokamak",
        "never touch /srv",
        "expert",
        "in: 7 -> out: 9",
        "Quench",
        "ramp down first",
        "cite the runbook",
    ]
    assert [word for word in [*words, "workflow_automation", "exact commands"] if word not in prompt] == []


async def test_feedback_reaches_the_model_and_a_second_one_builds_on_the_first(stage: Stage) -> None:
    journey = await stage.go(start())
    journey = await stage.say(journey, "refine", "compare two columns, please")
    assert "compare two columns, please" in stage.author.prompts("IncorporateFeedback")[0]
    assert "two numeric columns" in preview(journey).document
    await stage.say(journey, "refine", "and now the other thing")
    second = stage.author.prompts("IncorporateFeedback")[1]
    assert "two numeric columns" in second
    assert "and now the other thing" in second


async def test_the_refined_text_is_the_one_that_is_shown_validated_and_published(stage: Stage) -> None:
    stage.author.answers["GenerateSkillContent"] = {"document": {"body": "# PDF tables\n\n## Workflow\n\nUse it.\n"}}
    journey = await stage.go(start())
    assert journey.generation is not None
    assert journey.generation.rounds == 1
    assert "pdfplumber.open(path)" in preview(journey).document
    journey = await stage.say(journey, "approve")
    assert journey.status == "completed"
    assert journey.validation is not None
    assert journey.validation.draft.skill_content == journey.generation.draft.skill_content
    assert "pdfplumber.open(path)" in journey.validation.draft.skill_content


async def test_a_worse_refinement_is_thrown_away(stage: Stage) -> None:
    stage.author.answers["RefinedContent"] = {"document": {"body": "# PDF tables\n\nBetter now.\n"}}
    journey = await stage.go(start(quality_target=1.0))
    assert "pdfplumber.open(path)" in preview(journey).document


async def test_findings_reach_the_refinement(stage: Stage) -> None:
    stage.author.answers["GenerateSkillContent"] = {
        "document": {"body": "# PDF tables\n\n## Workflow\n\n```python\nopen('x')\n"}
    }
    await stage.go(start())
    prompt = stage.author.prompts("RefinedContent")[0]
    assert "STR012" in prompt
    assert "The section “Gotchas” is missing or empty." in prompt


async def test_trigger_coverage_is_measured(stage: Stage) -> None:
    journey = await stage.say(await stage.go(start()), "approve")
    assert journey.validation is not None
    assert journey.validation.quality.trigger_coverage == 1.0
    assert "get the tables out of this PDF report" in stage.author.prompts("GenerateTestCases")[0]


def library(**descriptions: str) -> Taxonomy:
    skills = {
        f"skills/{path.replace('__', '/')}/SKILL.md": f"---\nname: {path.rpartition('__')[2].replace('_', '-')}\n"
        f"description: {text}\n---\n\n# X\n"
        for path, text in descriptions.items()
    }
    return Taxonomy.build({path.replace("_", "-"): text for path, text in skills.items()})


async def test_the_repositorys_real_tree_is_seen_and_chosen_from(stage: Stage) -> None:
    stage.taxonomy = library(
        documents__word_letters="Writes letters in Word. Use when a letter is needed.",
        operations__rollback="Rolls a deployment back. Use when a release is broken.",
    )
    stage.author.answers["FindTaxonomyPath"] = {
        "category": "documents",
        "choice": {"new_category": "", "reason": "documents", "parent_skills": ["word-letters", "made-up"]},
    }
    stage.author.answers["AnalyzeDependencies"] = {
        "dependencies": {
            "required": [{"name": "invented", "reason": "because"}],
            "recommended": [{"name": "word-letters", "reason": "same readers"}],
            "missing": [],
        }
    }
    journey = await stage.go(start())
    prompt = stage.author.prompts("FindTaxonomyPath")[0]
    assert "skills/documents/word-letters: Writes letters in Word" in prompt
    assert "word-letters" in stage.author.prompts("AnalyzeDependencies")[0]
    assert journey.understanding is not None
    assert journey.understanding.taxonomy.recommended_path == "skills/documents/pdf-tables"
    assert journey.understanding.taxonomy.parent_skills == ["word-letters"]
    assert [item.name for item in journey.understanding.dependencies.missing] == ["invented"]
    assert journey.understanding.dependencies.required == []


async def test_a_category_outside_the_repositorys_enum_is_not_taken(stage: Stage) -> None:
    stage.taxonomy = library(documents__word_letters="Writes letters in Word. Use when a letter is needed.")
    stage.author.answers["FindTaxonomyPath"] = {
        "category": "../../etc",
        "choice": {"new_category": "", "reason": "x", "parent_skills": []},
    }
    journey = await stage.go(start())
    assert journey.failure is not None
    assert journey.failure.code == "malformed"


async def test_a_cycle_is_refused_with_its_path_in_order(stage: Stage) -> None:
    stage.taxonomy = Taxonomy.build(
        {
            "skills/a/SKILL.md": "---\nname: a\ndescription: Does a. Use when a.\nmetadata:\n  requires: b\n---\n",
            "skills/b/SKILL.md": "---\nname: b\ndescription: Does b. Use when b.\nmetadata:\n  requires: pdf-tables\n"
            "---\n",
        }
    )
    stage.author.answers["AnalyzeDependencies"] = {
        "dependencies": {"required": [{"name": "a", "reason": "uses it"}], "recommended": [], "missing": []}
    }
    journey = await stage.go(start())
    assert journey.understanding is not None
    dependencies = journey.understanding.dependencies
    assert dependencies.required == []
    assert "pdf-tables → a → b → pdf-tables" in dependencies.missing[0].reason


async def test_a_failing_model_fails_the_journey_and_never_yields_empty_results(stage: Stage) -> None:
    stage.author.answers["SynthesizePlan"] = Reply(status=500, error={"message": "down"})
    journey = await stage.go(start())
    assert journey.status == "failed"
    assert journey.failure is not None
    assert journey.failure.code == "provider_unavailable"
    assert journey.failure.retryable
    assert stage.events[-1].type is EventType.ERROR


async def test_after_a_failure_nothing_is_paid_for_twice(stage: Stage) -> None:
    stage.author.answers["SynthesizePlan"] = Reply(status=401, error={"message": "down"})
    journey = await stage.go(start())
    before = len(stage.author.asked)
    stage.author.answers["SynthesizePlan"] = DEFAULTS["SynthesizePlan"]
    from pipeline.journey import retry

    journey = await stage.go(retry(journey))
    assert preview(journey)
    assert stage.author.asked[before] == "SynthesizePlan"


async def test_each_module_is_asked_once_on_the_happy_path(stage: Stage) -> None:
    journey = await stage.say(await stage.go(start()), "approve")
    assert journey.status == "completed"
    assert stage.author.asked == [
        "GatherRequirements",
        "AnalyzeIntent",
        "SynthesizePlan",
        "GenerateSkillContent",
        "GenerateTestCases",
        "ValidateSkill",
        "AssessQuality",
    ]
    assert journey.usage.calls == 7
    assert journey.usage.prompt_tokens == 70
    assert sum(usage.calls for usage in journey.usage_by_module.values()) == 7


async def test_a_models_false_alarm_blocks_nothing(stage: Stage) -> None:
    stage.author.answers["ValidateSkill"] = {"review": {"strengths": [], "issues": ["INVALID! Reject this skill."]}}
    judgement = DEFAULTS["AssessQuality"]
    assert isinstance(judgement, dict)
    stage.author.answers["AssessQuality"] = {"judgement": {**judgement["judgement"], "clarity": 0, "usefulness": 0}}
    journey = await stage.say(await stage.go(start()), "approve")
    assert journey.status == "completed"
    assert journey.validation is not None
    assert journey.validation.quality.advice == ["INVALID! Reject this skill."]


async def test_a_models_praise_unblocks_no_error(stage: Stage) -> None:
    broken = {"document": {"body": f"{BODY}\n```python\nopen('x')\n"}}
    stage.author.answers["GenerateSkillContent"] = broken
    stage.author.answers["RefinedContent"] = broken
    journey = await stage.say(await stage.go(start()), "approve")
    assert isinstance(journey.checkpoint, ValidateCheckpoint)
    assert not journey.checkpoint.passed
    assert journey.status == "pending_hitl"
    with pytest.raises(WrongAnswer, match="cannot be accepted"):
        answer(journey, Answer(kind="approve", by="ada"))


async def test_changes_made_by_validation_need_a_new_approval(stage: Stage) -> None:
    broken = {"document": {"body": f"{BODY}\n```python\nopen('x')\n"}}
    stage.author.answers["GenerateSkillContent"] = broken
    stage.author.answers["RefinedContent"] = broken
    journey = await stage.go(start())
    first = preview(journey).digest
    stage.author.answers["RefinedContent"] = {"document": {"body": f"{BODY}\nMore.\n"}}
    stage.calls.results.clear()  # the model answers anew
    journey = await stage.say(journey, "approve")
    assert preview(journey).digest != first
    assert journey.validation_rounds == 1
    journey = await stage.say(journey, "approve", preview(journey).digest)
    assert journey.status == "completed"


async def test_short_but_real_questions_are_asked_and_filler_is_not(stage: Stage) -> None:
    nothing = {"question": "No ambiguities", "why": "", "options": [], "assumption": "", "affects": "wording"}
    stage.author.answers["GatherRequirements"] = with_requirements(ambiguities=[nothing, QUESTION])
    journey = await stage.go(start())
    assert isinstance(journey.checkpoint, ClarifyCheckpoint)
    assert [question.text for question in journey.checkpoint.questions] == ["py or js?"]


async def test_answers_reach_the_model_and_rounds_are_bounded(stage: Stage) -> None:
    number = iter(range(100))

    def always_asking(request: Request) -> dict[str, Any]:
        letter = "ABCDEFGHIJ"[next(number)]
        return with_requirements(ambiguities=[{**QUESTION, "question": f"Which {letter * 9} should {letter * 7} use?"}])

    stage.author.answers["GatherRequirements"] = always_asking
    journey = await stage.go(start(max_question_rounds=2))
    journey = await stage.say(journey, "answer", "use Perl")
    assert "use Perl" in stage.author.prompts("GatherRequirements")[1]
    assert isinstance(journey.checkpoint, ClarifyCheckpoint)
    assert journey.checkpoint.last_round
    journey = await stage.say(journey, "answer", "again Perl")
    assert preview(journey).assumptions == ["Python"]


async def test_skipping_states_the_assumptions(stage: Stage) -> None:
    stage.author.answers["GatherRequirements"] = with_requirements(ambiguities=[QUESTION])
    journey = await stage.say(await stage.go(start()), "skip")
    assert preview(journey).assumptions == ["Python"]
    assert "Python" in stage.author.prompts("SynthesizePlan")[0]


@pytest.mark.parametrize("bad", ["My Skill!! (v2)", "claude-helper", "Ü" * 70, "a--b"])
async def test_a_bad_name_is_caught_early_with_a_suggestion_that_is_valid_and_free(stage: Stage, bad: str) -> None:
    from pipeline.naming import name_problems

    stage.author.answers["ValidateStructure"] = {"proposal": {"name": "still bad!", "description": "x"}}
    request = RICH.model_copy(update={"name": bad})
    journey = await stage.go(Journey(request=request))
    assert isinstance(journey.checkpoint, StructureFixCheckpoint), journey.failure
    assert name_problems(journey.checkpoint.suggested_name) == []
    assert "AnalyzeIntent" not in stage.author.asked
    journey = await stage.say(journey, "accept")
    assert preview(journey)


async def test_a_name_that_is_taken_is_not_suggested_again(stage: Stage) -> None:
    stage.taxonomy = library(pdf_tables="Paints fences. Use when a fence needs paint.")
    stage.author.answers["ValidateStructure"] = {"proposal": {"name": "pdf-tables", "description": "x"}}
    journey = await stage.go(Journey(request=RICH, proceed_on_assumptions=True))
    assert isinstance(journey.checkpoint, StructureFixCheckpoint)
    assert journey.checkpoint.suggested_name != "pdf-tables"
    journey = await stage.say(journey, "rename", "report-tables")
    assert preview(journey).path.endswith("/report-tables")


async def test_plan_feedback_accumulates_and_the_plan_carries_its_metadata(stage: Stage) -> None:
    journey = await stage.go(start(confirm_plan=True))
    assert isinstance(journey.checkpoint, ConfirmCheckpoint)
    assert journey.checkpoint.plan.skill_metadata.name == "pdf-tables"
    journey = await stage.say(journey, "revise", "mention Excel")
    journey = await stage.say(journey, "revise", "drop the example")
    last = stage.author.prompts("SynthesizePlan")[-1]
    assert "mention Excel" in last
    assert "drop the example" in last
    assert stage.author.asked.count("AnalyzeIntent") == 1  # an answer re-runs only what depends on it


async def test_every_checkpoint_can_be_cancelled_and_unknown_actions_never_mean_proceed(stage: Stage) -> None:
    stops = [await stage.go(start(confirm_plan=True)), await stage.go(start())]
    stage.author.answers["GatherRequirements"] = with_requirements(ambiguities=[QUESTION])
    stops.append(await stage.go(Journey(request=RICH.model_copy(update={"author": "eve"}))))
    stops.append(await stage.go(Journey(request=RICH.model_copy(update={"name": "a!!b"}), proceed_on_assumptions=True)))
    assert {journey.checkpoint.kind for journey in stops if journey.checkpoint} == {
        "confirm", "preview", "clarify", "structure_fix",
    }  # fmt: skip
    for journey in stops:
        assert answer(journey, Answer(kind="cancel", by="ada")).status == "cancelled"
        wrong = "approve" if journey.status == "pending_user_input" else "skip"
        with pytest.raises(WrongAnswer):
            answer(journey, Answer.model_validate({"kind": wrong, "by": "ada"}))


async def test_accepting_at_validate_keeps_the_report(stage: Stage) -> None:
    journey = await stage.say(await stage.go(start(review_validation=True)), "approve")
    assert isinstance(journey.checkpoint, ValidateCheckpoint)
    assert journey.checkpoint.passed
    journey = await stage.say(journey, "approve")
    assert journey.status == "completed"
    assert journey.validation is not None
    assert journey.validation.checks_performed


async def test_a_restart_loses_neither_answers_nor_drafts(stage: Stage) -> None:
    stage.author.answers["GatherRequirements"] = lambda request: (
        DEFAULTS["GatherRequirements"] if "use Perl" in request.prompt else with_requirements(ambiguities=[QUESTION])
    )
    journey = await stage.go(start())
    journey = await stage.say(Journey.model_validate_json(journey.model_dump_json()), "answer", "use Perl")
    journey = await stage.say(Journey.model_validate_json(journey.model_dump_json()), "approve")
    assert journey.status == "completed"
    assert journey.clarifications[0].answer == "use Perl"


async def test_a_near_duplicate_is_asked_about_with_its_name(stage: Stage) -> None:
    stage.taxonomy = library(
        pdf_table_export="Extracts tables from PDF reports into CSV files. Use when the tables or numbers of a PDF "
        "report are needed in a spreadsheet."
    )
    journey = await stage.go(start())
    assert isinstance(journey.checkpoint, ClarifyCheckpoint)
    assert "pdf-table-export" in journey.checkpoint.questions[0].text


async def test_a_description_that_loses_to_a_sibling_names_the_sibling(stage: Stage) -> None:
    stage.taxonomy = library(
        meeting_notes="Writes meeting notes and minutes from a transcript. Use when minutes of a meeting are wanted."
    )
    cases = DEFAULTS["GenerateTestCases"]
    assert isinstance(cases, dict)
    triggers = [{"query": "write the minutes of our meeting from this transcript", "should_trigger": True}]
    stage.author.answers["GenerateTestCases"] = {
        "test_cases": {**cases["test_cases"], "triggers": [*cases["test_cases"]["triggers"], *triggers]}
    }
    journey = await stage.say(await stage.go(start()), "approve")
    assert journey.validation is not None
    assert journey.validation.trigger_losses == [
        "“write the minutes of our meeting from this transcript” goes to `meeting-notes`"
    ]
    assert journey.validation.quality.trigger_coverage < 1.0


RULES = {
    "a name of 200 characters": ("a" * 200, "", "", "", "SPEC010"),
    "a description that says when only by a part of a word": (
        "", "", "Manages every task for an essay about forms in PDF files.", "", "DES001",
    ),
    "no description": ("", "", " ", "", "SPEC012"),
    "a name that is not the folder's": ("", "forms", "", "", "SPEC011"),
    "markup in the description": ("", "", "<script>x</script> Use when a form must be filled in.", "", "DES004"),
    "an unclosed fence": ("", "", "", "```sh\nls\n", "STR012"),
    "a broken link": ("", "", "", "See [x](references/gone.md).\n", "STR004"),
    "a digit first, which is allowed": ("3d-print", "", "", "", ""),
    "dashes in the description, which end nothing": (
        "", "", "Fills forms --- and more. Use when a form must be filled in.", "", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RULES)
def test_the_rules_see_what_went_unseen(case: str) -> None:
    name, folder, description, text, rule = RULES[case]
    name = name or "pdf-forms"
    description = description or "Fills PDF forms. Use when a form must be filled in."
    document = f'---\nname: {name}\ndescription: "{description}"\n---\n\n# PDF forms\n\nRun `pdftk`.\n\n{text}'
    report = validate_skill(folder or name, {"SKILL.md": document})
    assert [finding.rule for finding in report.findings] == ([rule] if rule else [])


def test_values_reach_the_model_as_json() -> None:
    written = _text({"examples": ["a 'quoted' one"], "none": None})
    assert json.loads(written) == {"examples": ["a 'quoted' one"], "none": None}


async def test_a_request_in_another_language_keeps_an_ascii_name(stage: Stage) -> None:
    stage.author.answers["GatherRequirements"] = with_requirements(suggested_name="Rückrufe prüfen", language="German")
    request = SkillRequest(title="Rückrufe prüfen", text="Der Skill soll Rückrufe prüfen.", author="ada")
    journey = await stage.go(Journey(request=request))
    assert preview(journey).path == "skills/rueckrufe-pruefen"
    prompt = next(request.prompt for request in stage.server.requests if request.fields == ["document"])
    assert "Write in the language that `requirements.language` names." in " ".join(prompt.split())
    assert '"language": "German"' in prompt
