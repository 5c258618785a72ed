"""Reviews and the comments on lines of a diff."""

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import ApiError, invalid, must_be_admin, not_found
from bot.sandbox.model import Account, Pull, Repository, Review, ReviewComment, Role
from bot.sandbox.ops import reviews as ops
from bot.sandbox.render import pulls as render
from bot.sandbox.requests import Body, Reply
from bot.sandbox.routes.issues import checked_body
from bot.sandbox.routes.paging import listing
from bot.sandbox.routes.pulls import READ, WRITE

_PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"
_REVIEWS = _PULL + "/reviews"
_REVIEW = _REVIEWS + "/{review_id}"
_COMMENTS = "/repos/{owner}/{repo}/pulls/comments"
_COMMENT = _COMMENTS + "/{comment_id}"
_EVENTS = ("APPROVE", "REQUEST_CHANGES", "COMMENT")
_SIDES = ("LEFT", "RIGHT")


def _visible(call: Call, review: Review) -> bool:
    return review.state != "PENDING" or review.user is call.actor


def list_reviews(call: Call) -> Reply:
    repo = call.repo(READ)
    pull = call.pull(repo)
    found = [review for review in pull.reviews if review.state != "PENDING" or _visible(call, review)]
    return listing(call, found, lambda review: render.review(call.world.urls, repo, pull, review), repo)


def _remark(given: Body) -> ops.Remark:
    return ops.Remark(
        path=given.need_text("path"),
        body=checked_body("PullRequestReviewComment", given.need_text("body")) or "",
        line=given.integer("line") if given.has("line") else given.integer("position"),
        side=given.choice("side", _SIDES) or "RIGHT",
        start_line=given.integer("start_line"),
        start_side=given.choice("start_side", (*_SIDES, "side")),
        subject=given.choice("subject_type", ("line", "file")) or "line",
    )


