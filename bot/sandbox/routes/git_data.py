"""The Git Data API: refs, trees, blobs, commits. Objects stay invisible until a ref points at them."""

import base64
import binascii
import re

from bot.sandbox.calls import Call, Refusal, Route
from bot.sandbox.errors import ApiError, malformed, not_found, unprocessable
from bot.sandbox.git_objects import Identity, TreeChange
from bot.sandbox.git_store import GitError
from bot.sandbox.model import Repository, Role
from bot.sandbox.ops import refs as ops
from bot.sandbox.principals import InstallationCaller
from bot.sandbox.render import git as render
from bot.sandbox.requests import Body, Reply
from bot.sandbox.routes.paging import listing

_GIT = "/repos/{owner}/{repo}/git"
_MODES = ("100644", "100755", "040000", "160000", "120000")
_KIND_OF_MODE = {"040000": "tree", "160000": "commit"}
_MAX_BLOB = 40 << 20


def readable(call: Call) -> Repository:
    repo = call.repo("contents:read")
    if not repo.known_refs:
        raise ApiError(409, "Git Repository is empty.")
    return repo


def writable(call: Call) -> Repository:
    return call.repo("contents:write", role=Role.WRITE, refusal=Refusal.HIDDEN)


def app_permissions(call: Call) -> dict[str, str]:
    return call.principal.permissions if isinstance(call.principal, InstallationCaller) else {}


# --- refs ------------------------------------------------------------------------------------------------------------


def get_ref(call: Call) -> Reply:
    repo = readable(call)
    name = f"refs/{call.params['ref']}"
    sha = repo.known_refs.get(name) or (repo.git.ref(name) if name.startswith("refs/pull/") else None)
    if sha is None:
        raise not_found()
    return Reply(200, render.ref(call.world.urls, repo, name, sha))


def matching_refs(call: Call) -> Reply:
    repo = readable(call)
    prefix = f"refs/{call.params['ref']}"
    found = [(name, sha) for name, sha in sorted(repo.known_refs.items()) if name.startswith(prefix)]
    return listing(call, found, lambda pair: render.ref(call.world.urls, repo, *pair), repo)


def _commit_for_ref(repo: Repository, sha: str, name: str) -> None:
    kind = repo.git.kind(sha)
    if kind is None or (kind != "commit" and name.startswith("refs/heads/")):
        raise unprocessable("Object does not exist")


def _refuse_protected(repo: Repository, name: str) -> None:
    if name.removeprefix("refs/heads/") in repo.protected:
        raise unprocessable("Changes must be made through a pull request.")


def create_ref(call: Call) -> Reply:
    repo = writable(call)
    name, sha = call.body.need_text("ref"), call.body.need_text("sha")
    if not re.fullmatch(r"refs/[^/]+/.+", name) or not repo.git.valid_ref_name(name):
        raise unprocessable("Reference name is invalid: must start with 'refs/' and have at least two slashes.")
    if name in repo.known_refs:
        raise unprocessable("Reference already exists")
    _commit_for_ref(repo, sha, name)
    ops.check_workflows(repo, None, sha, call.via_app, app_permissions(call))
    try:
        repo.git.update_ref(name, sha, "0" * 40)
    except GitError as error:  # a directory is in the way: refs/heads/a and refs/heads/a/b exclude each other
        raise unprocessable("Reference update failed") from error
    ops.moved(call.world, repo, name, sha, call.actor)
    shown = render.ref(call.world.urls, repo, name, sha)
    return Reply(201, shown, {"Location": str(shown["url"])})


def update_ref(call: Call) -> Reply:
    repo = writable(call)
    name, sha = f"refs/{call.params['ref']}", call.body.need_text("sha")
    old = repo.known_refs.get(name)
    if old is None:
        raise unprocessable("Reference does not exist")
    _commit_for_ref(repo, sha, name)
    _refuse_protected(repo, name)
    if not call.body.flag("force") and not repo.git.is_ancestor(old, sha):
        raise unprocessable("Update is not a fast forward")
    ops.check_workflows(repo, old, sha, call.via_app, app_permissions(call))
    repo.git.update_ref(name, sha, old)
    ops.moved(call.world, repo, name, sha, call.actor)
    return Reply(200, render.ref(call.world.urls, repo, name, sha))


