"""What the outline drafter makes of realistic requests: snapshots, and what holds for all of them."""

import json
import re
from pathlib import Path

import pytest
import skills_ref
from syrupy.assertion import SnapshotAssertion

from pipeline.checkpoints import ClarifyCheckpoint, PreviewCheckpoint
from pipeline.journey import Journey, answer
from pipeline.models import SkillDraft
from pipeline.runtime import Runtime
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.unit.pipeline.golden import GOLDEN
from tests.unit.pipeline.test_journey_end_to_end import say


async def questions(name: str) -> list[str]:
    journey = await advance(Journey(request=GOLDEN[name]), Runtime(taxonomy=Taxonomy()))
    checkpoint = journey.checkpoint
    return [question.text for question in checkpoint.questions] if isinstance(checkpoint, ClarifyCheckpoint) else []


async def published(name: str) -> SkillDraft:
    world = Runtime(taxonomy=Taxonomy())
    journey = await advance(Journey(request=GOLDEN[name], proceed_on_assumptions=True), world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint), (journey.failure, journey.checkpoint)
    journey = await advance(answer(journey, say("approve")), world)
    assert journey.status == "completed", (journey.failure, journey.checkpoint)
    assert journey.validation is not None
    assert [finding for finding in journey.validation.findings if finding.severity == "error"] == []
    return journey.validation.draft


@pytest.mark.parametrize("name", GOLDEN)
async def test_the_questions_and_the_skill_for_a_request(name: str, snapshot: SnapshotAssertion) -> None:
    draft = await published(name)
    asked = "\n".join(f"? {text}" for text in await questions(name))
    files = "\n".join(f"=== {path}\n{text}" for path, text in sorted(draft.files.items()))
    assert f"{asked}\n\n{draft.path}\n{files}" == snapshot


@pytest.mark.parametrize("name", GOLDEN)
async def test_every_skill_is_valid_for_the_reference_validator(name: str, tmp_path: Path) -> None:
    draft = await published(name)
    folder = tmp_path / draft.name
    for path, text in draft.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    assert skills_ref.validate(folder) == []
    evals = folder / "evals" / "evals.json"
    assert json.loads(evals.read_text())["skill_name"] == draft.name


@pytest.mark.parametrize("name", GOLDEN)
async def test_nothing_is_invented_and_nothing_is_a_placeholder(name: str) -> None:
    """Every content word of the document stands in the request (apart from the drafter's own few phrases)."""
    from pipeline.outline.phrases import PHRASES
    from pipeline.routing import terms

    draft = await published(name)
    request = GOLDEN[name]
    said = set(terms(" ".join(str(value) for value in request.model_dump().values())))
    own = set(terms(" ".join(str(phrases) for phrases in PHRASES.values())))
    names = set(terms(draft.name.replace("-", " ")))
    body = re.sub(r"\(references/[^)]*\)|`references/[^`]*`", "", draft.skill_content.split("---", 2)[2])
    assert set(terms(body)) - said - own - names == set()
    assert not re.search(r"TODO|TBD|lorem|\.\.\. here|<[a-z-]+>|placeholder", draft.skill_content, re.IGNORECASE)


async def test_the_same_request_always_gives_the_same_skill() -> None:
    assert await published("sql_review_free_text") == await published("sql_review_free_text")


@pytest.mark.parametrize("name", ["incident_reviews_headings", "english_with_code_in_steps", "pdf_tables_rich_form"])
async def test_a_rich_request_has_eight_queries_of_each_kind(name: str) -> None:
    queries = json.loads((await published(name)).files["evals/triggers.json"])["queries"]
    kinds = [query["should_trigger"] for query in queries]
    assert kinds.count(True) == kinds.count(False) >= 8
    assert len({query["query"].lower() for query in queries}) == len(queries)


@pytest.mark.parametrize("name", GOLDEN)
async def test_the_thinnest_request_has_four_queries_of_each_kind(name: str) -> None:
    queries = json.loads((await published(name)).files["evals/triggers.json"])["queries"]
    kinds = [query["should_trigger"] for query in queries]
    assert kinds.count(True) == kinds.count(False) >= 4
    assert len({query["query"].lower() for query in queries}) == len(queries)


async def test_drafts_keep_lines_of_code_in_their_steps() -> None:
    draft = await published("english_with_code_in_steps")
    assert "   vault write keys/api name=next\n" in draft.skill_content
