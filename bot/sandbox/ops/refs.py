"""What follows when a branch moves: push events, pull requests that follow it, check suites, closed issues."""

from bot.sandbox.errors import ApiError
from bot.sandbox.events import emit
from bot.sandbox.git_objects import EMPTY_TREE, NULL_SHA
from bot.sandbox.model import Account, App, Issue, Pull, Repository
from bot.sandbox.ops import checks, forks, issues
from bot.sandbox.reading import closed_by_commit, read
from bot.sandbox.render import accounts
from bot.sandbox.render import pulls as render_pulls
from bot.sandbox.render.repositories import repository
from bot.sandbox.values import JsonObject, iso
from bot.sandbox.world import World

_HEADS = "refs/heads/"
_MAX_PUSH_COMMITS = 2048


def moved(world: World, repo: Repository, name: str, new: str | None, by: Account) -> None:
    """Announce that a ref now points to `new` (None: deleted); the git store has been changed already."""
    old = repo.known_refs.get(name)
    if old == new or not name.startswith(("refs/heads/", "refs/tags/")):
        return
    if new is None:
        del repo.known_refs[name]
    else:
        repo.known_refs[name] = new
    repo.pushed_at = repo.updated_at = world.clock.now()
    if new is not None:
        for sha in new_commits(repo, old, new):
            attribute(world, repo, sha)
    kind, short = (
        ("branch", name.removeprefix(_HEADS)) if name.startswith(_HEADS) else ("tag", name[len("refs/tags/") :])
    )
    if old is None:
        created: JsonObject = {
            "ref": short,
            "ref_type": kind,
            "full_ref": name,
            "master_branch": repo.default_branch,
            "description": repo.description,
            "pusher_type": "user",
        }
        emit(world, "create", None, repo, by, created)
    elif new is None:
        emit(world, "delete", None, repo, by, {"ref": short, "ref_type": kind, "full_ref": name, "pusher_type": "user"})
    _push_event(world, repo, name, old, new, by)
    if kind == "branch":
        _branch_moved(world, repo, short, old, new, by)


def attribute(world: World, repo: Repository, sha: str) -> None:
    """Say whose accounts a commit belongs to; GitHub knows them by e-mail address alone."""
    data = repo.git.commit(sha)
    repo.committers[sha] = (world.account_by_email(data.author.email), world.account_by_email(data.committer.email))


def new_commits(repo: Repository, old: str | None, new: str) -> list[str]:
    """Commits a push brought, newest first: not reachable from the old tip nor from the default branch."""
    base = old or repo.known_refs.get(_HEADS + repo.default_branch)
    if repo.git.kind(new) != "commit" or base == new:
        return []
    if base is None or repo.git.kind(base) is None:
        return repo.git.log(new)[:_MAX_PUSH_COMMITS]
    return repo.git.log(new, exclude=base)[:_MAX_PUSH_COMMITS]


def _push_event(world: World, repo: Repository, name: str, old: str | None, new: str | None, by: Account) -> None:
    shas = new_commits(repo, old, new) if new else []
    commits = [_push_commit(world, repo, sha, by) for sha in reversed(shas)]
    forced = bool(old and new) and not repo.git.is_ancestor(old or "", new or "")
    compare = f"{(old or NULL_SHA)[:12]}...{(new or NULL_SHA)[:12]}"
    data: JsonObject = {
        "ref": name,
        "before": old or NULL_SHA,
        "after": new or NULL_SHA,
        "created": old is None,
        "deleted": new is None,
        "forced": forced,
        "base_ref": None,
        "compare": world.urls.repo_web(repo, f"/compare/{compare}"),
        "commits": commits,
        "head_commit": _push_commit(world, repo, new, by) if new and repo.git.kind(new) == "commit" else None,
        "pusher": {"name": by.login, "email": by.email},
        "repository": _push_repository(world, repo),
    }
    emit(world, "push", None, repo, by, data)


def _push_repository(world: World, repo: Repository) -> JsonObject:
    """In `push` the repository carries numeric times and the owner's name and e-mail."""
    owner = {**accounts.user(world.urls, repo.owner), "name": repo.owner.login, "email": None}
    return {
        **repository(world.urls, repo),
        "owner": owner,
        "created_at": int(repo.created_at.timestamp()),
        "pushed_at": int(repo.pushed_at.timestamp()),
        "master_branch": repo.default_branch,
        "stargazers": 0,
    }


