"""Reviews and review comments on pull requests."""

from dataclasses import dataclass

from bot.sandbox.errors import ApiError, invalid
from bot.sandbox.events import emit
from bot.sandbox.model import Account, Edit, Pull, Repository, Review, ReviewComment
from bot.sandbox.ops import issues
from bot.sandbox.render import accounts
from bot.sandbox.render import pulls as render
from bot.sandbox.values import JsonObject
from bot.sandbox.world import World

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@dataclass(frozen=True)
class Remark:
    """A comment on a place in the diff, before it exists."""

    path: str
    body: str
    line: int | None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    subject: str = "line"


def create_review(
    world: World, repo: Repository, pull: Pull, by: Account, event: str | None, body: str, remarks: list[Remark]
) -> Review:
    """Without an event the review stays pending: nobody else sees it and nothing is announced."""
    if event in ("APPROVE", "REQUEST_CHANGES") and by is pull.issue.user:
        word = "approve" if event == "APPROVE" else "request changes on"
        raise ApiError(422, "Unprocessable Entity", [f"Can not {word} your own pull request"])
    if event in ("REQUEST_CHANGES", "COMMENT") and not body and not remarks:
        raise ApiError(422, "Unprocessable Entity", ["Review body can't be blank"])
    places = [_place(repo, pull, remark) for remark in remarks]
    review = Review(
        id=world.ids.next("review"), user=by, body=body, state="PENDING", commit_id=pull.head_sha, submitted_at=None
    )
    pull.reviews.append(review)
    for remark, (position, hunk) in zip(remarks, places, strict=True):
        _add(world, pull, review, by, remark, position, hunk)
    if event:
        submit(world, repo, pull, review, event, None)
    return review


def submit(world: World, repo: Repository, pull: Pull, review: Review, event: str, body: str | None) -> None:
    if review.state != "PENDING":
        raise ApiError(422, "Unprocessable Entity", ["Review has already been submitted"])
    review.state = STATES[event]
    review.body = body if body is not None else review.body
    review.submitted_at = world.clock.now()
    pull.issue.updated_at = review.submitted_at
    if review.user in pull.requested_reviewers:
        pull.requested_reviewers.remove(review.user)
    _review_event(world, repo, pull, review, "submitted", review.user)
    for comment in pull.review_comments:
        if comment.review_id == review.id:
            comment_event(world, repo, pull, comment, "created", review.user, {})


def dismiss(world: World, repo: Repository, pull: Pull, review: Review, by: Account) -> None:
    if review.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise ApiError(422, "Unprocessable Entity", ["Can not dismiss a commented pull request review"])
    review.state = "DISMISSED"
    _review_event(world, repo, pull, review, "dismissed", by)


def _review_event(world: World, repo: Repository, pull: Pull, review: Review, action: str, by: Account) -> None:
    data: JsonObject = {
        "review": render.review_event(world.urls, repo, pull, review),
        "pull_request": render.simple(world.urls, repo, pull),
    }
    emit(world, "pull_request_review", action, repo, by, data)


def comment_event(
    world: World, repo: Repository, pull: Pull, comment: ReviewComment, action: str, by: Account, extra: JsonObject
) -> None:
    data: JsonObject = {
        "comment": render.review_comment(world.urls, repo, pull, comment),
        "pull_request": render.simple(world.urls, repo, pull),
        **extra,
    }
    emit(world, "pull_request_review_comment", action, repo, by, data)


def _place(repo: Repository, pull: Pull, remark: Remark) -> tuple[int | None, str]:
    """Position and hunk of a remark; raises ApiError 422 when its line is not part of the diff."""
    change = next((change for change in render.files(repo, pull) if change.path == remark.path), None)
    if change is None:
        raise invalid("PullRequestReviewComment", "pull_request_review_thread.path", "invalid")
    if remark.subject == "file":
        return None, ""
    for line, side in ((remark.line, remark.side), (remark.start_line, remark.start_side or remark.side)):
        if line is not None and render.position_of(change.patch, line, side) is None:
            field = f"pull_request_review_thread.{'line' if line == remark.line else 'start_line'}"
            raise invalid("PullRequestReviewComment", field, "custom", f"{field} must be part of the diff")
    if remark.line is None:
        raise invalid("PullRequestReviewComment", "pull_request_review_thread.line", "missing_field")
    place = render.position_of(change.patch, remark.line, remark.side)
    assert place is not None
    return place


