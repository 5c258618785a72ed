"""Files, branches, commits and comparisons: the view of a repository that is not raw git."""

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import ApiError, malformed, not_found, unprocessable
from bot.sandbox.git_objects import EMPTY_TREE, Identity, TreeChange, TreeEntry
from bot.sandbox.git_store import GitError
from bot.sandbox.model import Repository
from bot.sandbox.ops import refs as ops
from bot.sandbox.render import git as render
from bot.sandbox.render import pulls as render_pulls
from bot.sandbox.requests import Body, Reply
from bot.sandbox.routes.git_data import app_permissions, decoded, identity, readable, writable
from bot.sandbox.routes.paging import listing, window
from bot.sandbox.values import JsonObject

_REPO = "/repos/{owner}/{repo}"
_CONTENTS = _REPO + "/contents/{path}"
_MAX_COMPARED_FILES = 300


def _path(call: Call) -> str:
    path = call.params.get("path", "").strip("/")
    if any(part in (".", "..") or part.lower() == ".git" for part in path.split("/")):
        raise unprocessable("path contains a malformed path component")
    return path


def get_contents(call: Call) -> Reply:
    repo = call.repo("contents:read")
    path, revision = _path(call), call.query.get("ref") or repo.default_branch
    commit = repo.git.resolve(revision)
    if commit is None:
        if not repo.known_refs:
            raise ApiError(404, "This repository is empty.")
        raise ApiError(404, f"No commit found for the ref {revision}")
    entry = repo.git.at(commit, path)
    if entry is None:
        raise not_found()
    if entry.kind == "tree":
        prefix = f"{path}/" if path else ""
        entries = [(f"{prefix}{child.path}", child) for child in repo.git.tree(entry.sha, recursive=False)]
        return Reply(200, [render.content(call.world.urls, repo, child, name, revision) for name, child in entries])
    if "raw" in call.headers.get("Accept", ""):
        return Reply(200, text=repo.git.read(entry.sha), content_type="application/vnd.github.raw+json")
    return Reply(200, render.file_content(call.world.urls, repo, entry, path, revision))


def get_readme(call: Call) -> Reply:
    repo = call.repo("contents:read")
    revision = call.query.get("ref") or repo.default_branch
    commit = repo.git.resolve(revision)
    found = commit and next(
        (
            entry
            for entry in repo.git.tree(commit, False)
            if entry.path.lower() in ("readme.md", "readme", "readme.txt")
        ),
        None,
    )
    if not found:
        raise not_found()
    return Reply(200, render.file_content(call.world.urls, repo, found, found.path, revision))


def _branch_tip(call: Call, repo: Repository) -> tuple[str, str | None]:
    branch = call.body.text("branch") or repo.default_branch
    tip = repo.git.branch(branch)
    if tip is None and repo.known_refs:
        raise ApiError(404, f"Branch {branch} not found")
    if branch in repo.protected:
        raise ApiError(409, f"Repository rule violations found: {branch} is protected")
    return branch, tip


def _commit(
    call: Call, repo: Repository, branch: str, tip: str | None, change: TreeChange
) -> tuple[str, TreeEntry | None]:
    message = call.body.need_text("message")
    base = repo.git.commit(tip).tree if tip else None
    try:
        tree = repo.git.write_tree(base, [change])
    except GitError:
        raise unprocessable("path contains a malformed path component") from None
    given = call.body.child("author") or call.body.child("committer")
    author = identity(call, given)
    committer_given: Body | None = call.body.child("committer")
    now = call.world.clock.now()
    committer = identity(call, committer_given) if committer_given else Identity("GitHub", "noreply@github.com", now)
    sha = repo.git.write_commit(tree, [tip] if tip else [], message, author, committer)
    ops.check_workflows(repo, tip, sha, call.via_app, app_permissions(call))
    if given is None:
        repo.verified_commits.add(sha)
    name = f"refs/heads/{branch}"
    repo.git.update_ref(name, sha, tip or "0" * 40)
    ops.moved(call.world, repo, name, sha, call.actor)
    return sha, repo.git.at(sha, change.path)


def put_contents(call: Call) -> Reply:
    repo = writable(call)
    path = _path(call)
    call.body.need_text("message")
    data = decoded(call.body.need_text("content"), "base64")
    branch, tip = _branch_tip(call, repo)
    present = repo.git.at(tip, path) if tip else None
    given = call.body.text("sha")
    if present and given is None:
        raise malformed('"sha" wasn\'t supplied.')
    if given is not None and (present is None or present.sha != given):
        raise ApiError(409, f"{path} does not match {given}")
    sha, entry = _commit(call, repo, branch, tip, TreeChange(path, repo.git.write_blob(data)))
    assert entry is not None
    shown = render.content(call.world.urls, repo, entry, path, branch)
    commit = render.git_commit(call.world.urls, repo, repo.git.commit(sha))
    return Reply(200 if present else 201, {"content": shown, "commit": commit})


def delete_contents(call: Call) -> Reply:
    repo = writable(call)
    path = _path(call)
    call.body.need_text("message")
    given = call.body.need_text("sha")
    branch, tip = _branch_tip(call, repo)
    present = repo.git.at(tip, path) if tip else None
    if present is None:
        raise not_found()
    if present.sha != given:
        raise ApiError(409, f"{path} does not match {given}")
    sha, _ = _commit(call, repo, branch, tip, TreeChange(path, None))
    return Reply(200, {"content": None, "commit": render.git_commit(call.world.urls, repo, repo.git.commit(sha))})


# --- branches --------------------------------------------------------------------------------------------------------


