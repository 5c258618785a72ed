"""From a stored delivery to what it means for a job, or None. Pure: the same row always means the same.

Who did it (`sender`) and who wrote it (`author`) are kept apart: authority belongs to the first alone. What we did
ourselves and what other bots say is no news. Fields we do not know are ignored; a payload that lacks what its event
must have is logged by the caller and means nothing.
"""

from collections.abc import Callable
from typing import Literal, cast

from pydantic import ValidationError

from bot.comments import reasons
from bot.credentials import scrub
from bot.jobs import events as ev
from bot.jobs import payloads
from bot.jobs.identity import BotIdentity
from bot.jobs.issue_form import read_request
from bot.jobs.job import Actor, Repository
from bot.jobs.payloads import Payload

__all__ = ["BotIdentity", "interpret", "repository_of"]

MAX_BODY = 70_000
ReviewState = Literal["approved", "changes_requested", "commented", "dismissed"]


class Reading:
    """A payload with the two facts that decide what it means."""

    def __init__(self, payload: Payload, label: str, bot: BotIdentity) -> None:
        self.payload = payload
        self.label = label
        self.bot = bot

    @property
    def actor(self) -> Actor:
        return (self.payload.sender or payloads.NOBODY).actor

    @property
    def is_by_us(self) -> bool:
        return self.bot.is_login(self.actor.login)

    def is_ours(self, app: payloads.AppRef | None) -> bool:
        return app is not None and app.id == self.bot.app_id

    def is_request_label(self, name: str) -> bool:
        return name.casefold() == self.label.casefold()


class DamagedEventError(ValueError):
    """What is stored of an event is not what was stored: `skill-fleet inbox show` has it, `drop` lets it go."""


def interpret(row: ev.InboxRow, *, label: str, bot: BotIdentity) -> ev.Event | None:
    """The event in `row`, judged with the repository's request label and our own identity. Raises DamagedEventError."""
    payload = parse(row)
    reader = _READERS.get((row.event, row.action))
    if payload is None or reader is None:
        return None
    return reader(Reading(payload, label, bot))


def parse(row: ev.InboxRow) -> Payload | None:
    """The row's payload; None when it is not what GitHub documents.

    Raises DamagedEventError when it is not even an object: only those are stored.
    """
    try:
        return Payload.model_validate_json(row.body)
    except ValidationError as error:
        if any(not problem["loc"] for problem in error.errors(include_input=False, include_url=False)):
            raise DamagedEventError(
                f"event {row.id} ({row.event}.{row.action}): its stored payload is damaged"
            ) from None
        return None


def repository_of(row: ev.InboxRow) -> Repository | None:
    """Where the delivery came from; None for events without repository or installation. Raises DamagedEventError."""
    payload = parse(row)
    if payload is None or payload.repository is None or payload.installation is None:
        return None
    return _repository(payload.repository, payload.installation.id)


def _repository(repository: payloads.Repository, installation_id: int) -> Repository:
    return Repository(
        id=repository.id,
        owner=repository.owner.login,
        name=repository.name,
        installation_id=installation_id,
        default_branch=repository.default_branch,
        private=repository.private,
    )


# --- issues ----------------------------------------------------------------------------------------------------------


def _snapshot(issue: payloads.Issue) -> ev.IssueSnapshot:
    return ev.IssueSnapshot(
        number=issue.number,
        title=issue.title,
        author=issue.author.actor,
        labels=issue.label_names,
        open=issue.state == "open",
        request=read_request(issue.title, issue.body or "", issue.author.login),
    )


def _opened(reading: Reading) -> ev.Event | None:
    issue = _plain_issue(reading)
    if issue is None or not any(map(reading.is_request_label, issue.label_names)):
        return None
    return _ensure(reading, issue)


def _labeled(reading: Reading) -> ev.Event | None:
    issue, label = _plain_issue(reading), reading.payload.label
    if issue is None or label is None or not reading.is_request_label(label.name):
        return None
    return _ensure(reading, issue)


def _ensure(reading: Reading, issue: payloads.Issue) -> ev.Event | None:
    payload = reading.payload
    if payload.repository is None or payload.installation is None or reading.is_by_us:
        return None
    repository = _repository(payload.repository, payload.installation.id)
    return ev.Labelled(repository=repository, issue=_snapshot(issue), actor=reading.actor)


def _unlabeled(reading: Reading) -> ev.Event | None:
    issue, label = _plain_issue(reading), reading.payload.label
    if issue is None or label is None or not reading.is_request_label(label.name) or reading.is_by_us:
        return None
    return ev.Unlabelled(actor=reading.actor)


