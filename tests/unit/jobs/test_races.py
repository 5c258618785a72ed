"""Things that happen at the same time, twice, in the other order, or where nothing can be written any more."""

from itertools import permutations

import pytest

from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Decision
from bot.jobs.job import Job, JobStatus, Role
from bot.jobs.machine import decide, settle
from tests.unit.jobs import builders as make


def said(decision: Decision) -> list[tuple[int, str]]:
    return [(effect.number, effect.body) for effect in decision.effects if isinstance(effect, fx.Say)]


def after(job: Job | None, *happened: tuple[ev.Event, Role]) -> tuple[Job, list[str]]:
    """The job after all of this, and everything that was said."""
    words: list[str] = []
    for position, (event, role) in enumerate(happened, start=1):
        actor = getattr(event, "actor", make.MORGAN)
        decision = decide(job, event, make.facts(actor, role=role, event_id=position))
        job = decision.job
        words += [body for _, body in said(decision)]
    assert job is not None
    return job, words


def at_preview() -> Job:
    return make.job(JobStatus.PENDING_HITL, make.at_preview(), checkpoint_comment_id=500)


def in_review() -> Job:
    return make.job(JobStatus.IN_REVIEW, make.completed().model_copy(update={"in_review": True}), pull=make.PULL)


def test_of_two_answers_at_once_the_first_counts_and_the_second_is_told() -> None:
    waiting = make.job(JobStatus.PENDING_USER_INPUT, make.at_clarify(), checkpoint_comment_id=500)
    first = (make.comment("One repository.", make.RILEY, 501), Role.READ)
    second = (make.comment("All of them!", make.MORGAN, 502), Role.ADMIN)
    third = (make.comment("Really, all.", make.MORGAN, 503), Role.ADMIN)
    job, words = after(waiting, first, second, third)
    assert job.journey.clarifications[-1].answer == "One repository."
    assert len(words) == 1, "once, not for every further word"
    assert words[0].startswith("@morgan, I was already working")


def test_strangers_who_talk_while_the_bot_works_are_left_alone() -> None:
    waiting = make.job(JobStatus.PENDING_USER_INPUT, make.at_clarify(), checkpoint_comment_id=500)
    answer = (make.comment("One.", make.RILEY, 501), Role.READ)
    _, words = after(waiting, answer, (make.comment("Me too!", make.SAM, 502), Role.NONE))
    assert words == []


def test_an_approval_that_lost_against_a_refinement_approves_nothing() -> None:
    refine = (make.comment("/skill refine Shorter.", make.RILEY, 501), Role.READ)
    approve = (make.comment("/skill approve", make.MORGAN, 502), Role.ADMIN)
    job, words = after(at_preview(), refine, approve)
    assert job.journey.approved_digest == ""
    assert "does nothing at the moment" in words[0]


def test_a_refinement_that_lost_against_an_approval_becomes_the_first_review() -> None:
    approve = (make.comment("/skill approve", make.MORGAN, 501), Role.ADMIN)
    refine = (make.comment("/skill refine Shorter.", make.RILEY, 502), Role.READ)
    job, words = after(at_preview(), approve, refine)
    assert words == []
    assert job.journey.approved_digest == make.draft().digest
    published = decide(job, make.ended(make.completed()), make.facts())
    assert published.job is not None
    result = fx.Published(pull_number=13, head_sha="a" * 40, url="")
    reviewed = settle(published.job, published.effects[0], result, make.facts()).job
    assert reviewed is not None
    assert reviewed.status is JobStatus.RUNNING
    assert [feedback.text for feedback in reviewed.journey.pending_feedback] == ["Shorter."]


MERGED = (ev.PullMerged(actor=make.MORGAN, number=13, merge_sha="c" * 40), Role.ADMIN)
CLOSED = (ev.IssueClosed(actor=make.MORGAN), Role.ADMIN)
UNLABELLED = (ev.Unlabelled(actor=make.MORGAN), Role.ADMIN)
REVIEW = ev.Reviewed(actor=make.MORGAN, review_id=5, state="changes_requested", body="Shorter, please.")
REQUESTED = (REVIEW, Role.ADMIN)


