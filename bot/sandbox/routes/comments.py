"""Comments on issues and pull requests, and reactions on everything."""

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import invalid, must_be_admin, not_found
from bot.sandbox.model import Account, Comment, Issue, Reaction, Repository, Role
from bot.sandbox.ops import issues as ops
from bot.sandbox.render import issues as render
from bot.sandbox.requests import Reply
from bot.sandbox.routes.issues import ANY_READ, ANY_WRITE, checked_body
from bot.sandbox.routes.paging import listing

_COMMENTS = "/repos/{owner}/{repo}/issues/comments"
_COMMENT = _COMMENTS + "/{comment_id}"
_THREAD = "/repos/{owner}/{repo}/issues/{issue_number}"


def _text(call: Call) -> str:
    body = checked_body("IssueComment", call.body.need_text("body")) or ""
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    return body


def list_comments(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    issue = call.thread(repo, "read")
    since = call.query.since()
    found = [comment for comment in issue.comments if since is None or comment.updated_at >= since]
    return listing(call, found, lambda comment: render.comment(call.world.urls, repo, issue, comment), repo)


def list_all_comments(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    since = call.query.since()
    pairs = [(issue, comment) for issue in repo.issues.values() for comment in issue.comments]
    pairs = [(issue, comment) for issue, comment in pairs if since is None or comment.updated_at >= since]
    sort = call.query.choice("sort", ("created", "updated"), "created")
    descending = call.query.choice("direction", ("asc", "desc"), "asc") == "desc"
    pairs.sort(
        key=lambda pair: (pair[1].updated_at if sort == "updated" else pair[1].created_at, pair[1].id),
        reverse=descending,
    )
    return listing(call, pairs, lambda pair: render.comment(call.world.urls, repo, *pair), repo)


def create_comment(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE)
    issue = call.thread(repo, "write")
    body = _text(call)
    call.check_open(repo, issue, "create comment")
    comment = ops.add_comment(call.world, repo, issue, body, call.actor, call.via_app)
    shown = render.comment(call.world.urls, repo, issue, comment)
    return Reply(201, shown, {"Location": str(shown["url"])})


def _find(call: Call, repo: Repository) -> tuple[Issue, Comment]:
    found = call.world.find_comment(repo, call.number("comment_id"))
    if found is None:
        raise not_found()
    return found


def get_comment(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    return Reply(200, render.comment(call.world.urls, repo, *_find(call, repo)))


def _may_change(call: Call, repo: Repository, author: Account) -> None:
    if call.actor is not author and call.role(repo) < Role.WRITE:
        raise must_be_admin()


def update_comment(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE)
    issue, comment = _find(call, repo)
    _may_change(call, repo, comment.user)
    call.check_open(repo, issue, "update comment")
    ops.edit_comment(call.world, repo, issue, comment, _text(call), call.actor)
    return Reply(200, render.comment(call.world.urls, repo, issue, comment))


def delete_comment(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE)
    issue, comment = _find(call, repo)
    _may_change(call, repo, comment.user)
    ops.delete_comment(call.world, repo, issue, comment, call.actor)
    return Reply(204)


# --- reactions -------------------------------------------------------------------------------------------------------


def _on(call: Call, level: str) -> tuple[Repository, Issue, list[Reaction]]:
    """The reactions of whatever the path addresses (a review comment, a comment, a thread) and where that is."""
    repo = call.repo(*(ANY_WRITE if level == "write" else ANY_READ))
    if "issue_number" in call.params:
        issue = call.thread(repo, level)
        return repo, issue, issue.reactions
    if "/pulls/comments/" in call.path:
        found = call.world.find_review_comment(repo, call.number("comment_id"))
        if found is None:
            raise not_found()
        return repo, found[0].issue, found[1].reactions
    issue, comment = _find(call, repo)
    return repo, issue, comment.reactions


def list_reactions(call: Call) -> Reply:
    content = call.query.get("content")
    repo, _, reactions = _on(call, "read")
    found = [reaction for reaction in reactions if content in ("", reaction.content)]
    return listing(call, found, lambda reaction: render.reaction(call.world.urls, reaction), repo)


def create_reaction(call: Call) -> Reply:
    """Reacting twice with the same content gives the reaction there is, with 200 instead of 201."""
    repo, issue, reactions = _on(call, "write")
    content = call.body.need_text("content")
    if content not in render.CONTENTS:
        raise invalid("Reaction", "content", "invalid")
    call.check_open(repo, issue, "create reaction")
    for reaction in reactions:
        if reaction.user is call.actor and reaction.content == content:
            return Reply(200, render.reaction(call.world.urls, reaction))
    world = call.world
    made = Reaction(id=world.ids.next("reaction"), user=call.actor, content=content, created_at=world.clock.now())
    reactions.append(made)
    world.note("reaction", "created", repo, issue.number, call.actor)
    return Reply(201, render.reaction(world.urls, made))


def delete_reaction(call: Call) -> Reply:
    repo, issue, reactions = _on(call, "write")
    made = next((reaction for reaction in reactions if reaction.id == call.number("reaction_id")), None)
    if made is None:
        raise not_found()
    if made.user is not call.actor:
        raise must_be_admin()
    reactions.remove(made)
    call.world.note("reaction", "deleted", repo, issue.number, call.actor)
    return Reply(204)


_REACTED = (_COMMENT, _THREAD, "/repos/{owner}/{repo}/pulls/comments/{comment_id}")

ROUTES = [
    Route("GET", _COMMENTS, list_all_comments),
    Route("GET", _COMMENT, get_comment),
    Route("PATCH", _COMMENT, update_comment),
    Route("DELETE", _COMMENT, delete_comment),
    Route("GET", _THREAD + "/comments", list_comments),
    Route("POST", _THREAD + "/comments", create_comment),
    *(Route("GET", path + "/reactions", list_reactions) for path in _REACTED),
    *(Route("POST", path + "/reactions", create_reaction) for path in _REACTED),
    *(Route("DELETE", path + "/reactions/{reaction_id}", delete_reaction) for path in _REACTED),
]
