"""Learning better instructions, end to end against a scripted model: before, after, adopted or not, and used."""

import argparse
import asyncio
import copy
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.advancing import read_prompts
from bot.jobs.job import JobStatus
from bot.operate import optimize as command
from bot.settings import SettingsError, load
from bot.store.database import open_database
from bot.store.stores import Stores
from pipeline.checking import body_of
from pipeline.checkpoints import Answer
from pipeline.journey import Journey, answer
from pipeline.lm import ModelSettings
from pipeline.lm.model import LanguageModel
from pipeline.models import Change
from pipeline.optimize.examples import Example, ExamplesError, read_examples, split
from pipeline.optimize.run import LimitReached, Spending, Writer
from pipeline.prompts import Prompts, PromptsError, Scores, digest, load_prompts
from pipeline.runtime import Runtime
from pipeline.signatures.generation import GenerateSkillContent
from pipeline.skills.taxonomy import Taxonomy
from pipeline.workflows.creation import advance
from tests.jobs import REPOSITORY, make_job
from tests.scripted_author import Author
from tests.scripted_model import Reply, Request, ScriptedModel, reply_json
from tests.unit.pipeline.requests import RICH

BETTER = "Write every planned section, with the exact commands. Be complete."
CALLS = 60


@pytest.fixture
async def journey() -> Journey:
    """At its preview, written by the outline drafter."""
    world = Runtime(taxonomy=Taxonomy())
    asked = await advance(Journey(request=RICH), world)
    return await advance(answer(asked, Answer(kind="answer", by="ada", text="Compare the totals.")), world)


@pytest.fixture
async def server(journey: Journey) -> AsyncIterator[ScriptedModel]:
    """A model that writes a complete document only when it is told to be complete."""
    assert journey.generation is not None
    good = body_of(journey.generation.draft)

    def write(request: Request) -> Reply | None:
        if request.fields == ["improved"]:
            return reply_json({"improved": {"text": BETTER}})
        if request.fields == ["document"]:
            return reply_json({"document": {"body": good if BETTER in request.prompt else "# Title\n\nIt depends.\n"}})
        return None

    async with ScriptedModel() as scripted:
        scripted.rules.append(write)
        yield scripted


def example(journey: Journey, repository: str) -> Example:
    understanding = journey.understanding
    assert understanding is not None
    return Example(
        repository=repository,
        verdict="merged",
        plan=understanding.plan,
        requirements=understanding.requirements,
        intent=understanding.intent,
    )


def written(path: Path, examples: list[Example]) -> Path:
    path.write_text("".join(one.model_dump_json() + "\n" for one in examples))
    return path


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args([*words, "--yes"])


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, server: ScriptedModel) -> ScriptedModel:
    monkeypatch.setenv("SKILL_FLEET_MODEL", "openai/scripted")
    monkeypatch.setenv("SKILL_FLEET_MODEL_API_BASE", server.base_url)
    monkeypatch.setenv("SKILL_FLEET_MODEL_RETRIES", "0")
    return server