def _push_commit(world: World, repo: Repository, sha: str, by: Account) -> JsonObject:
    data = repo.git.commit(sha)
    changes = repo.git.diff(data.parents[0] if data.parents else EMPTY_TREE, sha)

    def paths(*statuses: str) -> list[str]:
        return [change.path for change in changes if change.status in statuses]

    def person(name: str, email: str) -> JsonObject:
        return {"name": name, "email": email, "username": by.login, "date": iso(data.committer.when)}

    return {
        "id": sha,
        "tree_id": data.tree,
        "distinct": True,
        "message": data.message,
        "timestamp": data.committer.when.isoformat(timespec="seconds"),
        "url": world.urls.repo_web(repo, f"/commit/{sha}"),
        "author": person(data.author.name, data.author.email),
        "committer": person(data.committer.name, data.committer.email),
        "added": paths("added", "copied", "renamed"),
        "removed": paths("removed") + [change.previous for change in changes if change.previous],
        "modified": paths("modified", "changed"),
    }


def _branch_moved(world: World, repo: Repository, branch: str, old: str | None, new: str | None, by: Account) -> None:
    for pull in [pull for pull in repo.pulls if pull.issue.state == "open"]:
        if pull.home is repo and pull.head_ref == branch:
            if new is None:
                issues.set_state(world, repo, pull.issue, "closed", by)
            else:
                _synchronize(world, repo, pull, new, by)
        elif pull.base_ref == branch:
            pull.mergeability_looks = 0
            if new is None:
                issues.set_state(world, repo, pull.issue, "closed", by)
            elif repo.git.is_ancestor(pull.head_sha, new):
                _merged_by_push(world, repo, pull, new, by)
    if repo.parent is not None:
        _fork_moved(world, repo.parent, repo, branch, new, by)
    if new is not None:
        checks.suites_for_push(world, repo, branch, old, new, by)
    if new is not None and branch == repo.default_branch:
        _close_by_commits(world, repo, old, new, by)


def _fork_moved(world: World, repo: Repository, home: Repository, branch: str, new: str | None, by: Account) -> None:
    """Pull requests from a fork's branch follow it; the repository's Apps are asked for no check of the commit."""
    for pull in [pull for pull in repo.pulls if pull.issue.state == "open"]:
        if pull.home is home and pull.head_ref == branch:
            if new is None:
                issues.set_state(world, repo, pull.issue, "closed", by)
            else:
                forks.bring(repo, home, branch)
                _synchronize(world, repo, pull, new, by)


def _synchronize(world: World, repo: Repository, pull: Pull, new: str, by: Account) -> None:
    before, pull.head_sha = pull.head_sha, new
    pull.base_sha = repo.git.branch(pull.base_ref) or pull.base_sha
    pull.mergeability_looks = 0
    pull.issue.updated_at = world.clock.now()
    repo.git.update_ref(f"refs/pull/{pull.number}/head", new)
    render_pulls.outdate(repo, pull)
    issues.announce(world, repo, pull.issue, "synchronize", by, {"before": before, "after": new})


def _merged_by_push(world: World, repo: Repository, pull: Pull, tip: str, by: Account) -> None:
    finish_merge(world, repo, pull, pull.head_sha if repo.git.is_ancestor(pull.head_sha, tip) else tip, by)


def finish_merge(world: World, repo: Repository, pull: Pull, commit_id: str, by: Account) -> None:
    """Mark a pull request merged and announce `closed`; its description's keywords close issues after that."""
    pull.merged_at, pull.merged_by, pull.merge_commit_sha = world.clock.now(), by, commit_id
    issues.record(world, pull.issue, "merged", by, commit_id=commit_id)
    issues.set_state(world, repo, pull.issue, "closed", by)
    if pull.base_ref == repo.default_branch:
        for number in read(pull.issue.body or "", repo).closes:
            _close(world, repo, number, by, commit_id)


def _close_by_commits(world: World, repo: Repository, old: str | None, new: str, by: Account) -> None:
    if old is None:
        return
    for sha in reversed(repo.git.log(new, exclude=old)):
        for number in closed_by_commit(repo.git.commit(sha).message, repo):
            _close(world, repo, number, by, sha)


def _close(world: World, repo: Repository, number: int, by: Account, commit_id: str) -> None:
    issue: Issue | None = repo.issues.get(number)
    if issue and issue.pull is None and issue.state == "open":
        issues.set_state(world, repo, issue, "closed", by, "completed", commit_id)


def check_workflows(repo: Repository, old: str | None, new: str, app: App | None, permissions: dict[str, str]) -> None:
    """An App without the `workflows` permission cannot bring in files below .github/workflows. Raises ApiError 403."""
    if app is None or permissions.get("workflows") == "write":
        return
    base = old or repo.known_refs.get(_HEADS + repo.default_branch) or EMPTY_TREE
    touched = [change.path for change in repo.git.diff(base, new) if change.path.startswith(".github/workflows/")]
    if touched:
        words = (
            f"refusing to allow a GitHub App to create or update workflow `{touched[0]}` without `workflows` permission"
        )
        raise ApiError(403, words)
