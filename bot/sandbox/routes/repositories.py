"""Repositories, people and what they may do; search; the few GraphQL mutations a bot needs."""

import re

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import ApiError, not_accessible, not_found, requires_authentication
from bot.sandbox.model import Account, Issue, Repository, Role
from bot.sandbox.ops import installations as ops
from bot.sandbox.ops.forks import forget
from bot.sandbox.principals import InstallationCaller, Person
from bot.sandbox.render import accounts
from bot.sandbox.render import issues as render_issues
from bot.sandbox.render import repositories as render
from bot.sandbox.requests import Reply
from bot.sandbox.routes.paging import counted, listing
from bot.sandbox.values import JsonObject

_REPO = "/repos/{owner}/{repo}"
_COLLABORATOR = _REPO + "/collaborators/{username}"


def _viewer_role(call: Call, repo: Repository) -> Role:
    if isinstance(call.principal, Person | InstallationCaller):
        return call.world.role(repo, call.actor)
    return Role.READ


def get_repository(call: Call) -> Reply:
    repo = call.repo("metadata:read")
    return Reply(200, render.full(call.world.urls, repo, _viewer_role(call, repo)))


def update_repository(call: Call) -> Reply:
    repo = call.repo("administration:write", role=Role.ADMIN, archived=True)
    name, archived = call.body.text("name"), call.body.flag("archived")
    if name and name != repo.name:
        ops.rename(call.world, repo, name, call.actor)
    if archived is not None and archived != repo.archived:
        (ops.archive if archived else ops.unarchive)(call.world, repo, call.actor)
    if call.body.has("description"):
        repo.description = call.body.text("description")
    return Reply(200, render.full(call.world.urls, repo, _viewer_role(call, repo)))


def delete_repository(call: Call) -> Reply:
    repo = call.repo("administration:write", role=Role.ADMIN, archived=True)
    ops.delete_repository(call.world, repo, call.actor)
    forget(call.world, repo)
    return Reply(204)


# --- collaborators ---------------------------------------------------------------------------------------------------


def _member(call: Call, repo: Repository, account: Account) -> JsonObject:
    role = call.world.role(repo, account)
    return {
        **accounts.user(call.world.urls, account),
        "permissions": render.permissions(role),
        "role_name": role.name.lower(),
    }


def list_collaborators(call: Call) -> Reply:
    repo = call.repo("metadata:read", role=Role.WRITE)
    found = [each for each in call.world.accounts.values() if each.id in repo.roles]
    return listing(call, found, lambda account: _member(call, repo, account), repo)


def is_collaborator(call: Call) -> Reply:
    repo = call.repo("metadata:read", role=Role.WRITE)
    account = call.world.account(call.params["username"])
    if account is None or account.id not in repo.roles:
        raise not_found()
    return Reply(204)


def permission(call: Call) -> Reply:
    repo = call.repo("metadata:read", role=Role.WRITE)
    account = call.world.account(call.params["username"])
    if account is None:
        raise ApiError(404, f"{call.params['username']} is not a user")
    role = call.world.role(repo, account)
    return Reply(200, {"permission": role.legacy, "user": _member(call, repo, account), "role_name": role.name.lower()})


def add_collaborator(call: Call) -> Reply:
    repo = call.repo("administration:write", role=Role.ADMIN)
    account = call.world.account(call.params["username"])
    if account is None:
        raise not_found()
    words = {
        "pull": Role.READ,
        "triage": Role.TRIAGE,
        "push": Role.WRITE,
        "maintain": Role.MAINTAIN,
        "admin": Role.ADMIN,
    }
    repo.roles[account.id] = words.get(call.body.text("permission") or "push", Role.WRITE)
    repo.collaborators.add(account.id)
    return Reply(204)


def remove_collaborator(call: Call) -> Reply:
    repo = call.repo("administration:write", role=Role.ADMIN)
    account = call.world.account(call.params["username"])
    if account:
        repo.roles.pop(account.id, None)
        repo.collaborators.discard(account.id)
    return Reply(204)


# --- people ----------------------------------------------------------------------------------------------------------


def _public_repos(call: Call, account: Account) -> int:
    return sum(repo.owner is account and not repo.private for repo in call.world.repositories.values())


def get_me(call: Call) -> Reply:
    if isinstance(call.principal, InstallationCaller):
        raise not_accessible()
    if not isinstance(call.principal, Person):
        raise requires_authentication()
    return Reply(200, accounts.own_profile(call.world.urls, call.actor, _public_repos(call, call.actor)))


def get_user(call: Call) -> Reply:
    account = call.world.account(call.params["username"])
    if account is None:
        raise not_found()
    return Reply(200, accounts.profile(call.world.urls, account, _public_repos(call, account)))


# --- search ----------------------------------------------------------------------------------------------------------

_TERM = re.compile(r'(-?)(?:([a-z]+):)?("[^"]*"|\S+)')


def _matches(call: Call, repo: Repository, issue: Issue, query: str) -> bool:
    for negated, key, quoted in _TERM.findall(query):
        value = quoted.strip('"').lower()
        if _term(repo, issue, key, value) == bool(negated):
            return False
    return True


