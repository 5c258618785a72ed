"""Writing by section, bundled files, and feedback edits, with the scripted model."""

from typing import Any

from pipeline.checkpoints import EventType, PreviewCheckpoint
from pipeline.journey import Journey, PipelineOptions
from pipeline.runtime import StoredResult
from pipeline.sections import headings, split
from tests.integration.pipeline.conftest import Stage
from tests.integration.pipeline.test_upstream_defects import with_plan, with_requirements
from tests.scripted_author import BODY, DEFAULTS
from tests.scripted_model import Reply, Request, reply_json
from tests.unit.pipeline.requests import RICH

SCRIPT = {"path": "scripts/count.py", "reason": "counts tables", "load_when": "before extracting"}
BUNDLE = [
    SCRIPT,
    {"path": "references/options.md", "reason": "all options", "load_when": "a table comes out wrong"},
    {"path": "assets/index.csv", "reason": "the index to fill in", "load_when": "at the end"},
]
NAMING_FILES = f"{BODY}\nRun `scripts/count.py` first; see `references/options.md`; copy `assets/index.csv`.\n"


def long_plan() -> dict[str, Any]:
    outline = [{"title": f"Part {letter}", "points": [f"point {letter}"]} for letter in "ABCDEFGHI"]
    return with_plan(content_outline=outline, estimated_length="long")


async def test_a_long_document_is_written_section_by_section_in_the_plans_order(stage: Stage) -> None:
    stage.author.answers["SynthesizePlan"] = long_plan()

    def section(request: Request) -> dict[str, Any]:
        text = str(request.body["messages"][1]["content"])
        title = text.split("[[ ## section_title ## ]]\n")[1].split("\n")[0]
        return {"section": {"markdown": f"## {title}\n\nUse `pdfplumber` for the tables of {title}; write CSV files."}}

    stage.author.answers["GenerateSkillSection"] = section
    journey = await stage.go(Journey(request=RICH, options=PipelineOptions(max_refinements=0)))
    assert journey.generation is not None
    assert journey.generation.sections_generated == [f"Part {letter}" for letter in "ABCDEFGHI"]
    assert stage.author.asked.count("GenerateSkillSection") == 9
    assert "GenerateSkillContent" not in stage.author.asked
    assert "point C" in stage.author.prompts("GenerateSkillSection")[2]


async def test_sections_and_files_are_stored_in_a_fixed_order(stage: Stage) -> None:
    order: list[str] = []

    class Recording:
        async def once(self, call: Any, run: Any) -> StoredResult:
            order.append(f"{call.module}:{call.key}")
            return await stage.calls.once(call, run)

    stage.author.answers["SynthesizePlan"] = long_plan()
    from pipeline.runtime import Runtime
    from pipeline.workflows.creation import advance

    world = Runtime(taxonomy=stage.taxonomy, model=stage.model, calls=Recording())
    await advance(Journey(request=RICH), world)
    first, order[:] = list(order), []
    await advance(Journey(request=RICH), world)
    assert order == first


async def test_bundled_files_are_each_asked_for_alone_and_named_in_the_document(stage: Stage) -> None:
    stage.author.answers["SynthesizePlan"] = with_plan(resource_requirements=BUNDLE)
    stage.author.answers["GenerateSkillContent"] = {"document": {"body": NAMING_FILES}}
    journey = await stage.go(Journey(request=RICH))
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    assert set(journey.checkpoint.files) == {
        "SKILL.md",
        "assets/index.csv",
        "references/options.md",
        "scripts/count.py",
    }
    assert "counts tables" in stage.author.prompts("GenerateScript")[0]
    assert "a table comes out wrong" in stage.author.prompts("GenerateReference")[0]
    assert "scripts/count.py" in stage.author.prompts("GenerateSkillContent")[0]


async def test_a_bad_script_is_asked_for_again_with_its_problems(stage: Stage) -> None:
    stage.author.answers["SynthesizePlan"] = with_plan(resource_requirements=[SCRIPT])
    good = DEFAULTS["GenerateScript"]
    assert isinstance(good, dict)
    bad = {"file": {"content": "#!/usr/bin/env python3\nimport argparse\nx = input()\n"}}
    stage.author.answers["GenerateScript"] = lambda request: good if "asks for input" in request.prompt else bad
    journey = await stage.go(Journey(request=RICH))
    assert journey.generation is not None
    assert "scripts/count.py" in journey.generation.draft.files
    assert stage.author.asked.count("GenerateScript") == 2


async def test_a_script_that_stays_bad_is_left_out_and_not_named_to_the_writer(stage: Stage) -> None:
    stage.author.answers["SynthesizePlan"] = with_plan(resource_requirements=[SCRIPT])
    stage.author.answers["GenerateScript"] = {"file": {"content": "print(\n"}}
    journey = await stage.go(Journey(request=RICH))
    assert journey.generation is not None
    assert set(journey.generation.draft.files) == {"SKILL.md"}
    assert "scripts/count.py" not in stage.author.prompts("GenerateSkillContent")[0]


async def test_feedback_leaves_every_other_section_byte_for_byte(stage: Stage) -> None:
    journey = await stage.go(Journey(request=RICH))
    assert journey.generation is not None
    before = {part.heading: part.text for part in split(journey.generation.draft.skill_content)}
    journey = await stage.say(journey, "refine", "compare two columns")
    assert journey.generation is not None
    after = {part.heading: part.text for part in split(journey.generation.draft.skill_content)}
    assert {heading for heading in before if before[heading] != after[heading]} == {"Check"}
    assert headings(journey.generation.draft.skill_content) == ["Workflow", "Example", "Gotchas", "Check"]