def delete_ref(call: Call) -> Reply:
    repo = writable(call)
    name = f"refs/{call.params['ref']}"
    if name not in repo.known_refs:
        raise unprocessable("Reference does not exist")
    if name == f"refs/heads/{repo.default_branch}":
        raise unprocessable("Cannot delete the default branch")
    _refuse_protected(repo, name)
    repo.git.delete_ref(name)
    ops.moved(call.world, repo, name, None, call.actor)
    return Reply(204)


# --- objects ---------------------------------------------------------------------------------------------------------


def create_blob(call: Call) -> Reply:
    repo = writable(call)
    text = call.body.need_text("content")
    encoding = call.body.choice("encoding", ("utf-8", "base64")) or "utf-8"
    sha = repo.git.write_blob(decoded(text, encoding))
    return Reply(201, {"url": call.world.urls.repo(repo, f"/git/blobs/{sha}"), "sha": sha})


def decoded(text: str, encoding: str) -> bytes:
    if encoding == "utf-8":
        return text.encode("utf-8", "replace")
    try:
        data = base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        raise unprocessable("content is not valid Base64") from None
    if len(data) > _MAX_BLOB:
        raise unprocessable("Sorry, your input was too large to process.")
    return data


def get_blob(call: Call) -> Reply:
    repo = readable(call)
    sha = call.params["file_sha"]
    if repo.git.kind(sha) != "blob":
        raise not_found()
    if "raw" in call.headers.get("Accept", ""):
        return Reply(200, text=repo.git.read(sha), content_type="application/vnd.github.raw+json")
    return Reply(200, render.blob(call.world.urls, repo, sha))


def create_tree(call: Call) -> Reply:
    repo = writable(call)
    base = call.body.text("base_tree")
    if base is not None:
        kind = repo.git.kind(base)
        if kind not in ("tree", "commit"):
            raise unprocessable("base_tree is not a valid tree oid")
        base = repo.git.commit(base).tree if kind == "commit" else base
    entries = call.body.children("tree")
    if entries is None:
        raise malformed('"tree" wasn\'t supplied.')
    if not entries and base is None:
        raise unprocessable("Invalid tree info")
    changes = [_tree_change(repo, entry) for entry in entries]
    if any(change.path.startswith(".github/workflows/") for change in changes):
        _refuse_workflow(call)
    if base is None:
        changes = [change for change in changes if change.sha is not None]
    elif absent := next((c.path for c in changes if c.sha is None and not _present(repo, base, c.path)), None):
        raise unprocessable(f"tree.path: {absent} does not exist in the base tree (GitRPC::BadObjectState)")
    try:
        sha = repo.git.write_tree(base, changes)
    except GitError:
        raise unprocessable("tree.path contains a malformed path component") from None
    return Reply(201, _tree(call, repo, sha, False))


def _present(repo: Repository, base: str, path: str) -> bool:
    return repo.git.at(base, path) is not None


def _refuse_workflow(call: Call) -> None:
    if call.via_app and app_permissions(call).get("workflows") != "write":
        raise ApiError(403, "Resource not accessible by integration")


