"""Bots that keep doing things to a request are not listened to for a while; people are, and so is what is a fact."""

from datetime import timedelta

from bot.comments.budgets import bot_loop
from bot.jobs import events as ev
from bot.jobs.decision import Decision
from bot.jobs.job import Actor, Job, JobStatus
from bot.jobs.loops import DEAF, MOST, WINDOW
from bot.jobs.machine import decide
from tests.unit.jobs import builders as make
from tests.unit.jobs.test_races import in_review, said

FLAPPER = Actor(login="flapper[bot]", id=99, type="Bot")


def flapped(job: Job, times: int, *, apart: timedelta = timedelta(), start: timedelta = timedelta()) -> list[Decision]:
    """A bot takes the label off and puts it on again, this many events in all."""
    decisions = []
    for number in range(times):
        event: ev.Event = make.labelled(FLAPPER) if number % 2 else ev.Unlabelled(actor=FLAPPER)
        facts = make.facts(make.MORGAN, event_id=number + 1, now=make.NOW + start + apart * number)
        decisions.append(decide(job, event, facts))
        after = decisions[-1].job
        assert after is not None
        job = after
    return decisions


def test_the_tenth_event_by_bots_within_a_minute_ends_the_listening_and_is_said_once() -> None:
    decisions = flapped(make.job(), 3 * MOST)
    words = [body for decision in decisions for _, body in said(decision)]
    assert words.count(bot_loop(MOST, 10)) == 1
    assert any(decision.effects for decision in decisions[: MOST - 1])
    assert not any(decision.effects for decision in decisions[MOST:])


def test_bots_that_take_their_time_are_heard() -> None:
    decisions = flapped(make.job(), 3 * MOST, apart=WINDOW / (MOST - 1) * 1.01)
    assert bot_loop(MOST, 10) not in [body for decision in decisions for _, body in said(decision)]


def test_people_are_heard_while_bots_are_not_and_bots_again_afterwards() -> None:
    job = flapped(make.job(), MOST)[-1].job
    assert job is not None
    assert job.status is JobStatus.CANCELLED or job.status is JobStatus.RUNNING
    stopped = decide(job, ev.CancelAsked(), make.facts()).job
    assert stopped is not None
    assert stopped.status is JobStatus.CANCELLED
    person = decide(job, ev.Unlabelled(actor=make.MORGAN), make.facts()).job
    assert person is not None
    assert person.status is JobStatus.CANCELLED
    [heard] = flapped(job, 1, start=DEAF)
    assert heard.job is not None
    assert heard.job.deaf_to_bots_until is None


def test_a_merge_by_a_bot_counts_whatever_bots_did_before() -> None:
    deaf = in_review().with_(deaf_to_bots_until=make.NOW + DEAF)
    merged = decide(deaf, ev.PullMerged(actor=FLAPPER, number=13, merge_sha="b" * 40), make.facts()).job
    assert merged is not None
    assert merged.status is JobStatus.PROMOTED