def _add(
    world: World,
    pull: Pull,
    review: Review,
    by: Account,
    remark: Remark,
    position: int | None,
    hunk: str,
    in_reply_to: int | None = None,
) -> ReviewComment:
    now = world.clock.now()
    comment = ReviewComment(
        id=world.ids.next("comment"),
        review_id=review.id,
        user=by,
        body=remark.body,
        path=remark.path,
        commit_id=pull.head_sha,
        original_commit_id=pull.head_sha,
        diff_hunk=hunk,
        created_at=now,
        updated_at=now,
        line=remark.line,
        side=remark.side,
        position=position,
        start_line=remark.start_line,
        start_side=(remark.start_side or remark.side) if remark.start_line else None,
        subject=remark.subject,
        in_reply_to=in_reply_to,
        original_line=remark.line,
        original_position=position,
    )
    pull.review_comments.append(comment)
    pull.issue.updated_at = now
    return comment


def add_remark(world: World, repo: Repository, pull: Pull, by: Account, remark: Remark) -> ReviewComment:
    """A single comment makes a review of its own, as on GitHub."""
    create_review(world, repo, pull, by, "COMMENT", "", [remark])
    return pull.review_comments[-1]


def reply(world: World, repo: Repository, pull: Pull, by: Account, parent: ReviewComment, body: str) -> ReviewComment:
    top = parent if parent.in_reply_to is None else next(c for c in pull.review_comments if c.id == parent.in_reply_to)
    now = world.clock.now()
    review = Review(
        id=world.ids.next("review"), user=by, body="", state="COMMENTED", commit_id=pull.head_sha, submitted_at=now
    )
    pull.reviews.append(review)
    remark = Remark(top.path, body, top.line, top.side, top.start_line, top.start_side, top.subject)
    comment = _add(world, pull, review, by, remark, top.position, top.diff_hunk, top.id)
    comment.original_line, comment.original_position = top.original_line, top.original_position
    _review_event(world, repo, pull, review, "submitted", by)
    comment_event(world, repo, pull, comment, "created", by, {})
    return comment


def edit_comment(world: World, repo: Repository, pull: Pull, comment: ReviewComment, body: str, by: Account) -> None:
    before, comment.body = comment.body, body
    comment.updated_at = world.clock.now()
    comment.edits.append(Edit(comment.updated_at, by, before))
    comment_event(world, repo, pull, comment, "edited", by, {"changes": {"body": {"from": before}}})


def delete_comment(world: World, repo: Repository, pull: Pull, comment: ReviewComment, by: Account) -> None:
    pull.review_comments.remove(comment)
    comment_event(world, repo, pull, comment, "deleted", by, {})


def request_reviewers(world: World, repo: Repository, pull: Pull, wanted: list[Account], by: Account) -> None:
    if pull.issue.user in wanted:
        raise ApiError(422, "Review cannot be requested from pull request author.")
    for account in wanted:
        if account not in pull.requested_reviewers:
            pull.requested_reviewers.append(account)
            extra: JsonObject = {"requested_reviewer": accounts.user(world.urls, account)}
            issues.announce(world, repo, pull.issue, "review_requested", by, extra)


def remove_reviewers(world: World, repo: Repository, pull: Pull, unwanted: list[Account], by: Account) -> None:
    for account in unwanted:
        if account in pull.requested_reviewers:
            pull.requested_reviewers.remove(account)
            extra: JsonObject = {"requested_reviewer": accounts.user(world.urls, account)}
            issues.announce(world, repo, pull.issue, "review_request_removed", by, extra)