def _issue_edited(reading: Reading) -> ev.Event | None:
    issue = _plain_issue(reading)
    if issue is None or reading.is_by_us:
        return None
    return ev.RequestEdited(issue=_snapshot(issue), actor=reading.actor)


def _issue_closed(reading: Reading) -> ev.Event | None:
    if _plain_issue(reading) is None or reading.is_by_us:
        return None
    return ev.IssueClosed(actor=reading.actor)


def _issue_reopened(reading: Reading) -> ev.Event | None:
    if _plain_issue(reading) is None or reading.is_by_us:
        return None
    return ev.IssueReopened(actor=reading.actor)


def _gone(reason: str, *, only_the_issue: bool = False) -> Callable[[Reading], ev.Event | None]:
    return lambda reading: ev.IssueGone(reason=reason, only_the_issue=only_the_issue)


def _unlocked(reading: Reading) -> ev.Event | None:
    return ev.Unlocked(actor=reading.actor) if _plain_issue(reading) is not None else None


def _plain_issue(reading: Reading) -> payloads.Issue | None:
    """The issue, unless it is a pull request in disguise."""
    issue = reading.payload.issue
    return issue if issue is not None and issue.pull_request is None else None


# --- comments and reviews --------------------------------------------------------------------------------------------


def _is_a_person(reading: Reading, comment: payloads.Comment) -> bool:
    """Neither we nor another App wrote it or did it."""
    if reading.is_ours(comment.performed_via_github_app):
        return False
    people = (comment.author.actor, reading.actor)
    return not any(person.type == "Bot" or reading.bot.is_login(person.login) for person in people)


def _pull_number(reading: Reading) -> int | None:
    issue = reading.payload.issue
    return issue.number if issue is not None and issue.pull_request is not None else None


def _commented(reading: Reading) -> ev.Event | None:
    comment = reading.payload.comment
    if comment is None or reading.payload.issue is None or not _is_a_person(reading, comment):
        return None
    return ev.Commented(
        actor=reading.actor,
        author=comment.author.actor,
        comment_id=comment.id,
        body=_text(comment.body),
        pull_number=_pull_number(reading),
    )


def _comment_edited(reading: Reading) -> ev.Event | None:
    comment, changes = reading.payload.comment, reading.payload.changes
    if comment is None or reading.payload.issue is None or not _is_a_person(reading, comment):
        return None
    before = changes.body.from_ if changes is not None and changes.body is not None else _text(comment.body)
    if _text(before) == _text(comment.body):
        return None
    return ev.CommentEdited(
        actor=reading.actor,
        author=comment.author.actor,
        comment_id=comment.id,
        body=_text(comment.body),
        before=_text(before),
        pull_number=_pull_number(reading),
    )


def _comment_deleted(reading: Reading) -> ev.Event | None:
    comment = reading.payload.comment
    if comment is None or reading.is_by_us:
        return None
    return ev.CommentDeleted(actor=reading.actor, author=comment.author.actor, comment_id=comment.id)


def _reviewed(reading: Reading) -> ev.Event | None:
    review, pull = reading.payload.review, reading.payload.pull_request
    if review is None or pull is None or reading.is_by_us or reading.actor.type == "Bot":
        return None
    state, body = review.state.lower(), _text(review.body)
    if state not in {"approved", "changes_requested", "commented", "dismissed"}:
        return None
    if not body.strip() and state != "changes_requested":
        return None
    return ev.Reviewed(actor=reading.actor, review_id=review.id, state=cast(ReviewState, state), body=body)


def _line_commented(reading: Reading) -> ev.Event | None:
    comment = reading.payload.comment
    if comment is None or reading.payload.pull_request is None or not _is_a_person(reading, comment):
        return None
    return ev.LineCommented(
        actor=reading.actor,
        author=comment.author.actor,
        comment_id=comment.id,
        path=comment.path,
        line=comment.line if comment.line is not None else comment.original_line,
        body=_text(comment.body),
        first_line=comment.start_line,
        commit_sha=comment.commit_id if comment.side == "RIGHT" and comment.line is not None else "",
    )


def _text(body: str | None) -> str:
    return scrub((body or "").replace("\r\n", "\n")[:MAX_BODY])


# --- pull requests and checks ----------------------------------------------------------------------------------------


def _pull_closed(reading: Reading) -> ev.Event | None:
    pull = reading.payload.pull_request
    if pull is None:
        return None
    if pull.merged:
        default = reading.payload.repository.default_branch if reading.payload.repository is not None else ""
        into = pull.base.ref if pull.base.ref != default else ""
        sha = pull.merge_commit_sha or ""
        return ev.PullMerged(actor=reading.actor, number=pull.number, merge_sha=sha, into=into)
    return None if reading.is_by_us else ev.PullClosed(actor=reading.actor, number=pull.number)