async def test_a_review_comment_names_its_file_and_line_to_the_model(stage: Stage) -> None:
    from pipeline.checkpoints import Answer
    from pipeline.journey import answer

    journey = await stage.go(Journey(request=RICH))
    assert journey.generation is not None
    lines = journey.generation.draft.skill_content.split("\n")
    line = next(number for number, text in enumerate(lines, start=1) if "Merged cells" in text)
    said = Answer(kind="refine", by="ada", text="Say more.", path="skills/pdf-tables/SKILL.md", line=line)
    await stage.go(answer(journey, said))
    prompt = stage.author.prompts("IncorporateFeedback")[0]
    assert f"At SKILL.md:{line}" in prompt
    assert "Merged cells come out" in prompt


async def test_claims_of_changes_that_were_not_made_are_corrected(stage: Stage) -> None:
    done = [{"request": "make it better", "outcome": "applied", "note": "It is better now."}]
    stage.author.answers["IncorporateFeedback"] = {
        "revision": {"edits": [], "file_edits": [], "description": "", "done": done}
    }
    journey = await stage.say(await stage.go(Journey(request=RICH)), "refine", "make it better")
    assert journey.generation is not None
    assert [(c.outcome, c.note) for c in journey.generation.changes] == [("rejected", "Nothing in the files changed.")]


async def test_feedback_that_breaks_the_document_is_repaired_before_it_is_shown(stage: Stage) -> None:
    edit = {"action": "replace", "section": 4, "heading": "Check", "markdown": "```python\nopen('x')"}
    done = [{"request": "r", "outcome": "applied", "note": "n"}]
    stage.author.answers["IncorporateFeedback"] = {
        "revision": {"edits": [edit], "file_edits": [], "description": "", "done": done}
    }
    journey = await stage.say(await stage.go(Journey(request=RICH)), "refine", "r")
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    assert [finding for finding in journey.checkpoint.findings if finding.severity == "error"] == []
    assert "STR012" in stage.author.prompts("RefinedContent")[0]


async def test_a_published_skill_takes_feedback_without_another_preview(stage: Stage) -> None:
    journey = await stage.say(await stage.go(Journey(request=RICH)), "approve")
    journey = journey.model_copy(update={"in_review": True})
    journey = await stage.say(journey, "refine", "compare two columns")
    assert journey.status == "completed"
    assert journey.validation is not None
    assert "two numeric columns" in journey.validation.draft.skill_content
    assert journey.generation is not None
    assert journey.generation.changes[0].source == "comment:7"


async def test_findings_that_stay_go_back_a_bounded_number_of_times_then_a_person_decides(stage: Stage) -> None:
    broken = {"document": {"body": f"{BODY}\n```python\nopen('x')\n"}}
    stage.author.answers["GenerateSkillContent"] = broken
    stage.author.answers["RefinedContent"] = broken
    journey = await stage.go(Journey(request=RICH, options=PipelineOptions(max_validation_rounds=2)))
    journey = await stage.say(journey, "approve")
    assert journey.checkpoint is not None
    assert journey.checkpoint.kind == "validate"
    assert journey.validation_rounds == 2
    stage.author.answers["RefinedContent"] = {"document": {"body": BODY}}
    stage.author.answers["IncorporateFeedback"] = {
        "revision": {"edits": [], "file_edits": [], "description": "", "done": []}
    }
    stage.calls.results.clear()
    journey = await stage.say(journey, "refine", "close the fence")
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    assert journey.validation_rounds == 0


async def test_events_tell_the_road_in_order(stage: Stage) -> None:
    await stage.go(Journey(request=RICH))
    told = [(event.type, event.module or event.phase) for event in stage.events]
    assert told[0] == (EventType.PHASE_START, "understanding")
    starts = [module for kind, module in told if kind is EventType.MODULE_START]
    assert starts == [
        "GatherRequirements",
        "ValidateStructure",
        "AnalyzeIntent",
        "FindTaxonomyPath",
        "AnalyzeDependencies",
        "SynthesizePlan",
        "GenerateSkillContent",
        "RefinedContent",
    ]
    assert stage.events[-1].type is EventType.HITL_REQUIRED
    assert stage.events[-1].checkpoint == "preview"


async def test_a_spent_budget_during_refinement_keeps_the_draft(stage: Stage) -> None:
    from pipeline.lm import ModelSettings
    from pipeline.lm.model import LanguageModel

    stage.author.answers["GenerateSkillContent"] = reply_json(
        {"document": {"body": "# PDF tables\n\n## Workflow\n\nUse it.\n"}}, prompt_tokens=5_000
    )
    await stage.model.aclose()
    stage.model = LanguageModel(
        ModelSettings(model="openai/scripted", api_base=stage.server.base_url, budget_tokens=5_000)
    )
    journey = await stage.go(Journey(request=RICH))
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    assert "RefinedContent" not in stage.author.asked


async def test_advice_that_fails_is_said_and_loses_nothing(stage: Stage) -> None:
    stage.author.answers["ValidateSkill"] = Reply(status=401, error={"message": "no"})
    journey = await stage.say(await stage.go(Journey(request=RICH)), "approve")
    assert journey.status == "completed"
    assert journey.validation is not None
    assert journey.validation.quality.advice[0].startswith("No review by the model:")


async def test_the_requirements_language_and_answers_are_part_of_the_key(stage: Stage) -> None:
    stage.author.answers["GatherRequirements"] = with_requirements(language="German")
    await stage.go(Journey(request=RICH))
    keys = set(stage.calls.results)
    await stage.go(Journey(request=RICH, attempt=1))
    assert len(stage.calls.results) == 2 * len(keys)