def create_review(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    call.check_open(repo, pull.issue, "create review")
    event = call.body.choice("event", _EVENTS)
    body = checked_body("PullRequestReview", call.body.text("body")) or ""
    remarks = [_remark(given) for given in call.body.children("comments") or []]
    review = ops.create_review(call.world, repo, pull, call.actor, event, body, remarks)
    return Reply(200, render.review(call.world.urls, repo, pull, review))


def _review(call: Call, pull: Pull) -> Review:
    review = next((review for review in pull.reviews if review.id == call.number("review_id")), None)
    if review is None or not (review.state != "PENDING" or _visible(call, review)):
        raise not_found()
    return review


def get_review(call: Call) -> Reply:
    repo = call.repo(READ)
    pull = call.pull(repo)
    return Reply(200, render.review(call.world.urls, repo, pull, _review(call, pull)))


def update_review(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    review = _review(call, pull)
    _own(call, review.user)
    review.body = checked_body("PullRequestReview", call.body.need_text("body")) or ""
    return Reply(200, render.review(call.world.urls, repo, pull, review))


def delete_review(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    review = _review(call, pull)
    _own(call, review.user)
    if review.state != "PENDING":
        raise ApiError(422, "Unprocessable Entity", ["Can not delete a non-pending pull request review"])
    pull.reviews.remove(review)
    pull.review_comments = [comment for comment in pull.review_comments if comment.review_id != review.id]
    return Reply(200, render.review(call.world.urls, repo, pull, review))


def submit_review(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    review = _review(call, pull)
    event = call.body.choice("event", _EVENTS)
    if event is None:
        raise invalid("PullRequestReview", "event", "missing_field")
    ops.submit(call.world, repo, pull, review, event, checked_body("PullRequestReview", call.body.text("body")))
    return Reply(200, render.review(call.world.urls, repo, pull, review))


def dismiss_review(call: Call) -> Reply:
    repo = call.repo(WRITE, role=Role.WRITE)
    pull = call.pull(repo)
    call.body.need_text("message")
    review = _review(call, pull)
    ops.dismiss(call.world, repo, pull, review, call.actor)
    return Reply(200, render.review(call.world.urls, repo, pull, review))


def _own(call: Call, author: Account) -> None:
    if call.actor is not author:
        raise must_be_admin()


# --- comments --------------------------------------------------------------------------------------------------------


def _published(pull: Pull) -> list[ReviewComment]:
    pending = {review.id for review in pull.reviews if review.state == "PENDING"}
    return [comment for comment in pull.review_comments if comment.review_id not in pending]


def _list(call: Call, repo: Repository, pairs: list[tuple[Pull, ReviewComment]]) -> Reply:
    since = call.query.since()
    found = [(pull, comment) for pull, comment in pairs if since is None or comment.updated_at >= since]
    sort = call.query.choice("sort", ("created", "updated", "created_at"), "created")
    descending = call.query.choice("direction", ("asc", "desc"), "asc") == "desc"
    found.sort(
        key=lambda pair: (pair[1].updated_at if sort == "updated" else pair[1].created_at, pair[1].id),
        reverse=descending,
    )
    return listing(call, found, lambda pair: render.review_comment(call.world.urls, repo, *pair), repo)


def list_comments(call: Call) -> Reply:
    repo = call.repo(READ)
    pull = call.pull(repo)
    return _list(call, repo, [(pull, comment) for comment in _published(pull)])


def list_all_comments(call: Call) -> Reply:
    repo = call.repo(READ)
    return _list(call, repo, [(pull, comment) for pull in repo.pulls for comment in _published(pull)])


def list_review_comments(call: Call) -> Reply:
    repo = call.repo(READ)
    pull = call.pull(repo)
    review = _review(call, pull)
    found = [comment for comment in pull.review_comments if comment.review_id == review.id]
    return listing(call, found, lambda comment: render.review_comment(call.world.urls, repo, pull, comment), repo)


def create_comment(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    call.check_open(repo, pull.issue, "create comment")
    answered = call.body.integer("in_reply_to")
    if answered is not None:
        return _reply(call, repo, pull, answered)
    commit = call.body.need_text("commit_id")
    if commit not in {pull.head_sha, *render.commits(repo, pull)}:
        raise invalid("PullRequestReviewComment", "commit_id", "custom", "commit_id is not part of the pull request")
    comment = ops.add_remark(call.world, repo, pull, call.actor, _remark(call.body))
    shown = render.review_comment(call.world.urls, repo, pull, comment)
    return Reply(201, shown, {"Location": str(shown["url"])})


def _reply(call: Call, repo: Repository, pull: Pull, parent_id: int) -> Reply:
    parent = next((comment for comment in _published(pull) if comment.id == parent_id), None)
    if parent is None:
        raise not_found()
    body = checked_body("PullRequestReviewComment", call.body.need_text("body")) or ""
    comment = ops.reply(call.world, repo, pull, call.actor, parent, body)
    return Reply(201, render.review_comment(call.world.urls, repo, pull, comment))


def reply_to_comment(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    call.check_open(repo, pull.issue, "create comment")
    return _reply(call, repo, pull, call.number("comment_id"))


def _comment(call: Call, repo: Repository) -> tuple[Pull, ReviewComment]:
    found = call.world.find_review_comment(repo, call.number("comment_id"))
    if found is None:
        raise not_found()
    return found


def get_comment(call: Call) -> Reply:
    repo = call.repo(READ)
    return Reply(200, render.review_comment(call.world.urls, repo, *_comment(call, repo)))


def update_comment(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull, comment = _comment(call, repo)
    if call.actor is not comment.user and call.role(repo) < Role.WRITE:
        raise must_be_admin()
    body = checked_body("PullRequestReviewComment", call.body.need_text("body")) or ""
    ops.edit_comment(call.world, repo, pull, comment, body, call.actor)
    return Reply(200, render.review_comment(call.world.urls, repo, pull, comment))


def delete_comment(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull, comment = _comment(call, repo)
    if call.actor is not comment.user and call.role(repo) < Role.WRITE:
        raise must_be_admin()
    ops.delete_comment(call.world, repo, pull, comment, call.actor)
    return Reply(204)


ROUTES = [
    Route("GET", _REVIEWS, list_reviews),
    Route("POST", _REVIEWS, create_review),
    Route("GET", _REVIEW, get_review),
    Route("PUT", _REVIEW, update_review),
    Route("DELETE", _REVIEW, delete_review),
    Route("POST", _REVIEW + "/events", submit_review),
    Route("GET", _REVIEW + "/comments", list_review_comments),
    Route("PUT", _REVIEW + "/dismissals", dismiss_review),
    Route("GET", _PULL + "/comments", list_comments),
    Route("POST", _PULL + "/comments", create_comment),
    Route("POST", _PULL + "/comments/{comment_id}/replies", reply_to_comment),
    Route("GET", _COMMENTS, list_all_comments),
    Route("GET", _COMMENT, get_comment),
    Route("PATCH", _COMMENT, update_comment),
    Route("DELETE", _COMMENT, delete_comment),
]
