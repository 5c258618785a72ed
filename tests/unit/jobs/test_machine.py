"""The state machine as a person meets it: what each event makes of the job, and what is written because of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs import effects as fx
from bot.jobs import events as ev
from bot.jobs.decision import Decision, Facts
from bot.jobs.job import ENDED, TRANSITIONS, WAITING, Job, JobStatus, Role
from bot.jobs.machine import decide, queue_after, settle, status_body
from bot.repo_config import RepoConfig
from pipeline.journey import Failure, Journey
from pipeline.models import Change, Feedback, ReportedFinding
from tests.unit.jobs import builders as make


def kinds(decision: Decision) -> list[str]:
    return [effect.kind for effect in decision.effects]


def said(decision: Decision) -> str:
    return "\n".join(effect.body for effect in decision.effects if isinstance(effect, fx.Say))


def reactions(decision: Decision) -> list[str]:
    return [effect.content for effect in decision.effects if isinstance(effect, fx.React)]


def waiting_at_preview(**changes: object) -> Job:
    return make.job(JobStatus.PENDING_HITL, make.at_preview(), checkpoint_comment_id=500, **changes)


def waiting_at_clarify(**changes: object) -> Job:
    return make.job(JobStatus.PENDING_USER_INPUT, make.at_clarify(), checkpoint_comment_id=500, **changes)


def in_review() -> Job:
    journey = make.completed().model_copy(update={"in_review": True})
    return make.job(JobStatus.IN_REVIEW, journey, pull=make.PULL)


# --- beginning ----------------------------------------------------------------------------------------------------


def test_the_label_put_on_by_a_maintainer_starts_the_job() -> None:
    decision = decide(None, make.labelled(make.MORGAN), make.facts(make.MORGAN))
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    assert kinds(decision) == ["react", "show_status", "set_state"]


def test_the_label_put_on_by_the_requester_waits_for_somebody_who_may_spend_money() -> None:
    decision = decide(None, make.labelled(make.RILEY), make.facts(make.RILEY))
    assert decision.job is not None
    assert decision.job.status is JobStatus.QUEUED
    assert "`/skill start`" in said(decision)
    assert decision.job.expire_at is not None


def test_an_author_on_the_auto_start_list_needs_nobody() -> None:
    config = RepoConfig(auto_start=("riley",))
    decision = decide(None, make.labelled(make.RILEY), make.facts(make.RILEY, config=config))
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING


def test_a_second_label_event_changes_nothing() -> None:
    job = make.job(JobStatus.RUNNING)
    assert decide(job, make.labelled(), make.facts()) == Decision(job)


def test_other_events_on_an_issue_without_a_job_concern_nobody() -> None:
    assert decide(None, make.comment("hello"), make.facts()) == Decision(None)


def test_a_maintainer_starts_a_queued_job_by_command() -> None:
    decision = decide(make.job(JobStatus.QUEUED), make.comment("/skill start", make.MORGAN), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    assert decision.job.started_by == "morgan"
    assert "rocket" in reactions(decision)


def test_the_requester_cannot_start_a_queued_job() -> None:
    decision = decide(make.job(JobStatus.QUEUED), make.comment("/skill start"), make.facts(make.RILEY))
    assert decision.job is not None
    assert decision.job.status is JobStatus.QUEUED
    assert reactions(decision) == ["-1"]


# --- stopping and taking up -----------------------------------------------------------------------------------------


def test_removing_the_label_stops_and_putting_it_back_goes_on_where_it_was() -> None:
    stopped = decide(waiting_at_clarify(), ev.Unlabelled(actor=make.MORGAN), make.facts()).job
    assert stopped is not None
    assert stopped.status is JobStatus.CANCELLED
    again = decide(stopped, make.labelled(), make.facts()).job
    assert again is not None
    assert again.status is JobStatus.PENDING_USER_INPUT
    assert again.journey.checkpoint == make.clarify()


def test_closing_the_issue_stops_and_reopening_goes_on() -> None:
    stopped = decide(waiting_at_preview(), ev.IssueClosed(actor=make.RILEY), make.facts(make.RILEY)).job
    assert stopped is not None
    assert stopped.status is JobStatus.CANCELLED
    again = decide(stopped, ev.IssueReopened(actor=make.RILEY), make.facts(make.RILEY)).job
    assert again is not None
    assert again.status is JobStatus.PENDING_HITL


def test_closing_the_issue_while_the_pull_request_is_open_leaves_the_decision_to_it() -> None:
    job = in_review()
    assert decide(job, ev.IssueClosed(actor=make.MORGAN), make.facts()).job == job


def test_an_edited_request_counts_anew_while_its_questions_are_open() -> None:
    edited = make.REQUEST.model_copy(update={"text": "Only for tagged releases."})
    issue = make.labelled().issue.model_copy(update={"request": edited})
    decision = decide(waiting_at_clarify(), ev.RequestEdited(issue=issue, actor=make.RILEY), make.facts(make.RILEY))
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    assert decision.job.journey.request == edited
    assert decision.job.journey.checkpoint is None


def test_an_edited_request_at_the_preview_is_announced_once_and_changes_nothing_by_itself() -> None:
    edited = make.REQUEST.model_copy(update={"text": "Only for tagged releases."})
    issue = make.labelled().issue.model_copy(update={"request": edited})
    event = ev.RequestEdited(issue=issue, actor=make.RILEY)
    first = decide(waiting_at_preview(), event, make.facts(make.RILEY))
    assert "`/skill regenerate`" in said(first)
    second = decide(first.job, event, make.facts(make.RILEY))
    assert said(second) == ""


def test_silence_is_reminded_once_and_expires_and_a_late_answer_resumes() -> None:
    job = waiting_at_clarify(remind_at=make.NOW, expire_at=make.NOW + timedelta(days=11))
    reminded = decide(job, ev.TimerDue(timer="remind"), make.facts())
    assert kinds(reminded)[0] == "say"
    assert reminded.job is not None
    assert reminded.job.remind_at is None
    late = make.facts(now=make.NOW + timedelta(days=12))
    expired = decide(reminded.job, ev.TimerDue(timer="expire"), late)
    assert expired.job is not None
    assert expired.job.status is JobStatus.EXPIRED
    resumed = decide(expired.job, make.comment("One repository is enough."), make.facts(make.RILEY))
    assert resumed.job is not None
    assert resumed.job.status is JobStatus.RUNNING


def test_a_timer_that_fires_too_late_for_its_question_is_nothing() -> None:
    job = make.job(JobStatus.RUNNING)
    assert decide(job, ev.TimerDue(timer="expire"), make.facts()) == Decision(job)


# --- the conversation -----------------------------------------------------------------------------------------------


def test_a_reply_in_plain_words_answers_the_questions() -> None:
    decision = decide(waiting_at_clarify(), make.comment("One repository is enough."), make.facts(make.RILEY))
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    assert decision.job.journey.clarifications[-1].answer == "One repository is enough."
    assert reactions(decision) == ["eyes", "rocket"]


def test_words_written_before_the_question_are_not_its_answer() -> None:
    job = waiting_at_clarify()
    decision = decide(job, make.comment("Thanks for looking!", comment_id=499), make.facts(make.RILEY))
    assert decision == Decision(job)


def test_words_of_a_stranger_do_not_count_and_the_reason_is_given_once() -> None:
    job = waiting_at_clarify()
    first = decide(job, make.comment("Make it for Perl.", make.SAM), make.facts(make.SAM))
    assert first.job is not None
    assert first.job.status is JobStatus.PENDING_USER_INPUT
    assert kinds(first)[0] == "say"
    second = decide(first.job, make.comment("Please!", make.SAM, 1_001), make.facts(make.SAM))
    assert "say" not in kinds(second)


def test_a_reply_at_the_preview_refines_it() -> None:
    decision = decide(
        waiting_at_preview(), make.comment("Add a section about breaking changes."), make.facts(make.RILEY)
    )
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    assert decision.job.journey.pending_feedback[-1].text == "Add a section about breaking changes."


def test_approving_needs_write_access() -> None:
    job = waiting_at_preview()
    decision = decide(job, make.comment("/skill approve"), make.facts(make.RILEY))
    assert decision.job is not None
    assert decision.job.status is JobStatus.PENDING_HITL
    assert reactions(decision) == ["-1"]


def test_approving_binds_to_the_preview_that_is_open() -> None:
    decision = decide(waiting_at_preview(), make.comment("/skill approve", make.MORGAN), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    assert decision.job.journey.approved_digest == make.draft().digest
    assert decision.job.journey.approved_by == "morgan"


@pytest.mark.parametrize(
    ("body", "comment_id"),
    [("/skill approve deadbeef", 1_000), ("/skill approve", 400)],
    ids=["hash of another preview", "written before this preview was shown"],
)
def test_an_approval_of_a_superseded_preview_is_refused(body: str, comment_id: int) -> None:
    decision = decide(waiting_at_preview(), make.comment(body, make.MORGAN, comment_id), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.PENDING_HITL
    assert make.draft().short_digest in said(decision)


def test_an_unknown_command_gets_the_nearest_match() -> None:
    decision = decide(waiting_at_preview(), make.comment("/skill aprove", make.MORGAN), make.facts())
    assert "`/skill approve" in said(decision)
    assert reactions(decision) == ["confused"]


def test_an_edited_comment_runs_new_commands_but_never_an_approval() -> None:
    edited = ev.CommentEdited(
        actor=make.MORGAN, author=make.MORGAN, comment_id=900, before="nice", body="nice\n\n/skill approve"
    )
    decision = decide(waiting_at_preview(), edited, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.PENDING_HITL
    assert "say" in kinds(decision)


def test_an_edit_by_somebody_else_than_the_author_runs_nothing() -> None:
    edited = ev.CommentEdited(actor=make.MORGAN, author=make.RILEY, comment_id=900, before="nice", body="/skill cancel")
    job = waiting_at_preview()
    assert decide(job, edited, make.facts()) == Decision(job)


def test_an_answer_that_is_edited_while_its_question_is_open_counts_anew() -> None:
    edited = ev.CommentEdited(
        actor=make.RILEY, author=make.RILEY, comment_id=900, before="hm", body="All repositories, please."
    )
    decision = decide(waiting_at_clarify(), edited, make.facts(make.RILEY))
    assert decision.job is not None
    assert decision.job.journey.clarifications[-1].answer == "All repositories, please."


def test_deleting_a_used_answer_is_explained_once() -> None:
    job = waiting_at_preview(heard=(900,))
    deleted = ev.CommentDeleted(actor=make.RILEY, author=make.RILEY, comment_id=900)
    first = decide(job, deleted, make.facts(make.RILEY))
    assert "say" in kinds(first)
    assert "say" not in kinds(decide(first.job, deleted, make.facts(make.RILEY)))


def test_several_commands_in_one_comment_run_in_order() -> None:
    decision = decide(waiting_at_preview(), make.comment("/skill status\n/skill cancel", make.MORGAN), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.CANCELLED
    assert [effect.key.split(":")[1] for effect in decision.effects if isinstance(effect, fx.Say)] == [
        "status",
        "cancelled",
    ]


# --- the operator ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", JobStatus)
def test_the_operator_stops_what_can_be_stopped_and_takes_up_what_was(status: JobStatus) -> None:
    job = in_review().with_(status=status)
    cancelled = decide(job, ev.CancelAsked(), make.facts())
    assert cancelled.job is not None
    if status in {JobStatus.PROMOTED, JobStatus.REJECTED, JobStatus.CANCELLED}:
        assert cancelled == Decision(job)
        return
    assert (cancelled.job.status, cancelled.job.ended_reason) == (JobStatus.CANCELLED, "cancelled by the operator")
    assert "whoever runs me" in said(cancelled)
    assert ("close" in kinds(cancelled)) is (status is JobStatus.IN_REVIEW), "an open pull request is closed"
    again = decide(cancelled.job, ev.RunAgain(), make.facts()).job
    assert again is not None
    assert again.status in {JobStatus.RUNNING, JobStatus.IN_REVIEW}


# --- the pipeline comes back ----------------------------------------------------------------------------------------


def test_questions_are_put_up_in_one_comment_and_the_job_waits() -> None:
    decision = decide(make.job(), make.ended(make.at_clarify()), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.PENDING_USER_INPUT
    assert kinds(decision) == ["say", "show_status", "set_state"]
    settled = settle(decision.job, decision.effects[0], fx.Done(remote_id=777), make.facts()).job
    assert settled is not None
    assert settled.checkpoint_comment_id == 777


def test_a_new_preview_supersedes_the_old_one() -> None:
    first = decide(make.job(), make.ended(make.at_preview(1)), make.facts()).job
    assert first is not None
    running = first.moved(JobStatus.RUNNING)
    other = make.draft("# Release notes\n\nCollect.\n")
    decision = decide(running, make.ended(make.at_preview(2, other)), make.facts())
    assert kinds(decision)[:2] == ["amend", "say"]
    amended = decision.effects[0]
    assert isinstance(amended, fx.Amend)
    assert first.shown_preview is not None
    assert amended.said == first.shown_preview.key


def test_a_failure_is_one_sentence_and_can_be_retried() -> None:
    failed = Journey(
        request=make.REQUEST,
        status="failed",
        failure=Failure(code="rate_limited", message="The model's provider is overloaded.", retryable=True),
    )
    decision = decide(make.job(), make.ended(failed), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.FAILED
    assert "overloaded" in said(decision)
    retried = decide(decision.job, make.comment("/skill retry", make.MORGAN), make.facts()).job
    assert retried is not None
    assert retried.status is JobStatus.RUNNING
    assert retried.journey.status == "running"


def test_what_was_approved_and_validated_is_published() -> None:
    decision = decide(make.job(), make.ended(make.completed()), make.facts())
    publish = decision.effects[0]
    assert isinstance(publish, fx.Publish)
    assert publish.draft == make.draft()
    assert publish.branch == "skill/issue-12"
    assert "Closes #12" in publish.body


def test_bytes_that_nobody_approved_are_never_published() -> None:
    sneaky = make.completed().model_copy(update={"validation": make.validation(make.draft("# Other\n"))})
    with pytest.raises(AssertionError, match="not the approved one"):
        decide(make.job(), make.ended(sneaky), make.facts())


def test_publishing_leads_to_review_with_a_check_and_one_comment() -> None:
    job = decide(make.job(), make.ended(make.completed()), make.facts())
    assert job.job is not None
    publish = job.effects[0]
    result = fx.Published(pull_number=13, head_sha="a" * 40, url="https://github.test/acme/skills/pull/13")
    decision = settle(job.job, publish, result, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.IN_REVIEW
    assert decision.job.pull is not None
    assert decision.job.pull.number == 13
    assert kinds(decision) == ["check", "say", "show_status", "set_state"]


def test_the_last_status_written_is_the_newest() -> None:
    job, made = apply(
        make.job(), make.ended(make.completed()), make.facts(), fx.Published(pull_number=13, head_sha="a" * 40, url="")
    )
    assert job is not None
    shown = [effect for effect in made if isinstance(effect, fx.ShowStatus)]
    assert [status.body for status in shown] == [status_body(job, make.facts())]
    assert [effect.label for effect in made if isinstance(effect, fx.SetState)] == ["skill:in-review"]


def test_a_refused_publication_is_explained_and_can_be_retried() -> None:
    job = decide(make.job(), make.ended(make.completed()), make.facts())
    assert job.job is not None
    refused = fx.Refused(code="conflict", reason="The branch has other changes to this skill.")
    decision = settle(job.job, job.effects[0], refused, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.FAILED
    assert "say" in kinds(decision)


# --- review and promotion -------------------------------------------------------------------------------------------


def test_line_comments_of_a_maintainer_become_feedback_on_the_file() -> None:
    event = ev.LineCommented(
        actor=make.MORGAN,
        author=make.MORGAN,
        comment_id=42,
        path="skills/release-notes/SKILL.md",
        line=7,
        body="Say which command collects them.",
    )
    decision = decide(in_review(), event, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING
    feedback = decision.job.journey.pending_feedback[-1]
    assert (feedback.path, feedback.line, feedback.source) == ("SKILL.md", 7, "review_comment:42")


def test_feedback_during_a_running_refinement_waits_for_its_end() -> None:
    job = in_review().moved(JobStatus.RUNNING)
    event = ev.Reviewed(actor=make.MORGAN, review_id=5, state="changes_requested", body="Shorter, please.")
    waiting = decide(job, event, make.facts()).job
    assert waiting is not None
    assert [feedback.text for feedback in waiting.deferred] == ["Shorter, please."]
    journey = make.completed().model_copy(update={"in_review": True})
    published = decide(waiting, make.ended(journey), make.facts())
    assert published.job is not None
    result = fx.Published(pull_number=13, head_sha="b" * 40, url="")
    after = settle(published.job, published.effects[0], result, make.facts()).job
    assert after is not None
    assert after.status is JobStatus.RUNNING
    assert after.deferred == []
    assert after.journey.pending_feedback[-1].text == "Shorter, please."


def test_review_comments_of_people_without_write_access_change_nothing() -> None:
    job = in_review()
    event = ev.Reviewed(actor=make.SAM, review_id=5, state="changes_requested", body="Rewrite it.")
    assert decide(job, event, make.facts(make.SAM)) == Decision(job)


def test_the_requester_who_may_not_review_is_told_once_how_to_ask_for_changes() -> None:
    told = ev.Reviewed(actor=make.RILEY, review_id=6, state="changes_requested", body="Shorter.")
    first = decide(in_review(), told, make.facts(make.RILEY))
    assert [
        (each.number, "`/skill refine TEXT`" in each.body) for each in first.effects if isinstance(each, fx.Say)
    ] == [(13, True)]
    assert first.job is not None
    assert first.job.status is JobStatus.IN_REVIEW
    again = ev.LineCommented(
        actor=make.RILEY, author=make.RILEY, comment_id=7, path="skills/release-notes/SKILL.md", line=1, body="Shorter."
    )
    assert said(decide(first.job, again, make.facts(make.RILEY))) == ""


def test_a_refinement_answers_in_the_thread() -> None:
    journey = make.completed().model_copy(update={"in_review": True})
    changes = [
        Change(request="Say which command", outcome="applied", source="review_comment:42"),
        Change(request="Shorter", outcome="rejected", note="It has four lines.", source="review:5"),
    ]
    journey = journey.model_copy(update={"generation": make.generation().model_copy(update={"changes": changes})})
    running = in_review().moved(JobStatus.RUNNING)
    published = decide(running, make.ended(journey), make.facts())
    assert published.job is not None
    result = fx.Published(pull_number=13, head_sha="b" * 40, url="")
    decision = settle(published.job, published.effects[0], result, make.facts())
    replies = [effect for effect in decision.effects if isinstance(effect, fx.ReplyInThread)]
    assert [reply.comment_id for reply in replies] == [42]
    assert "four lines" in said(decision)


def test_merging_promotes_and_closes_the_issue() -> None:
    event = ev.PullMerged(actor=make.MORGAN, number=13, merge_sha="c" * 40)
    decision = decide(in_review(), event, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.PROMOTED
    assert kinds(decision) == ["say", "close", "show_status", "set_state"]


def test_closing_without_merging_rejects_and_retry_puts_the_preview_up_again() -> None:
    rejected = decide(in_review(), ev.PullClosed(actor=make.MORGAN, number=13), make.facts()).job
    assert rejected is not None
    assert rejected.status is JobStatus.REJECTED
    again = decide(rejected, make.comment("/skill retry", make.MORGAN), make.facts()).job
    assert again is not None
    assert again.status is JobStatus.RUNNING
    assert again.reopening
    assert again.journey.approved_digest == ""


def test_commits_of_people_are_checked_and_our_own_are_not_checked_twice() -> None:
    job = in_review()
    foreign = ev.PullPushed(actor=make.MORGAN, number=13, head_sha="d" * 40)
    assert kinds(decide(job, foreign, make.facts())) == ["check"]
    ours = ev.PullPushed(actor=make.MORGAN, number=13, head_sha=make.PULL.head_sha)
    assert decide(job, ours, make.facts()) == Decision(job)


# --- invariants ----------------------------------------------------------------------------------------------------

ACTORS = st.sampled_from([make.RILEY, make.MORGAN, make.SAM])
BODIES = st.sampled_from(
    ["fine with me", "", *(f"/skill {verb}" for verb in (
        "help", "status", "start", "answer One", "skip", "accept", "rename other-name", "approve", "approve deadbeef",
        "revise Shorter", "refine Shorter", "cancel", "retry", "regenerate", "bogus"))]
)  # fmt: skip
COMMENT_IDS = st.integers(min_value=1, max_value=2_000)


@st.composite
def events(draw: st.DrawFn) -> ev.Event:
    actor = draw(ACTORS)
    edited = make.REQUEST.model_copy(update={"text": draw(st.sampled_from(["a", "b"]))})
    issue = make.labelled().issue.model_copy(update={"request": edited})
    number = draw(st.sampled_from([13, 14]))
    sha = draw(st.sampled_from(["a" * 40, "e" * 40]))
    body, comment_id = draw(BODIES), draw(COMMENT_IDS)
    journey = draw(
        st.sampled_from(
            [
                make.at_clarify(),
                make.at_preview(),
                make.completed(),
                Journey(
                    request=make.REQUEST, status="failed", failure=Failure(code="x", message="No.", retryable=True)
                ),
            ]
        )
    )
    choices: list[ev.Event] = [
        make.labelled(actor),
        ev.Unlabelled(actor=actor),
        ev.RequestEdited(issue=issue, actor=actor),
        ev.IssueClosed(actor=actor),
        ev.IssueReopened(actor=actor),
        make.comment(body, actor, comment_id),
        ev.CommentEdited(actor=actor, author=actor, comment_id=comment_id, before="", body=body),
        ev.CommentDeleted(actor=actor, author=actor, comment_id=comment_id),
        ev.Reviewed(actor=actor, review_id=comment_id, state="changes_requested", body=body),
        ev.LineCommented(
            actor=actor, author=actor, comment_id=comment_id, path="skills/release-notes/SKILL.md", line=1, body="x"
        ),
        ev.PullMerged(actor=actor, number=number, merge_sha=sha, into=draw(st.sampled_from(["", "develop"]))),
        ev.PullClosed(actor=actor, number=number),
        ev.PullReopened(actor=actor, number=number, head_sha=sha),
        ev.PullPushed(actor=actor, number=number, head_sha=sha),
        ev.CheckRequested(actor=actor, head_sha=sha),
        ev.BasePushed(paths=None),
        ev.Compared(head_sha=sha, conflicts=draw(st.sampled_from([True, False, None]))),
        ev.IssueGone(reason="the repository was archived", only_the_issue=draw(st.booleans())),
        ev.Unlocked(actor=actor),
        ev.TimerDue(timer=draw(st.sampled_from(["remind", "expire", "look"]))),
        ev.RunAgain(),
        ev.CancelAsked(),
        make.ended(journey),
    ]
    return draw(st.sampled_from(choices))


RESULTS = st.sampled_from(
    [
        fx.Published(pull_number=13, head_sha="a" * 40, url=""),
        fx.Refused(code="conflict", reason="Somebody else changed it."),
    ]
)


def apply(
    job: Job | None, event: ev.Event, facts: Facts, result: fx.EffectResult
) -> tuple[Job | None, list[fx.Effect]]:
    """Decide, and let every write have an outcome."""
    decision = decide(job, event, facts)
    made: list[fx.Effect] = []
    queue = list(decision.effects)
    current = decision.job
    while queue and current is not None:
        effect = queue.pop(0)
        made.append(effect)
        outcome = result if isinstance(effect, fx.Publish) else fx.Done(remote_id=500)
        after = settle(current, effect, outcome, facts)
        current = after.job
        queue = queue_after(after.effects, queue)
    return current, made


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(events(), RESULTS), max_size=25))
def test_no_sequence_of_events_leaves_the_transition_table(steps: list[tuple[ev.Event, fx.EffectResult]]) -> None:
    job: Job | None = None
    for position, (event, result) in enumerate([(make.labelled(), fx.Done()), *steps]):
        actor = getattr(event, "actor", make.MORGAN)
        before = job
        now = make.NOW + timedelta(days=position)
        job, made = apply(job, event, make.facts(actor, event_id=position, now=now), result)
        assert job is not None
        keys = [effect.key for effect in made if not isinstance(effect, fx.ShowStatus)]
        assert len(keys) == len(set(keys)), "a key is written once"
        assert (job.expire_at is not None) == (job.status in WAITING or job.status is JobStatus.QUEUED)
        if before is not None and before.status in {JobStatus.CANCELLED, JobStatus.PROMOTED, JobStatus.REJECTED}:
            revived = job.status is not before.status
            writes = {effect.kind for effect in made}
            assert revived or writes <= {"say", "react", "show_status", "set_state"}, "an ended job only talks"
        if before is not None and before.status is JobStatus.PROMOTED:
            assert job.status is JobStatus.PROMOTED


def test_every_status_is_in_the_transition_table_and_promotion_is_final() -> None:
    assert set(TRANSITIONS) == set(JobStatus)
    assert TRANSITIONS[JobStatus.PROMOTED] == frozenset()
    assert set(JobStatus) > WAITING | ENDED


def test_a_fault_of_ours_that_keeps_coming_back_stops_with_one_sentence() -> None:
    decision = decide(make.job(), ev.GaveUp(reason="tried 10 times"), make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.FAILED
    assert "`/skill retry`" in said(decision)
    assert decide(waiting_at_preview(), ev.GaveUp(reason="x"), make.facts()).effects == ()


# --- what a repository decided --------------------------------------------------------------------------------------


def test_a_code_owner_of_the_folder_may_approve_without_write_access() -> None:
    facts = make.facts(make.RILEY, code_owners=("riley",))
    decision = decide(waiting_at_preview(), make.comment("/skill approve"), facts)
    assert decision.job is not None
    assert decision.job.status is JobStatus.RUNNING


def test_a_code_owner_who_cannot_even_read_the_repository_may_not() -> None:
    facts = make.facts(make.SAM, code_owners=("sam",))
    decision = decide(waiting_at_preview(), make.comment("/skill approve", make.SAM), facts)
    assert decision.job is not None
    assert decision.job.status is JobStatus.PENDING_HITL


def test_where_the_requester_may_not_approve_somebody_else_has_to() -> None:
    config = RepoConfig(requester_may_approve=False)
    own = decide(
        waiting_at_preview(),
        make.comment("/skill approve"),
        make.facts(role=Role.ADMIN, actor=make.RILEY, config=config),
    )
    assert own.job is not None
    assert own.job.status is JobStatus.PENDING_HITL
    assert "somebody other than the requester" in said(own)
    other = decide(own.job, make.comment("/skill approve", make.MORGAN, 1_001), make.facts(config=config))
    assert other.job is not None
    assert other.job.status is JobStatus.RUNNING


def test_reminders_are_left_out_where_only_outcomes_are_wanted() -> None:
    config = RepoConfig(notifications="outcomes")
    job = waiting_at_clarify(remind_at=make.NOW, expire_at=make.NOW + timedelta(days=11))
    reminded = decide(job, ev.TimerDue(timer="remind"), make.facts(config=config))
    assert said(reminded) == ""
    late = make.facts(config=config, now=make.NOW + timedelta(days=12))
    assert "Nobody answered" in said(decide(reminded.job, ev.TimerDue(timer="expire"), late))


def test_nobody_is_mentioned_where_the_repository_wants_it_quiet() -> None:
    config = RepoConfig(notifications="none")
    asked = said(decide(make.job(), make.ended(make.at_clarify()), make.facts(config=config)))
    assert "`riley`" in asked
    assert "@riley" not in asked
    denied = said(
        decide(waiting_at_preview(), make.comment("/skill cancel", make.SAM), make.facts(make.SAM, config=config))
    )
    assert denied.startswith("`sam`")


def test_a_request_that_nobody_started_expires_and_can_still_be_started() -> None:
    queued = make.job(JobStatus.QUEUED, expire_at=make.NOW).with_(started_by="")
    expired = decide(queued, ev.TimerDue(timer="expire"), make.facts())
    assert "`/skill start`" in said(expired)
    assert expired.job is not None
    assert "`/skill start`" in status_body(expired.job, make.facts())
    started = decide(expired.job, make.comment("/skill start", make.MORGAN), make.facts()).job
    assert started is not None
    assert started.status is JobStatus.RUNNING


def test_the_announced_expiry_is_the_one_that_happens() -> None:
    waiting = decide(make.job(), make.ended(make.at_clarify()), make.facts()).job
    assert waiting is not None
    assert waiting.expire_at == make.NOW + timedelta(days=RepoConfig().expire_after_days)
    assert "18 May 2026" in status_body(waiting, make.facts())
    reminded = decide(waiting, ev.TimerDue(timer="remind"), make.facts(now=make.NOW + timedelta(days=3)))
    assert "18 May 2026" in said(reminded)


def test_the_requester_is_credited_by_number_in_the_commit() -> None:
    first = decide(None, make.labelled(make.MORGAN), make.facts(make.MORGAN)).job
    assert first is not None
    for web, host in (("https://github.com", "github.com"), ("https://git.acme.test", "git.acme.test")):
        facts = replace(make.facts(), web=web)
        published = decide(first.with_(journey=first.journey), make.ended(make.completed()), facts)
        publish = next(effect for effect in published.effects if isinstance(effect, fx.Publish))
        assert publish.commit_message.splitlines()[-1] == f"Co-authored-by: riley <11+riley@users.noreply.{host}>"


def test_a_pull_request_reopened_in_the_middle_of_a_refinement_goes_on_with_it() -> None:
    journey = make.completed().model_copy(update={"in_review": True, "status": "running", "phase": "generation"})
    job = make.job(JobStatus.RUNNING, journey, pull=make.PULL, deferred=[Feedback(text="More.", by="morgan")])
    closed = decide(job, ev.PullClosed(actor=make.MORGAN, number=13), make.facts()).job
    again = ev.PullReopened(actor=make.MORGAN, number=13, head_sha=make.PULL.head_sha)
    after = decide(closed, again, make.facts()).job
    assert after is not None
    assert after.status is JobStatus.RUNNING
    assert [words.text for words in after.deferred] == ["More."]


def test_a_pull_request_reopened_with_new_commits_has_them_checked() -> None:
    journey = make.completed().model_copy(update={"in_review": True})
    job = make.job(JobStatus.REJECTED, journey, pull=make.PULL)
    again = ev.PullReopened(actor=make.MORGAN, number=13, head_sha="b" * 40)
    decision = decide(job, again, make.facts())
    assert decision.job is not None
    assert decision.job.status is JobStatus.IN_REVIEW
    assert [effect.head_sha for effect in decision.effects if isinstance(effect, fx.Check)] == ["b" * 40]


def test_what_a_preview_leaves_out_is_kept_as_a_file() -> None:
    long = make.draft("# Release notes\n\n" + "All of it counts.\n" * 5_000)
    journey = make.at_preview(of=long)
    job = make.job(JobStatus.RUNNING, journey.model_copy(update={"status": "running"}))
    [said] = [effect for effect in decide(job, make.ended(journey), make.facts()).effects if isinstance(effect, fx.Say)]
    assert said.rest is not None
    assert said.rest.name == f"preview-{long.short_digest}.md"
    assert long.skill_content.strip() in said.rest.text
    short = decide(make.job(JobStatus.RUNNING), make.ended(make.at_preview()), make.facts()).effects
    assert [effect.rest for effect in short if isinstance(effect, fx.Say)] == [None]


def test_a_report_longer_than_the_description_is_kept_as_a_file() -> None:
    finding = ReportedFinding(rule="X", severity="info", message="m" * 300, file="SKILL.md", line=1, column=1)
    checked = make.validation().model_copy(update={"findings": [finding] * 60})
    journey = make.completed().model_copy(update={"validation": checked})
    effects = decide(make.job(JobStatus.RUNNING), make.ended(journey), make.facts()).effects
    [publish] = [effect for effect in effects if isinstance(effect, fx.Publish)]
    assert publish.rest is not None
    assert publish.rest.text.count("| 💡 hint |") == 60


@pytest.mark.parametrize("journey", [make.at_preview()], ids=["preview"])
def test_agreement_in_plain_words_is_told_what_approves_and_costs_no_round(journey: Journey) -> None:
    job = make.job(JobStatus.PENDING_HITL, journey, checkpoint_comment_id=500)
    first = decide(job, make.comment("LGTM, thanks!", make.RILEY, 501), make.facts(make.RILEY))
    assert first.job is not None
    assert (first.job.status, first.job.journey) == (JobStatus.PENDING_HITL, journey)
    assert f"`/skill approve {make.draft().digest[:8]}`" in said(first)
    again = decide(first.job, make.comment("👍", make.RILEY, 502), make.facts(make.RILEY))
    assert said(again) == "", "once for each preview"
    stranger = decide(job, make.comment("LGTM", make.SAM, 503), make.facts(make.SAM))
    assert "I cannot do that for you" in said(stranger)


def test_thanks_are_no_answer_to_a_question() -> None:
    job = make.job(JobStatus.PENDING_USER_INPUT, make.at_clarify(), checkpoint_comment_id=500)
    assert decide(job, make.comment("Thanks!", make.RILEY, 501), make.facts(make.RILEY)).job == job
    answered = decide(job, make.comment("Yes", make.RILEY, 502), make.facts(make.RILEY)).job
    assert answered is not None
    assert answered.status is JobStatus.RUNNING


def test_a_command_in_backticks_is_told_once_to_be_written_plainly() -> None:
    job = make.job(JobStatus.PENDING_HITL, make.at_preview(), checkpoint_comment_id=500)
    first = decide(job, make.comment("`/skill approve`", make.MORGAN, 501), make.facts())
    assert "without the backticks" in said(first)
    assert first.job is not None
    assert first.job.status is JobStatus.PENDING_HITL
    assert said(decide(first.job, make.comment("`/skill cancel`", make.MORGAN, 502), make.facts())) == ""
