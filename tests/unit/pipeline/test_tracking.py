"""What is recorded about a job, and how the background thread treats a recorder that fails."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipeline.accounting import MODULES
from pipeline.checkpoints import Answer, ClarifyCheckpoint, PreviewCheckpoint
from pipeline.journey import Journey, answer
from pipeline.models import Usage
from pipeline.modules import generation, understanding, validation
from pipeline.modules.step import Step
from pipeline.runtime import Runtime
from pipeline.skills.rules.security_text import masked
from pipeline.skills.taxonomy import Taxonomy
from pipeline.tracking import background, mlflow
from pipeline.tracking.background import BackgroundTracker
from pipeline.tracking.mlflow import TrackingUnavailable, mlflow_tracker
from pipeline.tracking.port import HumanFeedback, Moment, Progressed, Refused, Subject
from pipeline.tracking.record import job_record, phase_record
from pipeline.workflows.creation import advance
from tests.unit.pipeline.requests import RICH

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUBJECT = Subject(key="github.com/7:1/0", name="acme/skills#1")
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEAxwpi3Q7W2b0F4bB2QzY6\n" * 3 + "-----END RSA PRIVATE KEY-----"
)


def moment(number: int = 0) -> HumanFeedback:
    return HumanFeedback(kind="refine", text=str(number), step=number, at=NOON)


def saved(journey: Journey) -> Progressed:
    return Progressed(journey=journey, status="running", outcome="open", step=1, at=NOON)


async def test_a_record_says_how_far_a_job_came_and_what_it_made() -> None:
    world = Runtime(taxonomy=Taxonomy())
    journey = await advance(Journey(request=RICH), world)
    assert isinstance(journey.checkpoint, ClarifyCheckpoint)
    early = job_record(saved(journey))
    assert early.tags["checkpoint"] == "clarify"
    assert not [path for path in early.texts if path.startswith("skill/")]
    assert phase_record("generation", saved(journey)) is None

    journey = answer(journey, Answer(kind="answer", by="ada", text="Compare the totals."))
    journey = await advance(journey, world)
    assert isinstance(journey.checkpoint, PreviewCheckpoint)
    record = job_record(saved(journey))
    assert record.texts[f"skill/{journey.checkpoint.digest[:8]}/SKILL.md"] == journey.checkpoint.document
    assert record.metrics["quality"] == journey.checkpoint.quality.overall_score
    assert "Compare the totals." in record.texts["conversation.json"]
    first, second = (phase_record(phase, saved(journey)) for phase in ("understanding", "generation"))
    assert first is not None
    assert second is not None
    assert (first.outcome, second.outcome) == ("finished", "open")


def test_what_a_call_took_counts_for_its_phase_and_an_unknown_cost_is_not_zero() -> None:
    spent = {
        "GatherRequirements": Usage(calls=1, prompt_tokens=10, completion_tokens=2, cost_usd=0.5),
        "RefinedContent": Usage(calls=1, prompt_tokens=7),
    }
    journey = Journey(request=RICH, phase="generation", usage_by_module=spent)
    first, second = (phase_record(phase, saved(journey)) for phase in ("understanding", "generation"))
    assert first is not None
    assert second is not None
    assert (first.metrics["tokens.prompt"], first.metrics["cost_usd"]) == (10, 0.5)
    assert second.metrics["tokens.RefinedContent"] == 7
    assert "cost_usd" not in second.metrics


def test_every_module_that_asks_belongs_to_one_phase() -> None:
    for phase, module in (("understanding", understanding), ("generation", generation), ("validation", validation)):
        classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Step)]
        names = {kind.__name__.removesuffix("Module") for kind in classes if kind is not Step}
        assert names == set(MODULES[phase])


@pytest.mark.parametrize(
    "secret",
    ["ghp_" + "b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcTaEuo", "AKIA" + "QZ7M3LK2XW4RT8VN", KEY],
    ids=["token", "aws", "key"],
)
def test_credentials_are_masked_and_the_words_around_them_stay(secret: str) -> None:
    text = masked(f"before {secret} after")
    assert text.startswith("before [removed: ")
    assert text.endswith("] after")


def test_a_credential_in_the_request_stays_out_of_the_record() -> None:
    token = "ghp_" + "b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcTaEuo"
    journey = Journey(request=RICH.model_copy(update={"text": f"Use {token}", "constraints": token}))
    texts = job_record(saved(journey)).texts
    assert "[removed: GitHub token]" in texts["conversation.json"]
    assert not [path for path, text in texts.items() if token in text]


class Notes:
    """A recorder that does what `react` says and counts what it was asked."""

    def __init__(self, react: Callable[[int], None]) -> None:
        self.react, self.asked, self.kept = react, 0, list[str]()
        self.first_asked = threading.Event()

    def record(self, subject: Subject, moment: Moment) -> None:
        self.asked += 1
        self.first_asked.set()
        self.react(self.asked)
        assert isinstance(moment, HumanFeedback)
        self.kept.append(moment.text)


def failing_first(times: int, error: Exception) -> Callable[[int], None]:
    def react(asked: int) -> None:
        if asked <= times:
            raise error

    return react


def test_what_could_not_be_recorded_is_tried_again_and_mentioned_once(caplog: pytest.LogCaptureFixture) -> None:
    notes = Notes(failing_first(3, OSError("nobody there: http://me:word@host/")))
    tracker = BackgroundTracker(lambda: notes, first_pause=0)
    with caplog.at_level(logging.WARNING):
        tracker.note(SUBJECT, moment(1))
        tracker.note(SUBJECT, moment(2))
        _wait(lambda: len(notes.kept) == 2)
        tracker.close(10)
    assert notes.kept == ["1", "2"]
    assert [record.getMessage().split(":")[1].strip() for record in caplog.records] == [
        "jobs go on, but this could not be recorded",
        "recording again; 0 notes were lost",
    ]
    assert "word@" not in caplog.text


@pytest.mark.parametrize(
    ("times", "error", "asked"),
    [(1, Refused("too long"), 2), (background.TRIES, ValueError("a bug of ours"), background.TRIES + 1)],
    ids=["refused", "never works"],
)
def test_one_bad_note_does_not_hold_up_the_next(times: int, error: Exception, asked: int) -> None:
    notes = Notes(failing_first(times, error))
    tracker = BackgroundTracker(lambda: notes, first_pause=0)
    tracker.note(SUBJECT, moment(1))
    tracker.note(SUBJECT, moment(2))
    _wait(lambda: notes.kept == ["2"])
    tracker.close(10)
    assert notes.asked == asked


def test_while_nothing_can_be_recorded_the_oldest_notes_make_room_and_closing_does_not_wait() -> None:
    go_on = threading.Event()

    def react(asked: int) -> None:
        assert go_on.wait(60)

    notes = Notes(react)
    tracker = BackgroundTracker(lambda: notes, capacity=3)
    tracker.note(SUBJECT, moment(0))
    assert notes.first_asked.wait(60)
    for number in range(1, 6):
        tracker.note(SUBJECT, moment(number))
    go_on.set()
    _wait(lambda: notes.kept == ["0", "3", "4", "5"])
    tracker.close(10)

    dead = BackgroundTracker(lambda: Notes(failing_first(99, OSError())), first_pause=3600)
    dead.note(SUBJECT, moment(1))
    dead.close(60)
    assert not dead._thread.is_alive()
    dead.note(SUBJECT, moment(2))


@pytest.mark.parametrize(
    ("uri", "installed", "says"),
    [
        ("http://tracking", None, "pip install 'skill-fleet[tracking-remote]'"),
        ("sqlite:///runs.db", None, "pip install 'skill-fleet[tracking]'"),
        ("mlruns", "mlflow", "no longer keeps runs in folders"),
        ("file:///tmp/mlruns", "mlflow", "no longer keeps runs in folders"),
        ("sqlite:///runs.db", "mlflow-skinny", "pip install 'skill-fleet[tracking]'"),
    ],
)
def test_an_address_that_cannot_work_here_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, uri: str, installed: str | None, says: str
) -> None:
    monkeypatch.setattr(mlflow, "find_spec", lambda name: installed)
    monkeypatch.setattr(mlflow, "_has_full_mlflow", lambda: installed == "mlflow")
    with pytest.raises(TrackingUnavailable) as refused:
        mlflow_tracker(uri)
    assert says in str(refused.value)


def _wait(done: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(2_000):
        if done():
            return
        waiting.wait(0.005)
    raise AssertionError("it did not happen")