async def test_better_instructions_are_found_measured_on_other_repositories_written_and_used(
    tmp_path: Path, journey: Journey, model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    data = written(tmp_path / "data.jsonl", [example(journey, name) for name in ("a/a", "b/b", "b/b", "c/c")])
    out = tmp_path / "prompts.json"
    status = await asyncio.to_thread(
        command.run, arguments("--examples", str(data), "--out", str(out), "--max-calls", str(CALLS))
    )
    said, beside = capsys.readouterr()
    assert status == command.WRITTEN, said
    assert "%|" not in said + beside, "no bar is drawn where there is no terminal"
    assert len(model.requests) <= CALLS
    assert f"at most {CALLS} questions to the model" in said
    found = Prompts.model_validate_json(out.read_text())
    assert found.instructions == BETTER
    assert found.held_out.after > found.held_out.before
    assert found.train.after > found.train.before
    reflecting = next(request.prompt for request in model.requests if request.fields == ["improved"])
    assert "is missing or empty" in reflecting, "the rules' own words are what it learns from"

    author = Author(model)
    language_model = LanguageModel(ModelSettings(model="openai/scripted", api_base=model.base_url))
    prompts = read_prompts(load(insecure_dev=True, prompts=str(out)))
    before = len(model.requests)
    world = Runtime(taxonomy=Taxonomy(), model=language_model, prompts=prompts)
    await advance(Journey(request=RICH), world)
    await language_model.aclose()
    asked = [request for request in model.requests[before:] if request.fields == ["document"]]
    assert asked
    assert BETTER in asked[0].prompt
    assert author is not None


async def test_what_does_not_help_on_requests_it_did_not_see_is_not_written(
    tmp_path: Path, journey: Journey, model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model.rules.insert(0, lambda request: _same(request))
    data = written(tmp_path / "data.jsonl", [example(journey, name) for name in ("a/a", "b/b")])
    out = tmp_path / "prompts.json"
    status = await asyncio.to_thread(
        command.run, arguments("--examples", str(data), "--out", str(out), "--max-calls", "20")
    )
    assert status == command.NOT_BETTER
    assert not out.exists()
    assert len(model.requests) <= 20
    assert "nothing was written" in capsys.readouterr().out


def _same(request: Request) -> Reply | None:
    return reply_json({"document": {"body": "# Title\n\nIt depends.\n"}}) if request.fields == ["document"] else None


async def test_a_model_that_does_not_answer_stops_the_run_at_once(
    tmp_path: Path, journey: Journey, model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    model.rules.clear()
    data = written(tmp_path / "data.jsonl", [example(journey, name) for name in ("a/a", "b/b")])
    status = await asyncio.to_thread(command.run, arguments("--examples", str(data)))
    assert status == command.UNUSABLE
    assert len(model.requests) == 1
    assert "the model gave no usable answer" in capsys.readouterr().err


async def test_the_cost_limit_ends_the_run_and_nothing_is_written(
    tmp_path: Path,
    journey: Journey,
    model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Spending, "paid", lambda self, usd: setattr(self, "usd", self.usd + 1.0))
    monkeypatch.setenv("SKILL_FLEET_MODEL_CONCURRENCY", "1")
    data = written(tmp_path / "data.jsonl", [example(journey, name) for name in ("a/a", "b/b", "b/b")])
    out = tmp_path / "prompts.json"
    words = ("--examples", str(data), "--out", str(out), "--max-usd", "1.5")
    assert await asyncio.to_thread(command.run, arguments(*words)) == command.UNUSABLE
    assert "the cost limit was reached" in capsys.readouterr().err
    assert len(model.requests) <= 2
    assert not out.exists()


def test_copies_of_the_program_count_on_one_purse() -> None:
    spending = Spending(2, None)
    writer = Writer(spending)
    assert writer.deepcopy().spending is spending
    assert copy.deepcopy(spending) is copy.copy(spending) is spending
    spending.begin()
    spending.begin()
    with pytest.raises(LimitReached):
        writer.deepcopy().forward()


@pytest.mark.parametrize(
    ("lines", "more", "says"),
    [
        (None, (), "data.jsonl: No such file or directory\n"),
        (".", (), "data.jsonl: Is a directory\n"),
        ("{}\n", (), "data.jsonl:1: repository: Field required"),
        ("\nnot json\n", (), "data.jsonl:2: Invalid JSON"),
        ("\udcff", (), "data.jsonl: it is not UTF-8 text\n"),
        ("two", ("--out", "missing/prompts.json"), "cannot write missing/prompts.json; name another file"),
        ("two", ("--out", "."), "cannot write .; name another file with --out"),
        ("two", ("--save-examples", "missing/x"), "cannot write missing/x; name another file with --save-examples"),
        ("two", ("--max-usd", "0"), "--max-usd must be more than 0"),
        ("one", (), "at least two repositories are needed"),
        ("two", ("--max-calls", "5"), "--max-calls 5 is too little for these requests: at least"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_spent(
    tmp_path: Path,
    journey: Journey,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    lines: str | None,
    more: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setenv("SKILL_FLEET_MODEL", "openai/nobody")
    data = tmp_path / "data.jsonl"
    if lines in ("one", "two"):
        written(data, [example(journey, name) for name in ("a/a", "b/b")[: 1 if lines == "one" else 2]])
    elif lines == ".":
        data.mkdir()
    elif lines is not None:
        data.write_text(lines, errors="surrogateescape")
    assert command.run(arguments("--examples", str(data), *more)) == command.UNUSABLE
    assert says in capsys.readouterr().err


async def test_decided_jobs_are_examples_and_open_ones_are_not(
    tmp_path: Path, sqlite_url: str, journey: Journey, capsys: pytest.CaptureFixture[str]
) -> None:
    assert journey.generation is not None
    change = Change(request="Say more about totals", outcome="applied", source="comment:1")
    changed = journey.model_copy(update={"generation": journey.generation.model_copy(update={"changes": [change]})})
    stores = Stores.over(open_database(sqlite_url))
    await stores.migrate()
    other = REPOSITORY.model_copy(update={"id": 8, "name": "other"})
    for job in (
        make_job(1, journey=changed, status=JobStatus.PROMOTED),
        make_job(2, journey=journey, status=JobStatus.IN_REVIEW),
        make_job(3, status=JobStatus.REJECTED),
        make_job(4, repository=other, journey=journey, status=JobStatus.REJECTED),
    ):
        await stores.jobs.save(job, rev=0, done=[], task="t")
    found: list[Example] = []
    await command._from_database(stores, found)
    await stores.database.close()
    assert {(one.repository, one.verdict, tuple(one.remarks)) for one in found} == {
        ("acme/skills", "merged", ("Say more about totals",)),
        ("acme/other", "rejected", ()),
    }
    saved = tmp_path / "saved.jsonl"
    given = arguments("--database", sqlite_url, "--save-examples", str(saved))
    assert await asyncio.to_thread(command.run, given) == command.WRITTEN
    assert read_examples(saved) == found
    assert "Written 2 decided requests" in capsys.readouterr().out


def test_no_repository_is_on_both_sides_and_the_split_is_always_the_same(tmp_path: Path, journey: Journey) -> None:
    examples = [example(journey, f"o/{number % 7}") for number in range(30)]
    parts = split(read_examples(written(tmp_path / "data.jsonl", examples)))
    assert parts == split(list(reversed(examples))) or {one.repository for one in parts.held_out} == {
        one.repository for one in split(list(reversed(examples))).held_out
    }
    assert not {one.repository for one in parts.train} & {one.repository for one in parts.held_out}
    assert 9 <= len(parts.held_out) <= 15
    with pytest.raises(ExamplesError, match="at least two repositories"):
        split(examples[:1])


@pytest.mark.parametrize("sizes", [(1, 2, 1), (2, 1, 1), (1, 1, 2), (1, 1), (6, 5, 4), (1, 9, 2)])
def test_at_most_half_is_held_out_where_no_repository_has_more(journey: Journey, sizes: tuple[int, ...]) -> None:
    examples = [example(journey, f"o/{name}") for name, size in enumerate(sizes) for _ in range(size)]
    parts = split(examples)
    alone = len({one.repository for one in parts.held_out}) == 1
    assert parts.train
    assert parts.held_out
    assert alone or len(parts.held_out) <= len(examples) / 2


def test_instructions_made_from_others_than_ours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    half = Scores(before=0.5, after=0.6)
    good = Prompts(
        predictor="GenerateSkillContent",
        base=digest(GenerateSkillContent.instructions),
        instructions=BETTER,
        model="openai/x",
        train=half,
        held_out=half,
    )
    path.write_text(good.model_dump_json())
    assert load_prompts(path) == {"GenerateSkillContent": BETTER}
    path.write_text(good.model_copy(update={"base": digest("older")}).model_dump_json())
    with pytest.raises(PromptsError, match="have changed since"):
        load_prompts(path)
    with pytest.raises(SettingsError, match="SKILL_FLEET_PROMPTS: cannot read"):
        read_prompts(load(insecure_dev=True, prompts=str(tmp_path / "missing.json")))