def _branches(repo: Repository) -> list[tuple[str, str]]:
    heads = "refs/heads/"
    return [(name[len(heads) :], sha) for name, sha in sorted(repo.known_refs.items()) if name.startswith(heads)]


def list_branches(call: Call) -> Reply:
    repo = call.repo("contents:read")

    def shown(pair: tuple[str, str]) -> dict[str, object]:
        name, sha = pair
        commit = {"sha": sha, "url": call.world.urls.repo(repo, f"/commits/{sha}")}
        return {"name": name, "commit": commit, "protected": name in repo.protected}

    return listing(call, _branches(repo), shown, repo)


def get_branch(call: Call) -> Reply:
    repo = call.repo("contents:read")
    name = call.params["branch"]
    sha = dict(_branches(repo)).get(name)
    if sha is None:
        raise ApiError(404, "Branch not found")
    protected = name in repo.protected
    checks: JsonObject = {"enforcement_level": "non_admins" if protected else "off", "contexts": [], "checks": []}
    page = {
        "self": call.world.urls.repo(repo, f"/branches/{name}"),
        "html": call.world.urls.repo_web(repo, f"/tree/{name}"),
    }
    return Reply(
        200,
        {
            "name": name,
            "commit": render.commit(call.world.urls, repo, repo.git.commit(sha)),
            "_links": page,
            "protected": protected,
            "protection": {"enabled": protected, "required_status_checks": checks},
            "protection_url": call.world.urls.repo(repo, f"/branches/{name}/protection"),
        },
    )


# --- commits ---------------------------------------------------------------------------------------------------------


def list_commits(call: Call) -> Reply:
    repo = readable(call)
    revision = call.query.get("sha") or repo.default_branch
    start = repo.git.resolve(revision)
    if start is None:
        raise not_found()
    shas = repo.git.log(start, path=call.query.get("path") or None)
    return listing(call, shas, lambda sha: render.commit(call.world.urls, repo, repo.git.commit(sha)), repo)


def get_commit(call: Call) -> Reply:
    repo = readable(call)
    sha = repo.git.resolve(call.params["ref"])
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {call.params['ref']}")
    if "application/vnd.github.sha" in call.headers.get("Accept", ""):
        return Reply(200, text=sha, content_type="application/vnd.github.sha")
    data = repo.git.commit(sha)
    files = repo.git.diff(data.parents[0] if data.parents else EMPTY_TREE, sha)
    added, removed = sum(file.additions for file in files), sum(file.deletions for file in files)
    return Reply(
        200,
        {
            **render.commit(call.world.urls, repo, data),
            "stats": {"total": added + removed, "additions": added, "deletions": removed},
            "files": [render.file_diff(call.world.urls, repo, file, sha) for file in files],
        },
    )


def pulls_of_commit(call: Call) -> Reply:
    repo = call.repo("pull_requests:read", "contents:read")
    sha = call.params["commit_sha"]
    found = [pull for pull in repo.pulls if sha in (pull.head_sha, pull.merge_commit_sha)]
    return listing(call, found, lambda pull: render_pulls.listed(call.world.urls, repo, pull), repo)


def compare(call: Call) -> Reply:
    repo = readable(call)
    base_name, dots, head_name = call.params["basehead"].partition("...")
    owner = f"{repo.owner.login.lower()}:"
    base, head = (
        repo.git.resolve(name[len(owner) :] if name.lower().startswith(owner) else name)
        for name in (base_name, head_name)
    )
    if not dots or base is None or head is None:
        raise not_found()
    fork_point = repo.git.merge_base(base, head)
    if fork_point is None:
        raise ApiError(404, f"No common ancestor between {base_name} and {head_name}.")
    if "diff" in call.headers.get("Accept", ""):
        return Reply(200, text=repo.git.patch(fork_point, head), content_type="application/vnd.github.diff")
    ahead, behind = list(reversed(repo.git.log(head, exclude=base))), repo.git.log(base, exclude=head)
    shown, headers = window(call, ahead, repo)
    urls = call.world.urls
    page = urls.repo_web(repo, f"/compare/{base_name}...{head_name}")
    files = repo.git.diff(fork_point, head)[:_MAX_COMPARED_FILES]
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}.get(
        (bool(ahead), bool(behind))
    )
    data = {
        "url": urls.repo(repo, f"/compare/{base_name}...{head_name}"),
        "html_url": page,
        "permalink_url": urls.repo_web(repo, f"/compare/{base[:12]}...{head[:12]}"),
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": render.commit(urls, repo, repo.git.commit(base)),
        "merge_base_commit": render.commit(urls, repo, repo.git.commit(fork_point)),
        "status": status or "identical",
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [render.commit(urls, repo, repo.git.commit(sha)) for sha in shown],
        "files": [render.file_diff(urls, repo, file, head) for file in files],
    }
    return Reply(200, data, headers)


ROUTES = [
    Route("GET", _REPO + "/contents", get_contents),
    Route("GET", _CONTENTS, get_contents, deep="path"),
    Route("PUT", _CONTENTS, put_contents, deep="path"),
    Route("DELETE", _CONTENTS, delete_contents, deep="path"),
    Route("GET", _REPO + "/readme", get_readme),
    Route("GET", _REPO + "/branches", list_branches),
    Route("GET", _REPO + "/branches/{branch}", get_branch, deep="branch"),
    Route("GET", _REPO + "/commits", list_commits),
    Route("GET", _REPO + "/commits/{commit_sha}/pulls", pulls_of_commit),
    Route("GET", _REPO + "/commits/{ref}", get_commit, deep="ref"),
    Route("GET", _REPO + "/compare/{basehead}", compare, deep="basehead"),
]