def _pull_reopened(reading: Reading) -> ev.Event | None:
    pull = reading.payload.pull_request
    if pull is None or reading.is_by_us:
        return None
    return ev.PullReopened(actor=reading.actor, number=pull.number, head_sha=pull.head.sha)


def _pull_pushed(reading: Reading) -> ev.Event | None:
    pull = reading.payload.pull_request
    if pull is None or reading.is_by_us:
        return None
    return ev.PullPushed(
        actor=reading.actor, number=pull.number, head_sha=pull.head.sha, conflicts=pull.mergeable is False
    )


def _base_pushed(reading: Reading) -> ev.Event | None:
    pushed = reading.payload.pushed
    return ev.BasePushed(paths=pushed.paths) if pushed is not None else None


def _check_rerequested(reading: Reading) -> ev.Event | None:
    run = reading.payload.check_run
    if run is None or not reading.is_ours(run.app):
        return None
    return ev.CheckRequested(actor=reading.actor, head_sha=run.head_sha)


def _check_action(reading: Reading) -> ev.Event | None:
    run, action = reading.payload.check_run, reading.payload.requested_action
    if run is None or action is None or not reading.is_ours(run.app):
        return None
    if action.identifier not in {"revalidate", "fix"}:
        return None
    return ev.CheckRequested(
        actor=reading.actor, head_sha=run.head_sha, action="fix" if action.identifier == "fix" else "rerun"
    )


def _suite_rerequested(reading: Reading) -> ev.Event | None:
    suite = reading.payload.check_suite
    if suite is None or not reading.is_ours(suite.app):
        return None
    return ev.CheckRequested(actor=reading.actor, head_sha=suite.head_sha)


# --- our own ---------------------------------------------------------------------------------------------------------


def _timer(reading: Reading) -> ev.Event | None:
    timer = reading.payload.timer
    return ev.TimerDue(timer=timer) if timer is not None else None


def _run_again(reading: Reading) -> ev.Event | None:
    return ev.RunAgain()


def _cancel_asked(reading: Reading) -> ev.Event | None:
    return ev.CancelAsked()


def _promoted(reading: Reading) -> ev.Event | None:
    skill = reading.payload.promoted
    return ev.SkillPromoted.model_validate(skill.model_dump()) if skill is not None else None


def _gave_up(reading: Reading) -> ev.Event | None:
    return ev.GaveUp(reason=reading.payload.reason)


_READERS: dict[tuple[str, str], Callable[[Reading], ev.Event | None]] = {
    ("issues", "opened"): _opened,
    ("issues", "labeled"): _labeled,
    ("issues", "unlabeled"): _unlabeled,
    ("issues", "edited"): _issue_edited,
    ("issues", "closed"): _issue_closed,
    ("issues", "reopened"): _issue_reopened,
    ("issues", "deleted"): _gone(reasons.issue_deleted(), only_the_issue=True),
    ("issues", "transferred"): _gone(reasons.issue_transferred(), only_the_issue=True),
    ("issues", "unlocked"): _unlocked,
    ("issue_comment", "created"): _commented,
    ("issue_comment", "edited"): _comment_edited,
    ("issue_comment", "deleted"): _comment_deleted,
    ("pull_request", "closed"): _pull_closed,
    ("pull_request", "reopened"): _pull_reopened,
    ("pull_request", "synchronize"): _pull_pushed,
    ("pull_request_review", "submitted"): _reviewed,
    ("pull_request_review_comment", "created"): _line_commented,
    ("push", ""): _base_pushed,
    ("check_run", "rerequested"): _check_rerequested,
    ("check_run", "requested_action"): _check_action,
    ("check_suite", "rerequested"): _suite_rerequested,
    ("installation", "deleted"): _gone(reasons.app_uninstalled()),
    ("installation", "suspend"): _gone(reasons.app_suspended()),
    ("installation_repositories", "removed"): _gone(reasons.app_removed()),
    ("repository", "deleted"): _gone(reasons.repository_deleted()),
    ("repository", "archived"): _gone(reasons.repository_archived()),
    (ev.OWN_EVENT, "timer"): _timer,
    (ev.OWN_EVENT, ev.RUN_AGAIN): _run_again,
    (ev.OWN_EVENT, ev.CANCEL): _cancel_asked,
    (ev.OWN_EVENT, "gave_up"): _gave_up,
    (ev.OWN_EVENT, ev.PROMOTED): _promoted,
}
