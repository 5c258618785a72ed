"""Issues, their state and their labels. Pull requests are issues too."""

from bot.sandbox.calls import Call, Refusal, Route
from bot.sandbox.errors import ApiError, invalid, must_be_admin, not_found, too_long
from bot.sandbox.model import Account, Issue, Repository, Role
from bot.sandbox.ops import issues as ops
from bot.sandbox.ops import pulls as pull_ops
from bot.sandbox.render import issues as render
from bot.sandbox.requests import Reply
from bot.sandbox.routes.paging import listing

MAX_BODY = 65536
MAX_TITLE = 256
ANY_WRITE = ("issues:write", "pull_requests:write")
ANY_READ = ("issues:read", "pull_requests:read")
_ISSUES = "/repos/{owner}/{repo}/issues"
_ISSUE = _ISSUES + "/{issue_number}"
_LABELS = "/repos/{owner}/{repo}/labels"


def checked_body(resource: str, text: str | None) -> str | None:
    """GitHub counts characters and refuses NUL silently by dropping it."""
    if text is not None and len(text) > MAX_BODY:
        raise too_long(resource, "body", MAX_BODY)
    return None if text is None else text.replace("\0", "")


def checked_title(resource: str, text: str) -> str:
    if not text.strip():
        raise invalid(resource, "title", "missing_field")
    if len(text) > MAX_TITLE:
        raise too_long(resource, "title", MAX_TITLE)
    return text


def _label_names(call: Call, items: list[object] | None) -> list[str]:
    names = []
    for item in items or []:
        name = item.get("name") if isinstance(item, dict) else item
        if not isinstance(name, str) or not name.strip():
            raise invalid("Label", "name", "missing_field")
        if len(name) > 50:
            raise too_long("Label", "name", 50)
        names.append(name)
    return names


def accounts_named(call: Call, logins: list[str]) -> list[Account]:
    found = [call.world.account(login) for login in logins]
    return [account for account in found if account is not None]


def _may_manage(call: Call, repo: Repository) -> bool:
    return call.role(repo) >= Role.TRIAGE


