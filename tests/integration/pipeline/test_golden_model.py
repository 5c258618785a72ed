"""What becomes of the golden requests with a model that writes well: snapshots, and what holds for all of them."""

import json
from pathlib import Path

import pytest
import skills_ref
from syrupy.assertion import SnapshotAssertion

from pipeline.checkpoints import ClarifyCheckpoint, PreviewCheckpoint
from pipeline.journey import Journey
from pipeline.models import SkillDraft
from pipeline.skills.taxonomy import Taxonomy
from tests.integration.pipeline.conftest import Stage
from tests.unit.pipeline.golden import GOLDEN
from tests.unit.pipeline.golden_author import WRITTEN, answers, golden_author

SIBLINGS = {
    "skills/documents/letter-writing/SKILL.md": "Writes formal letters. Use when someone needs a letter.",
    "skills/engineering/code-review/SKILL.md": "Reviews Python pull requests. Use when someone wants a code review.",
    "skills/operations/alert-rules/SKILL.md": "Writes alert rules. Use when a service needs monitoring.",
}
REPOSITORY = {
    path: f"---\nname: {path.split('/')[2]}\ndescription: {description}\n---\n\n# Skill\n\nText.\n"
    for path, description in SIBLINGS.items()
}


def test_there_are_enough_requests_and_each_is_written_for() -> None:
    assert len(WRITTEN) >= 12
    assert set(WRITTEN) <= set(GOLDEN)
    assert {written.get("language", "English") for written in WRITTEN.values()} >= {
        "English",
        "German",
        "French",
        "Spanish",
        "Japanese",
    }
    suffixes = {Path(path).suffix for written in WRITTEN.values() for path in written.get("files", {})}
    assert suffixes >= {".py", ".sh", ".mjs", ".md", ".csv"}


async def published(stage: Stage, name: str) -> tuple[SkillDraft, list[str]]:
    """The published skill and the questions that were asked for it."""
    stage.taxonomy = Taxonomy.build(REPOSITORY)
    stage.author = golden_author(stage.server, name)
    journey = await stage.go(Journey(request=GOLDEN[name]))
    asked: list[str] = []
    if isinstance(journey.checkpoint, ClarifyCheckpoint):
        asked = [f"{question.text} [{'; '.join(question.options)}]" for question in journey.checkpoint.questions]
        journey = await stage.say(journey, "skip")
    assert isinstance(journey.checkpoint, PreviewCheckpoint), (journey.failure, journey.checkpoint)
    assert bool(asked) == bool(journey.checkpoint.assumptions)
    journey = await stage.say(journey, "approve", digest=journey.checkpoint.digest)
    assert journey.status == "completed", (journey.failure, journey.checkpoint)
    assert journey.validation is not None
    assert [finding for finding in journey.validation.findings if finding.severity != "info"] == []
    assert journey.validation.quality.overall_score >= journey.options.quality_target
    assert journey.validation.trigger_losses == []
    return journey.validation.draft, asked


@pytest.mark.parametrize("name", WRITTEN)
async def test_the_questions_and_the_skill_for_a_request(
    stage: Stage, name: str, snapshot: SnapshotAssertion, tmp_path: Path
) -> None:
    draft, asked = await published(stage, name)
    written = WRITTEN[name]
    assert set(draft.files) == {"SKILL.md", *written.get("files", {}), "evals/evals.json", "evals/triggers.json"}
    triggers = json.loads(draft.files["evals/triggers.json"])["queries"]
    assert [sum(query["should_trigger"] is kind for query in triggers) for kind in (True, False)] == [8, 8]

    folder = tmp_path / draft.name
    for path, text in draft.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    assert skills_ref.validate(folder) == []

    questions = "\n".join(f"? {text}" for text in asked)
    files = "\n".join(f"=== {path}\n{text}" for path, text in sorted(draft.files.items()))
    assert f"{questions}\n\n{draft.path}\n{files}" == snapshot


async def test_what_a_good_model_writes_goes_through_unchanged(stage: Stage) -> None:
    draft, _ = await published(stage, "sql_review_free_text")
    written = WRITTEN["sql_review_free_text"]
    assert draft.skill_content.endswith(f"\n---\n\n{written['body']}")
    assert draft.files["references/locks.md"] == written["files"]["references/locks.md"]["content"]
    assert "RefinedContent" not in stage.author.asked
    assert answers(written)["SynthesizePlan"]["plan"]["description"] in draft.skill_content