def _tree_change(repo: Repository, entry: Body) -> TreeChange:
    path, mode = entry.text("path"), entry.choice("mode", _MODES)
    content, sha = entry.text("content"), entry.text("sha")
    if not path:
        raise unprocessable("tree.path cannot be empty")
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in path or "\n" in path:
        raise unprocessable("tree.path contains a malformed path component")
    if entry.has("sha") and sha is None:
        return TreeChange(path, None)
    if content is not None and sha is not None:
        raise unprocessable("Must supply tree.sha or tree.content, not both")
    if mode is None:
        raise unprocessable("tree.mode is missing or invalid")
    if content is not None:
        return TreeChange(path, repo.git.write_blob(content.encode("utf-8", "replace")), mode)
    if sha is None:
        raise unprocessable("Must supply either tree.sha or tree.content")
    expected = _KIND_OF_MODE.get(mode, "blob")
    if expected != "commit" and repo.git.kind(sha) != expected:
        raise unprocessable(f"tree.sha {sha} is not a valid {expected}")
    return TreeChange(path, sha, mode)


def _tree(call: Call, repo: Repository, sha: str, recursive: bool) -> dict[str, object]:
    entries = repo.git.tree(sha, recursive)
    limit = 100_000
    return {
        "sha": sha,
        "url": call.world.urls.repo(repo, f"/git/trees/{sha}"),
        "tree": [render.tree_entry(call.world.urls, repo, entry) for entry in entries[:limit]],
        "truncated": len(entries) > limit,
    }


def get_tree(call: Call) -> Reply:
    repo = readable(call)
    name = call.params["tree_sha"]
    sha = name if repo.git.kind(name) == "tree" else None
    if sha is None and (commit := repo.git.resolve(name)):
        sha = repo.git.commit(commit).tree
    if sha is None:
        raise not_found()
    return Reply(200, _tree(call, repo, sha, "recursive" in call.query.values))


def create_commit(call: Call) -> Reply:
    repo = writable(call)
    message, tree = call.body.need_text("message"), call.body.need_text("tree")
    parents = call.body.texts("parents") or []
    if repo.git.kind(tree) != "tree":
        raise unprocessable("Tree SHA does not exist")
    if any(repo.git.kind(parent) != "commit" for parent in parents):
        raise unprocessable("Parent SHA does not exist or is not a commit object")
    given_author, given_committer = call.body.child("author"), call.body.child("committer")
    author = identity(call, given_author)
    committer = identity(call, given_committer) if given_committer else author
    sha = repo.git.write_commit(tree, parents, message, author, committer)
    if call.via_app and given_author is None and given_committer is None:
        repo.verified_commits.add(sha)  # GitHub signs what an App commits in its own name
    ops.attribute(call.world, repo, sha)
    shown = render.git_commit(call.world.urls, repo, repo.git.commit(sha))
    return Reply(201, shown, {"Location": str(shown["url"])})


def identity(call: Call, given: Body | None) -> Identity:
    """Who a commit is by: as given, else the caller."""
    actor, now = call.actor, call.world.clock.now()
    if given is None:
        return Identity(actor.name, actor.email, now)
    return Identity(given.need_text("name"), given.need_text("email"), given.instant("date") or now)


def get_commit(call: Call) -> Reply:
    repo = readable(call)
    sha = call.params["commit_sha"]
    if repo.git.kind(sha) != "commit":
        raise not_found()
    return Reply(200, render.git_commit(call.world.urls, repo, repo.git.commit(sha)))


ROUTES = [
    Route("GET", _GIT + "/ref/{ref}", get_ref, deep="ref"),
    Route("GET", _GIT + "/matching-refs/{ref}", matching_refs, deep="ref"),
    Route("POST", _GIT + "/refs", create_ref),
    Route("PATCH", _GIT + "/refs/{ref}", update_ref, deep="ref"),
    Route("DELETE", _GIT + "/refs/{ref}", delete_ref, deep="ref"),
    Route("POST", _GIT + "/blobs", create_blob),
    Route("GET", _GIT + "/blobs/{file_sha}", get_blob),
    Route("POST", _GIT + "/trees", create_tree),
    Route("GET", _GIT + "/trees/{tree_sha}", get_tree, deep="tree_sha"),
    Route("POST", _GIT + "/commits", create_commit),
    Route("GET", _GIT + "/commits/{commit_sha}", get_commit),
]