def list_issues(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    state = call.query.choice("state", ("open", "closed", "all"), "open")
    wanted = {name.strip().lower() for name in call.query.get("labels").split(",") if name.strip()}
    since, creator, assignee = call.query.since(), call.query.get("creator").lower(), call.query.get("assignee").lower()
    found = [issue for issue in repo.issues.values() if state in ("all", issue.state)]
    found = [issue for issue in found if wanted <= {label.name.lower() for label in issue.labels}]
    found = [issue for issue in found if since is None or issue.updated_at >= since]
    found = [issue for issue in found if creator in ("", issue.user.login.lower())]
    if assignee not in ("", "*", "none"):
        found = [issue for issue in found if assignee in {each.login.lower() for each in issue.assignees}]
    sort = call.query.choice("sort", ("created", "updated", "comments"), "created")
    descending = call.query.choice("direction", ("asc", "desc"), "desc") == "desc"
    found.sort(key=lambda issue: _order(issue, sort), reverse=descending)
    return listing(call, found, lambda issue: render.issue(call.world.urls, repo, issue), repo)


def _order(issue: Issue, sort: str) -> tuple[float, int]:
    if sort == "comments":
        return len(issue.comments), issue.number
    return (issue.updated_at if sort == "updated" else issue.created_at).timestamp(), issue.number


def create_issue(call: Call) -> Reply:
    repo = call.repo("issues:write")
    title = checked_title("Issue", call.body.need_text("title"))
    body = checked_body("Issue", call.body.text("body"))
    labels = _label_names(call, call.body.items("labels"))
    assignees = accounts_named(call, call.body.texts("assignees") or [])
    if not _may_manage(call, repo):
        labels, assignees = [], []  # silently dropped, as documented
    issue = ops.open_issue(call.world, repo, title, body, call.actor, labels, assignees, call.via_app)
    shown = render.detailed_issue(call.world.urls, repo, issue)
    return Reply(201, shown, {"Location": str(shown["url"])})


def get_issue(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    return Reply(200, render.detailed_issue(call.world.urls, repo, call.thread(repo, "read")))


def update_issue(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE)
    issue = call.thread(repo, "write")
    manages = _may_manage(call, repo)
    if not manages and call.actor is not issue.user:
        raise must_be_admin()
    title = call.body.text("title")
    if title is not None:
        checked_title("Issue", title)
    body = checked_body("Issue", call.body.text("body"))
    state = call.body.choice("state", ("open", "closed"))
    reason = call.body.choice("state_reason", ("completed", "not_planned", "duplicate", "reopened"))
    ops.edit_text(call.world, repo, issue, title, body, call.actor)
    if manages and (items := call.body.items("labels")) is not None:
        ops.set_labels(call.world, repo, issue, _label_names(call, items), call.actor)
    if manages and (logins := call.body.texts("assignees")) is not None:
        _set_assignees(call, repo, issue, accounts_named(call, logins))
    if state == "open" and issue.pull and issue.state == "closed":
        pull_ops.reopen(call.world, repo, issue.pull, call.actor)
    elif state:
        ops.set_state(call.world, repo, issue, state, call.actor, reason)
    return Reply(200, render.detailed_issue(call.world.urls, repo, issue))


def _set_assignees(call: Call, repo: Repository, issue: Issue, wanted: list[Account]) -> None:
    for account in [each for each in issue.assignees if each not in wanted]:
        issue.assignees.remove(account)
        ops.announce_assignee(call.world, repo, issue, "unassigned", account, call.actor)
    for account in [each for each in wanted if each not in issue.assignees]:
        issue.assignees.append(account)
        ops.announce_assignee(call.world, repo, issue, "assigned", account, call.actor)


def add_assignees(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.TRIAGE)
    issue = call.thread(repo, "write")
    wanted = accounts_named(call, call.body.texts("assignees") or [])
    _set_assignees(call, repo, issue, list(dict.fromkeys([*issue.assignees, *wanted])))
    return Reply(201, render.issue(call.world.urls, repo, issue))


def remove_assignees(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.TRIAGE)
    issue = call.thread(repo, "write")
    unwanted = accounts_named(call, call.body.texts("assignees") or [])
    _set_assignees(call, repo, issue, [each for each in issue.assignees if each not in unwanted])
    return Reply(200, render.issue(call.world.urls, repo, issue))


def lock_issue(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.WRITE)
    issue = call.thread(repo, "write")
    reason = call.body.choice("lock_reason", ("off-topic", "too heated", "resolved", "spam"))
    ops.lock(call.world, repo, issue, reason, call.actor)
    return Reply(204)


def unlock_issue(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.WRITE)
    ops.unlock(call.world, repo, call.thread(repo, "write"), call.actor)
    return Reply(204)


def issue_events(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    issue = call.thread(repo, "read")
    return listing(call, issue.timeline, lambda event: render.timeline_event(call.world.urls, repo, event), repo)


# --- labels on an issue ----------------------------------------------------------------------------------------------


def _labels(call: Call, repo: Repository, issue: Issue) -> Reply:
    return Reply(200, [render.label(call.world.urls, repo, label) for label in issue.labels])


def list_issue_labels(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    issue = call.thread(repo, "read")
    return listing(call, issue.labels, lambda label: render.label(call.world.urls, repo, label), repo)


def add_issue_labels(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.TRIAGE)
    issue = call.thread(repo, "write")
    ops.add_labels(call.world, repo, issue, _label_names(call, call.body.items("labels")), call.actor)
    return _labels(call, repo, issue)


def set_issue_labels(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.TRIAGE)
    issue = call.thread(repo, "write")
    ops.set_labels(call.world, repo, issue, _label_names(call, call.body.items("labels")), call.actor)
    return _labels(call, repo, issue)


def clear_issue_labels(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.TRIAGE)
    ops.set_labels(call.world, repo, call.thread(repo, "write"), [], call.actor)
    return Reply(204)


def remove_issue_label(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.TRIAGE)
    issue = call.thread(repo, "write")
    label = ops.find_label(repo, call.params["name"])
    if label is None or label not in issue.labels:
        raise ApiError(404, "Label does not exist")
    ops.remove_label(call.world, repo, issue, label, call.actor)
    return _labels(call, repo, issue)


# --- labels of the repository ----------------------------------------------------------------------------------------


def list_labels(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    return listing(call, repo.labels, lambda label: render.label(call.world.urls, repo, label), repo)


def _checked_color(call: Call) -> str | None:
    color = call.body.text("color")
    if color is not None and (len(color) != 6 or not set(color.lower()) <= set("0123456789abcdef")):
        raise invalid("Label", "color", "invalid")
    return color


def _checked_label_name(name: str) -> str:
    if not name.strip():
        raise invalid("Label", "name", "missing_field")
    if len(name) > 50:
        raise too_long("Label", "name", 50)
    return name


def _checked_description(call: Call) -> str | None:
    text = call.body.text("description")
    if text is not None and len(text) > 100:
        raise too_long("Label", "description", 100)
    return text


def create_label(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.WRITE, refusal=Refusal.HIDDEN)
    name = _checked_label_name(call.body.need_text("name"))
    color, description = _checked_color(call) or ops.DEFAULT_COLOR, _checked_description(call)
    if ops.find_label(repo, name):
        raise invalid("Label", "name", "already_exists")
    label = ops.create_label(call.world, repo, name, color, description, call.actor)
    return Reply(201, render.label(call.world.urls, repo, label))


def get_label(call: Call) -> Reply:
    repo = call.repo(*ANY_READ)
    label = ops.find_label(repo, call.params["name"])
    if label is None:
        raise not_found()
    return Reply(200, render.label(call.world.urls, repo, label))


def update_label(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.WRITE, refusal=Refusal.HIDDEN)
    label = ops.find_label(repo, call.params["name"])
    if label is None:
        raise not_found()
    name = call.body.text("new_name") or call.body.text("name") or label.name
    clash = ops.find_label(repo, _checked_label_name(name))
    if clash is not None and clash is not label:
        raise invalid("Label", "name", "already_exists")
    label.name, label.color = name, _checked_color(call) or label.color
    if call.body.has("description"):
        label.description = _checked_description(call)
    return Reply(200, render.label(call.world.urls, repo, label))


def delete_label(call: Call) -> Reply:
    repo = call.repo(*ANY_WRITE, role=Role.WRITE, refusal=Refusal.HIDDEN)
    label = ops.find_label(repo, call.params["name"])
    if label is None:
        raise not_found()
    ops.delete_label(call.world, repo, label, call.actor)
    return Reply(204)


ROUTES = [
    Route("GET", _ISSUES, list_issues),
    Route("POST", _ISSUES, create_issue),
    Route("GET", _ISSUE, get_issue),
    Route("PATCH", _ISSUE, update_issue),
    Route("POST", _ISSUE + "/assignees", add_assignees),
    Route("DELETE", _ISSUE + "/assignees", remove_assignees),
    Route("PUT", _ISSUE + "/lock", lock_issue),
    Route("DELETE", _ISSUE + "/lock", unlock_issue),
    Route("GET", _ISSUE + "/events", issue_events),
    Route("GET", _ISSUE + "/labels", list_issue_labels),
    Route("POST", _ISSUE + "/labels", add_issue_labels),
    Route("PUT", _ISSUE + "/labels", set_issue_labels),
    Route("DELETE", _ISSUE + "/labels", clear_issue_labels),
    Route("DELETE", _ISSUE + "/labels/{name}", remove_issue_label),
    Route("GET", _LABELS, list_labels),
    Route("POST", _LABELS, create_label),
    Route("GET", _LABELS + "/{name}", get_label),
    Route("PATCH", _LABELS + "/{name}", update_label),
    Route("DELETE", _LABELS + "/{name}", delete_label),
]