def _term(repo: Repository, issue: Issue, key: str, value: str) -> bool:
    if key == "repo":
        return repo.full_name.lower() == value
    if key in ("user", "org"):
        return repo.owner.login.lower() == value
    if key == "label":
        return value in {label.name.lower() for label in issue.labels}
    if key in ("is", "state", "type"):
        kinds = {
            "issue": issue.pull is None,
            "pr": issue.pull is not None,
            "merged": bool(issue.pull and issue.pull.merged),
        }
        return kinds.get(value, issue.state == value)
    if key == "author":
        return issue.user.login.lower() in (value, f"{value.removeprefix('app/')}[bot]")
    if key == "head":
        return bool(issue.pull and issue.pull.head_ref.lower() == value)
    if key == "in":
        return True
    texts = [issue.title, issue.body or "", *(comment.body for comment in issue.comments)]
    return any(value in text.lower() for text in texts)


def search_issues(call: Call) -> Reply:
    query = call.query.get("q")
    if not query.strip():
        raise ApiError(422, "Validation Failed", [{"resource": "Search", "field": "q", "code": "missing"}])
    found = []
    for repo in call.world.repositories.values():
        if _reachable(call, repo):
            found += [(repo, issue) for issue in repo.issues.values() if _matches(call, repo, issue, query)]
    found.sort(key=lambda pair: pair[1].created_at, reverse=True)

    def shown(pair: tuple[Repository, Issue]) -> JsonObject:
        return {**render_issues.issue(call.world.urls, *pair), "score": 1.0}

    return counted(call, "items", found, shown, extra={"incomplete_results": False, "search_type": "lexical"})


def _reachable(call: Call, repo: Repository) -> bool:
    if not repo.private:
        return True
    if isinstance(call.principal, InstallationCaller):
        return call.principal.installation.account is repo.owner and call.principal.covers(repo.id)
    return isinstance(call.principal, Person) and call.world.role(repo, call.actor) >= Role.READ


# --- GraphQL ---------------------------------------------------------------------------------------------------------

_CLASSIFIERS = ("ABUSE", "DUPLICATE", "LOW_QUALITY", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM")


def graphql(call: Call) -> Reply:
    """Only `viewer`, `minimizeComment` and `unminimizeComment`; anything else is an error in GraphQL's form."""
    query = call.body.need_text("query")
    if re.fullmatch(r"\s*(query\s*)?\{\s*viewer\s*\{\s*login\s*\}\s*\}\s*", query):
        return Reply(200, {"data": {"viewer": {"login": call.actor.login}}})
    match = re.search(r"\b(un)?minimizeComment\s*\(", query)
    if match is None:
        return _graphql_error("INVALID", "The sandbox answers viewer, minimizeComment and unminimizeComment only")
    values = _graphql_values(call, query)
    subject, classifier = values.get("subjectId", ""), values.get("classifier", "").upper()
    for repo in call.world.repositories.values():
        for issue in repo.issues.values():
            for comment in issue.comments:
                if comment.node_id != subject:
                    continue
                if not (call.granted("issues:write") or (issue.pull and call.granted("pull_requests:write"))):
                    return _graphql_error("FORBIDDEN", "Resource not accessible by integration")
                if call.role(repo) < Role.WRITE and call.actor is not comment.user:
                    return _graphql_error("FORBIDDEN", f"{call.actor.login} does not have permission to minimize this")
                if match[1]:
                    comment.minimized = None
                elif classifier not in _CLASSIFIERS:
                    return _graphql_error("INVALID", f"Argument 'classifier' has an invalid value ({classifier})")
                else:
                    comment.minimized = classifier.lower().replace("_", "-")
                call.world.note("issue_comment", "minimized", repo, issue.number, call.actor)
                state = {"isMinimized": comment.minimized is not None, "minimizedReason": comment.minimized}
                name = "unminimizedComment" if match[1] else "minimizedComment"
                field = "unminimizeComment" if match[1] else "minimizeComment"
                return Reply(200, {"data": {field: {name: state, "clientMutationId": None}}})
    return _graphql_error("NOT_FOUND", f"Could not resolve to a node with the global id of '{subject}'")


def _graphql_values(call: Call, query: str) -> dict[str, str]:
    variables = call.body.child("variables")
    flat: dict[str, object] = dict(variables.raw()) if variables else {}
    for nested in [value for value in flat.values() if isinstance(value, dict)]:
        flat.update(nested)
    found = {name: str(value) for name, value in flat.items() if isinstance(value, str)}
    for name, quoted, word in re.findall(r'(\w+)\s*:\s*(?:"([^"]*)"|([A-Z_]+)\b)', query):
        found[name] = quoted or word
    for name, variable in re.findall(r"(\w+)\s*:\s*\$(\w+)", query):
        if isinstance(flat.get(variable), str):
            found[name] = str(flat[variable])
    return found


def _graphql_error(kind: str, message: str) -> Reply:
    return Reply(200, {"data": None, "errors": [{"type": kind, "message": message, "path": []}]})


ROUTES = [
    Route("GET", _REPO, get_repository),
    Route("PATCH", _REPO, update_repository),
    Route("DELETE", _REPO, delete_repository),
    Route("GET", _REPO + "/collaborators", list_collaborators),
    Route("GET", _COLLABORATOR, is_collaborator),
    Route("PUT", _COLLABORATOR, add_collaborator),
    Route("DELETE", _COLLABORATOR, remove_collaborator),
    Route("GET", _COLLABORATOR + "/permission", permission),
    Route("GET", "/user", get_me),
    Route("GET", "/users/{username}", get_user),
    Route("GET", "/search/issues", search_issues),
]