@pytest.mark.parametrize("order", list(permutations([MERGED, CLOSED, UNLABELLED, REQUESTED])))
def test_a_merge_wins_whatever_happens_around_it(order: tuple[tuple[ev.Event, Role], ...]) -> None:
    job, words = after(in_review(), *order)
    assert job.status is JobStatus.PROMOTED
    assert sum("is now a skill of this repository" in text for text in words) == 1


def test_a_merge_into_another_branch_is_not_said_to_be_a_skill_of_the_repository() -> None:
    elsewhere = (ev.PullMerged(actor=make.MORGAN, number=13, merge_sha="c" * 40, into="develop"), Role.ADMIN)
    job, [said] = after(in_review(), elsewhere)
    assert job.status is JobStatus.PROMOTED
    assert "was merged into `develop`, not into the default branch" in said


def test_cancelling_while_somebody_merges_ends_promoted() -> None:
    job, _ = after(in_review(), (make.comment("/skill cancel", make.MORGAN, 501), Role.ADMIN), MERGED)
    assert job.status is JobStatus.PROMOTED


def test_a_refinement_that_finds_its_pull_request_merged_says_nothing_wrong() -> None:
    job = in_review().moved(JobStatus.RUNNING)
    published = decide(job, make.ended(make.completed().model_copy(update={"in_review": True})), make.facts())
    assert published.job is not None
    merged = fx.Refused(code="merged", reason="It was merged already.")
    decision = settle(published.job, published.effects[0], merged, make.facts())
    assert said(decision) == []
    promoted, _ = after(decision.job, MERGED)
    assert promoted.status is JobStatus.PROMOTED


OPENED = (make.labelled(make.RILEY), Role.READ)
LABELLED = (make.labelled(make.MORGAN), Role.ADMIN)


@pytest.mark.parametrize("order", list(permutations([OPENED, LABELLED])))
def test_opened_and_labelled_make_one_running_job_in_either_order(order: tuple[tuple[ev.Event, Role], ...]) -> None:
    job, _ = after(None, *order)
    assert job.status is JobStatus.RUNNING


def test_a_label_that_flaps_ends_where_it_stands_and_asks_nothing_twice() -> None:
    waiting = make.job(JobStatus.PENDING_USER_INPUT, make.at_clarify(), checkpoint_comment_id=500)
    on, words = after(waiting, UNLABELLED, LABELLED, UNLABELLED, LABELLED)
    assert on.status is JobStatus.PENDING_USER_INPUT
    off, _ = after(on, UNLABELLED)
    assert off.status is JobStatus.CANCELLED
    assert words == []
    answer = (make.comment("One repository.", make.RILEY, 501), Role.READ)
    still_off, told = after(off, answer, answer)
    assert still_off.status is JobStatus.CANCELLED
    assert len(told) == 1, "who answers a question that still stands there is told why it does not count"
    assert "I had to stop here: The label was removed." in told[0]


@pytest.mark.parametrize("body", ["/skill approve", "Add a table.", "/skill cancel", "/skill bogus", "/skill help"])
def test_a_comment_that_is_delivered_again_under_another_id_changes_nothing(body: str) -> None:
    event = make.comment(body, make.MORGAN, 501)
    once = decide(at_preview(), event, make.facts(event_id=1)).job
    assert once is not None
    assert decide(once, event, make.facts(event_id=2)) == Decision(once)


def test_a_review_that_is_delivered_again_asks_for_nothing_twice() -> None:
    once, _ = after(in_review(), REQUESTED)
    twice, _ = after(once, REQUESTED)
    assert twice == once


