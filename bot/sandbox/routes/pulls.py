"""Pull requests: create, look, change, merge, reviewers."""

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import ApiError, must_be_admin
from bot.sandbox.model import Pull, Repository, Role
from bot.sandbox.ops import issues as issue_ops
from bot.sandbox.ops import pulls as ops
from bot.sandbox.ops import reviews as review_ops
from bot.sandbox.ops.forks import owner_of
from bot.sandbox.render import accounts
from bot.sandbox.render import git as render_git
from bot.sandbox.render import pulls as render
from bot.sandbox.requests import Reply
from bot.sandbox.routes.issues import accounts_named, checked_body, checked_title
from bot.sandbox.routes.paging import listing

_PULLS = "/repos/{owner}/{repo}/pulls"
_PULL = _PULLS + "/{pull_number}"
READ, WRITE = "pull_requests:read", "pull_requests:write"


def list_pulls(call: Call) -> Reply:
    repo = call.repo(READ)
    state = call.query.choice("state", ("open", "closed", "all"), "open")
    head, base = call.query.get("head").lower(), call.query.get("base")
    found = [pull for pull in repo.pulls if state in ("all", pull.issue.state)]
    if ":" in head:  # without an owner GitHub ignores the filter
        found = [pull for pull in found if f"{owner_of(pull).login}:{pull.head_ref}".lower() == head]
    found = [pull for pull in found if base in ("", pull.base_ref)]
    sort = call.query.choice("sort", ("created", "updated", "popularity", "long-running"), "created")
    direction = call.query.choice("direction", ("asc", "desc"), "desc" if sort == "created" else "asc")
    found.sort(key=lambda pull: (_when(pull, sort), pull.number), reverse=direction == "desc")
    return listing(call, found, lambda pull: render.listed(call.world.urls, repo, pull), repo)


def _when(pull: Pull, sort: str) -> float:
    return (pull.issue.updated_at if sort == "updated" else pull.issue.created_at).timestamp()


def _shown(call: Call, repo: Repository, pull: Pull) -> dict[str, object]:
    known = ops.mergeability(call.world, repo, pull)
    return render.pull(call.world.urls, repo, pull, known.mergeable, known.state)


def create_pull(call: Call) -> Reply:
    repo = call.repo(WRITE)
    head, base = call.body.need_text("head"), call.body.need_text("base")
    title = checked_title("PullRequest", call.body.text("title") or "")
    body = checked_body("PullRequest", call.body.text("body"))
    draft = bool(call.body.flag("draft"))
    pull = ops.open_pull(call.world, repo, title, body, head, base, call.actor, draft, call.via_app)
    shown = render.pull(call.world.urls, repo, pull)
    return Reply(201, shown, {"Location": str(shown["url"])})


def get_pull(call: Call) -> Reply:
    repo = call.repo(READ)
    pull = call.pull(repo)
    accept = call.headers.get("Accept", "")
    base = repo.git.branch(pull.base_ref) or pull.base_sha
    fork_point = repo.git.merge_base(pull.base_sha if pull.merged else base, pull.head_sha) or base
    if "diff" in accept:
        return Reply(200, text=repo.git.patch(fork_point, pull.head_sha), content_type="application/vnd.github.diff")
    if "patch" in accept:
        text = repo.git.format_patch(fork_point, pull.head_sha)
        return Reply(200, text=text, content_type="application/vnd.github.patch")
    return Reply(200, _shown(call, repo, pull))


def update_pull(call: Call) -> Reply:
    repo = call.repo(WRITE)
    pull = call.pull(repo)
    if call.role(repo) < Role.TRIAGE and call.actor is not pull.issue.user:
        raise must_be_admin()
    title = call.body.text("title")
    if title is not None:
        checked_title("PullRequest", title)
    body = checked_body("PullRequest", call.body.text("body"))
    state = call.body.choice("state", ("open", "closed"))
    issue_ops.edit_text(call.world, repo, pull.issue, title, body, call.actor)
    if state == "open" and pull.issue.state == "closed":
        ops.reopen(call.world, repo, pull, call.actor)
    elif state == "closed":
        issue_ops.set_state(call.world, repo, pull.issue, "closed", call.actor)
    return Reply(200, _shown(call, repo, pull))


