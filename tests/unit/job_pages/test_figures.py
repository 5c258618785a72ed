"""What is made of the stored history: days, phases, rounds; and how it is drawn and worded."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from bot.figures.jobs import exchanges_of, rounds_of, runs_of, stretches_of
from bot.figures.overview import days_of
from bot.job_pages import words
from bot.job_pages.plots import Series, bars, strip
from bot.jobs.effects import Effect
from bot.jobs.job import ENDED, TRANSITIONS, JobStatus
from bot.store.history import Before, DayFigure, Figure, Move, increments_of
from bot.store.timeline import TimelineEntry
from pipeline.checkpoints import EventType, Measured, WorkflowEvent
from tests.jobs import NOON, make_job
from tests.unit.jobs import builders

_LIVES = st.lists(
    st.lists(st.tuples(st.randoms(use_true_random=False), st.integers(0, 400_000)), max_size=6), max_size=5
)


@given(_LIVES)
def test_going_back_from_today_gives_the_jobs_that_were_open_on_every_day(
    lives: list[list[tuple[object, int]]],
) -> None:
    """Against a plain replay of the same lives."""
    last, days = NOON.date() + timedelta(days=40), 41
    figures: dict[tuple[str, Figure, str], list[float]] = {}
    open_then: dict[str, dict[JobStatus, int]] = {}
    counts = dict.fromkeys(JobStatus, 0)
    for number, life in enumerate(lives, start=1):
        job, before, moves = make_job(number), Before(), [(NOON, JobStatus.QUEUED)]
        for chance, seconds in life:
            choices = sorted(TRANSITIONS[moves[-1][1]])
            if choices:
                moves.append((moves[-1][0] + timedelta(seconds=seconds), chance.choice(choices)))  # type: ignore[attr-defined]
        for at, status in moves:
            for each in increments_of(before, job.with_(status=status), at):
                total = figures.setdefault((at.date().isoformat(), each.figure, each.name), [0, 0.0])
                total[0] += each.count
                total[1] += each.amount
            before = Before(status, at, None) if status is not before.status else before
        counts[moves[-1][1]] += 1
        for back in range(days):
            day = last - timedelta(days=back)
            there = [status for at, status in moves if at.date() <= day]
            if there and there[-1] not in ENDED:
                known = open_then.setdefault(str(day), dict.fromkeys(JobStatus, 0))
                known[there[-1]] += 1
    stored = [
        DayFigure(datetime.fromisoformat(day).date(), figure, name, int(count), amount)
        for (day, figure, name), (count, amount) in figures.items()
    ]
    for day in days_of(counts, stored, last, days):
        expected = open_then.get(str(day.day), {})
        assert day.open == {status: expected.get(status, 0) for status in JobStatus if status not in ENDED}


def _entries(*events: WorkflowEvent) -> list[TimelineEntry]:
    return [TimelineEntry(number, "7:1", event) for number, event in enumerate(events, start=1)]


def _event(kind: EventType, phase: str = "generation", **values: object) -> WorkflowEvent:
    return WorkflowEvent.model_validate({"type": kind, "phase": phase, "at": NOON, **values})


def test_a_phase_has_its_duration_and_how_it_ended_and_an_interrupted_one_has_neither() -> None:
    found = runs_of(
        _entries(
            _event(EventType.PHASE_START),
            _event(EventType.PHASE_START),
            _event(EventType.PHASE_END, seconds=2.5),
            _event(EventType.HITL_REQUIRED, checkpoint="preview"),
            _event(EventType.PHASE_START, "validation"),
            _event(EventType.PHASE_END, "validation", seconds=1),
            _event(EventType.ERROR, "validation", message="No."),
        )
    )
    assert [(run.phase, run.seconds, run.outcome) for run in found] == [
        ("generation", None, ""),
        ("generation", 2.5, "preview"),
        ("validation", 1, "error"),
    ]


def test_a_draft_measured_again_by_a_repeated_phase_is_one_round() -> None:
    first, better = Measured(draft="aaaaaaaa", quality=0.4, errors=2), Measured(draft="bbbbbbbb", quality=0.9)
    measured = [_event(EventType.MEASURED, measured=each) for each in (first, first, better, first)]
    assert [(found.draft, found.errors) for found in rounds_of(_entries(*measured))] == [
        ("aaaaaaaa", 2),
        ("bbbbbbbb", 0),
    ]


def test_a_status_lasts_until_the_next_and_an_end_lasts_no_time() -> None:
    moves = [
        Move(0, NOON, JobStatus.RUNNING, "understanding", ""),
        Move(1, NOON + timedelta(minutes=1), JobStatus.PENDING_HITL, "generation", "preview"),
    ]
    later = NOON + timedelta(hours=1)
    assert [each.seconds for each in stretches_of(moves, later)] == [60, 3540]
    ended = [*moves, Move(2, later, JobStatus.CANCELLED, "generation", "")]
    assert [each.seconds for each in stretches_of(ended, later + timedelta(days=1))] == [60, 3540, None]


def test_an_open_question_stands_last_and_has_no_answer() -> None:
    found = exchanges_of(builders.job(journey=builders.at_clarify()))
    assert [(each.kind, each.asked, each.answer) for each in found] == [("clarify", ["Which repositories?"], None)]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0, "0.0 s"), (9.96, "10 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90_061, "1 d 1 h")],
)
def test_durations_are_read_at_a_glance(seconds: float | None, shown: str) -> None:
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("dollars", "shown"), [(None, "price unknown"), (0, "$0.00"), (0.0123, "$0.0123"), (1234.5, "$1,234.50")]
)
def test_an_unknown_price_is_not_free(dollars: float | None, shown: str) -> None:
    assert words.money(dollars) == shown


def test_every_effect_and_every_event_has_words() -> None:
    kinds = [member.model_fields["kind"].default for member in get_args(get_args(Effect)[0])]
    assert {"say", "publish", "check"} <= set(kinds)
    assert [
        kind
        for kind in [*kinds, "of_a_later_version"]
        if not words.effect_words(kind) or "_" in words.effect_words(kind)
    ] == []
    for kind in EventType:
        measured = Measured(draft="aaaaaaaa") if kind is EventType.MEASURED else None
        assert words.event_words(_event(kind, module="M", message="said", measured=measured))


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20)


@given(st.lists(st.tuples(_TEXT, st.floats(0, 1e9)), max_size=12), _TEXT)
def test_a_plot_is_well_formed_whatever_it_is_called(values: list[tuple[str, float]], said: str) -> None:
    labels, heights = [name for name, _ in values], [value for _, value in values]
    for drawn in (
        bars("x", said, labels, [Series("<b>", "c1", heights), Series("two", "c2", heights)]),
        strip("y", said, [(name, "c1", value) for name, value in values]),
    ):
        assert isinstance(drawn, Markup)
        root = ET.fromstring(drawn)
        assert root.attrib["role"] == "img"
        assert not re.search(r"style=|<script", drawn)
        for shape in root.iter("rect"):
            assert 0 <= float(shape.attrib["x"]) <= 300.1
            assert float(shape.attrib["height"]) <= 60


def test_times_are_shown_in_utc() -> None:
    assert words.moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02 03:04:05 UTC"
    there = timezone(timedelta(hours=5))
    assert words.moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=there)) == "2026-01-01 22:04:05 UTC"