def test_where_the_issue_is_gone_its_open_pull_request_is_told() -> None:
    gone = ev.IssueGone(reason="the issue was deleted", only_the_issue=True)
    decision = decide(in_review(), gone, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.CANCELLED
    assert [number for number, _ in said(decision)] == [make.PULL.number]
    merged, _ = after(decision.job, MERGED)
    assert merged.status is JobStatus.PROMOTED


@pytest.mark.parametrize(
    "reason", ["the App was uninstalled", "the repository was archived", "the repository was deleted"]
)
def test_where_nothing_can_be_written_nothing_is_tried(reason: str) -> None:
    for job in (at_preview(), in_review(), make.job(JobStatus.RUNNING)):
        decision = decide(job, ev.IssueGone(reason=reason), make.facts())
        assert decision.job is not None
        assert decision.job.status is JobStatus.CANCELLED
        assert decision.effects == ()


ARCHIVED = ev.IssueGone(reason="the repository was archived")


def test_a_question_that_outlived_an_archive_is_answered_as_ever() -> None:
    waiting = make.job(JobStatus.PENDING_USER_INPUT, make.at_clarify(), checkpoint_comment_id=500)
    answered, words = after(waiting, (ARCHIVED, Role.NONE), (make.comment("One.", make.RILEY, 501), Role.READ))
    assert (answered.status, answered.ended_reason, words) == (JobStatus.RUNNING, "", [])
    deleted = ev.IssueGone(reason="the issue was deleted", only_the_issue=True)
    gone, _ = after(waiting, (deleted, Role.NONE), (make.comment("One.", make.RILEY, 501), Role.READ))
    assert gone.status is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("job", "spoken"),
    [
        (make.job(JobStatus.RUNNING), (make.comment("And now?", make.RILEY, 501), Role.READ)),
        (in_review(), REQUESTED),
    ],
    ids=["while it ran", "in review"],
)
def test_who_speaks_where_the_work_had_to_stop_is_told_once_how_it_goes_on(
    job: Job, spoken: tuple[ev.Event, Role]
) -> None:
    _, words = after(job, (ARCHIVED, Role.NONE), spoken, spoken)
    assert len(words) == 1
    assert "I had to stop here: The repository was archived. `/skill retry` by" in words[0]
    _, strangers = after(job, (ARCHIVED, Role.NONE), (make.comment("Hm.", make.SAM, 501), Role.NONE))
    assert strangers == []


def test_a_request_that_was_out_of_reach_goes_on_by_retry() -> None:
    gone = decide(at_preview(), ev.IssueGone(reason="the repository was archived"), make.facts()).job
    back, _ = after(gone, (make.comment("/skill retry", make.MORGAN, 501), Role.ADMIN))
    assert back.status is JobStatus.PENDING_HITL


def test_a_question_that_a_lock_kept_back_is_asked_when_the_conversation_is_open_again() -> None:
    asked = decide(make.job(), make.ended(make.at_clarify()), make.facts())
    assert asked.job is not None
    locked = fx.Refused(code="locked", reason="The conversation is locked.")
    job = settle(asked.job, asked.effects[0], locked, make.facts()).job
    assert job is not None
    assert job.checkpoint_comment_id == 0
    again = decide(job, ev.Unlocked(actor=make.MORGAN), make.facts())
    [status] = [effect for effect in asked.effects if isinstance(effect, fx.ShowStatus)]
    assert again.effects == (asked.effects[0], status), "what was refused is said, and the status shown, once more"


def test_a_permission_that_was_withdrawn_in_the_middle_counts_at_once() -> None:
    job, _ = after(at_preview(), (make.comment("/skill refine Shorter.", make.MORGAN, 501), Role.WRITE))
    waiting = decide(job, make.ended(make.at_preview(2)), make.facts()).job
    refused, words = after(waiting, (make.comment("/skill approve", make.MORGAN, 900), Role.READ))
    assert refused.status is JobStatus.PENDING_HITL
    assert "write permission" in words[0]


def test_plain_words_on_the_pull_request_are_for_people() -> None:
    job = in_review()
    assert decide(job, make.comment("Nice!", make.MORGAN, 501, 13), make.facts()) == Decision(job)


def test_a_command_on_the_pull_request_is_answered_there() -> None:
    decision = decide(in_review(), make.comment("/skill status", make.SAM, 501, 13), make.facts(make.SAM))
    assert [number for number, _ in said(decision)] == [13]
    refused = decide(in_review(), make.comment("/skill cancel", make.SAM, 504, 13), make.facts(make.SAM))
    assert [number for number, _ in said(refused)] == [13]
    refined = decide(in_review(), make.comment("/skill refine Shorter.", make.MORGAN, 502, 13), make.facts())
    assert refined.job is not None
    assert refined.job.status is JobStatus.RUNNING
