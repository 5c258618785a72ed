"""Repositories as JSON: one superset that satisfies the full, minimal and webhook shapes."""

from bot.sandbox.model import AccountKind, Repository, Role
from bot.sandbox.render import accounts
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject, iso, node_id

_TEMPLATES = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "contributors": "/contributors",
    "deployments": "/deployments",
    "downloads": "/downloads",
    "events": "/events",
    "forks": "/forks",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "hooks": "/hooks",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "languages": "/languages",
    "merges": "/merges",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "stargazers": "/stargazers",
    "statuses": "/statuses/{sha}",
    "subscribers": "/subscribers",
    "subscription": "/subscription",
    "tags": "/tags",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}
_ZEROS = ("size", "stargazers_count", "watchers_count", "forks_count", "forks", "watchers")


def repository(urls: Urls, repo: Repository) -> JsonObject:
    open_issues = sum(issue.state == "open" for issue in repo.issues.values())
    page = urls.repo_web(repo)
    return {
        "id": repo.id,
        "node_id": repo.node_id,
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": accounts.user(urls, repo.owner),
        "html_url": page,
        "description": repo.description,
        "fork": repo.parent is not None,
        "url": urls.repo(repo),
        **{f"{name}_url": urls.repo(repo, path) for name, path in _TEMPLATES.items()},
        "created_at": iso(repo.created_at),
        "updated_at": iso(repo.updated_at),
        "pushed_at": iso(repo.pushed_at),
        "git_url": f"{page}.git",
        "ssh_url": f"{page}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "homepage": None,
        **dict.fromkeys(_ZEROS, 0),
        "language": None,
        "has_issues": True,
        "has_projects": False,
        "has_downloads": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "mirror_url": None,
        "archived": repo.archived,
        "disabled": False,
        "open_issues_count": open_issues,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": [],
        "visibility": "private" if repo.private else "public",
        "open_issues": open_issues,
        "default_branch": repo.default_branch,
    }


def full(urls: Urls, repo: Repository, role: Role) -> JsonObject:
    """What `GET /repos/{owner}/{repo}` answers: with the viewer's permissions and the merge settings."""
    return {
        **repository(urls, repo),
        "permissions": permissions(role),
        "temp_clone_token": "",
        "network_count": 0,
        "subscribers_count": 0,
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
        "allow_auto_merge": False,
        "delete_branch_on_merge": False,
        **({"organization": accounts.user(urls, repo.owner)} if repo.owner.kind is AccountKind.ORGANIZATION else {}),
    }


def permissions(role: Role) -> JsonObject:
    levels = {
        "admin": Role.ADMIN,
        "maintain": Role.MAINTAIN,
        "push": Role.WRITE,
        "triage": Role.TRIAGE,
        "pull": Role.READ,
    }
    return {name: role >= level for name, level in levels.items()}


def installed(repo: Repository) -> JsonObject:
    """The short form in installation events."""
    return {
        "id": repo.id,
        "node_id": node_id("R", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
    }