def list_files(call: Call) -> Reply:
    repo = call.repo(READ)
    pull = call.pull(repo)
    urls, sha = call.world.urls, pull.head_sha
    return listing(call, render.files(repo, pull), lambda file: render_git.file_diff(urls, repo, file, sha), repo)


def list_commits(call: Call) -> Reply:
    repo = call.repo(READ)
    shas = render.commits(repo, call.pull(repo))
    return listing(call, shas, lambda sha: render_git.commit(call.world.urls, repo, repo.git.commit(sha)), repo)


def is_merged(call: Call) -> Reply:
    repo = call.repo(READ)
    if not call.pull(repo).merged:
        raise ApiError(404, "Not Found")
    return Reply(204)


def merge(call: Call) -> Reply:
    repo = call.repo("contents:write", role=Role.WRITE)
    pull = call.pull(repo)
    method = call.body.choice("merge_method", ("merge", "squash", "rebase")) or "merge"
    title, message = call.body.text("commit_title"), call.body.text("commit_message")
    sha = ops.merge(call.world, repo, pull, call.actor, method, title, message, call.body.text("sha"))
    return Reply(200, {"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def update_branch(call: Call) -> Reply:
    repo = call.repo(WRITE, role=Role.WRITE)
    pull = call.pull(repo)
    ops.update_branch(call.world, repo, pull, call.actor, call.body.text("expected_head_sha"))
    shown = call.world.urls.pull(repo, pull.number)
    return Reply(202, {"message": "Updating pull request branch.", "url": shown})


def list_reviewers(call: Call) -> Reply:
    repo = call.repo(READ)
    users = [accounts.user(call.world.urls, each) for each in call.pull(repo).requested_reviewers]
    return Reply(200, {"users": users, "teams": []})


def request_reviewers(call: Call) -> Reply:
    repo = call.repo(WRITE, role=Role.WRITE)
    pull = call.pull(repo)
    logins = call.body.texts("reviewers") or []
    wanted = accounts_named(call, logins)
    strangers = len(wanted) < len(logins) or any(call.world.role(repo, each) < Role.READ for each in wanted)
    if strangers or any(each.id not in repo.roles for each in wanted):
        text = "Reviews may only be requested from collaborators. One or more of the users or teams you specified"
        raise ApiError(422, f"{text} is not a collaborator of the {repo.full_name} repository.")
    review_ops.request_reviewers(call.world, repo, pull, wanted, call.actor)
    return Reply(201, render.simple(call.world.urls, repo, pull))


def remove_reviewers(call: Call) -> Reply:
    repo = call.repo(WRITE, role=Role.WRITE)
    pull = call.pull(repo)
    unwanted = accounts_named(call, call.body.texts("reviewers") or [])
    review_ops.remove_reviewers(call.world, repo, pull, unwanted, call.actor)
    return Reply(200, render.simple(call.world.urls, repo, pull))


ROUTES = [
    Route("GET", _PULLS, list_pulls),
    Route("POST", _PULLS, create_pull),
    Route("GET", _PULL, get_pull),
    Route("PATCH", _PULL, update_pull),
    Route("GET", _PULL + "/files", list_files),
    Route("GET", _PULL + "/commits", list_commits),
    Route("GET", _PULL + "/merge", is_merged),
    Route("PUT", _PULL + "/merge", merge),
    Route("PUT", _PULL + "/update-branch", update_branch),
    Route("GET", _PULL + "/requested_reviewers", list_reviewers),
    Route("POST", _PULL + "/requested_reviewers", request_reviewers),
    Route("DELETE", _PULL + "/requested_reviewers", remove_reviewers),
]
