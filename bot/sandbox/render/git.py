"""Refs, trees, blobs, commits, contents and comparisons as JSON."""

import base64
from urllib.parse import quote

from bot.sandbox.git_objects import CommitData, Identity, TreeEntry
from bot.sandbox.git_store import FileDiff
from bot.sandbox.model import Repository
from bot.sandbox.render import accounts
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject, iso, node_id


def ref(urls: Urls, repo: Repository, name: str, sha: str) -> JsonObject:
    kind = repo.git.kind(sha) or "commit"
    return {
        "ref": name,
        "node_id": node_id("REF", f"{repo.id}:{name}"),
        "url": urls.repo(repo, f"/git/{name}"),
        "object": {"sha": sha, "type": kind, "url": urls.repo(repo, f"/git/{kind}s/{sha}")},
    }


def identity(item: Identity) -> JsonObject:
    return {"name": item.name, "email": item.email, "date": iso(item.when)}


def verification(repo: Repository, sha: str) -> JsonObject:
    verified = sha in repo.verified_commits
    return {
        "verified": verified,
        "reason": "valid" if verified else "unsigned",
        "signature": "-----BEGIN PGP SIGNATURE-----\n\nsandbox\n-----END PGP SIGNATURE-----" if verified else None,
        "payload": f"commit {sha}" if verified else None,
        "verified_at": iso(repo.git.commit(sha).committer.when) if verified else None,
    }


def git_commit(urls: Urls, repo: Repository, data: CommitData) -> JsonObject:
    """A commit as the Git Data API gives it."""
    return {
        "sha": data.sha,
        "node_id": node_id("C", f"{repo.id}:{data.sha}"),
        "url": urls.repo(repo, f"/git/commits/{data.sha}"),
        "html_url": urls.repo_web(repo, f"/commit/{data.sha}"),
        "author": identity(data.author),
        "committer": identity(data.committer),
        "tree": {"sha": data.tree, "url": urls.repo(repo, f"/git/trees/{data.tree}")},
        "message": data.message,
        "parents": [
            {
                "sha": parent,
                "url": urls.repo(repo, f"/git/commits/{parent}"),
                "html_url": urls.repo_web(repo, f"/commit/{parent}"),
            }
            for parent in data.parents
        ],
        "verification": verification(repo, data.sha),
    }


def commit(urls: Urls, repo: Repository, data: CommitData) -> JsonObject:
    """A commit as the commits API gives it: git's data inside, accounts outside."""
    author, committer = repo.committers.get(data.sha, (None, None))
    api = urls.repo(repo, f"/commits/{data.sha}")
    return {
        "sha": data.sha,
        "node_id": node_id("C", f"{repo.id}:{data.sha}"),
        "commit": {
            "author": identity(data.author),
            "committer": identity(data.committer),
            "message": data.message,
            "tree": {"sha": data.tree, "url": urls.repo(repo, f"/git/trees/{data.tree}")},
            "url": urls.repo(repo, f"/git/commits/{data.sha}"),
            "comment_count": 0,
            "verification": verification(repo, data.sha),
        },
        "url": api,
        "html_url": urls.repo_web(repo, f"/commit/{data.sha}"),
        "comments_url": f"{api}/comments",
        "author": accounts.user_or_none(urls, author),
        "committer": accounts.user_or_none(urls, committer),
        "parents": [
            {
                "sha": parent,
                "url": urls.repo(repo, f"/commits/{parent}"),
                "html_url": urls.repo_web(repo, f"/commit/{parent}"),
            }
            for parent in data.parents
        ],
    }


def file_diff(urls: Urls, repo: Repository, item: FileDiff, sha: str) -> JsonObject:
    path = quote(item.path)
    data: JsonObject = {
        "sha": item.sha,
        "filename": item.path,
        "status": item.status,
        "additions": item.additions,
        "deletions": item.deletions,
        "changes": item.additions + item.deletions,
        "blob_url": urls.repo_web(repo, f"/blob/{sha}/{path}"),
        "raw_url": urls.repo_web(repo, f"/raw/{sha}/{path}"),
        "contents_url": urls.repo(repo, f"/contents/{path}?ref={sha}"),
    }
    if item.patch is not None:
        data["patch"] = item.patch
    if item.previous is not None:
        data["previous_filename"] = item.previous
    return data


def tree_entry(urls: Urls, repo: Repository, item: TreeEntry) -> JsonObject:
    data: JsonObject = {"path": item.path, "mode": item.mode, "type": item.kind, "sha": item.sha}
    if item.size is not None:
        data["size"] = item.size
    if item.kind != "commit":
        data["url"] = urls.repo(repo, f"/git/{item.kind}s/{item.sha}")
    return data


def _content_kind(item: TreeEntry) -> str:
    if item.mode == "120000":
        return "symlink"
    return {"tree": "dir", "commit": "submodule"}.get(item.kind, "file")


def content(urls: Urls, repo: Repository, item: TreeEntry, path: str, revision: str) -> JsonObject:
    """A directory entry or the head of a file's content answer."""
    shown = quote(path)
    api = urls.repo(repo, f"/contents/{shown}?ref={quote(revision, safe='')}")
    page = urls.repo_web(repo, f"/{'tree' if item.kind == 'tree' else 'blob'}/{quote(revision)}/{shown}")
    objects = "trees" if item.kind == "tree" else "blobs"
    git_url = urls.repo(repo, f"/git/{objects}/{item.sha}")
    raw = None if item.kind == "tree" else urls.repo_web(repo, f"/raw/{quote(revision)}/{shown}")
    return {
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": item.sha,
        "size": item.size or 0,
        "url": api,
        "html_url": page,
        "git_url": git_url,
        "download_url": raw,
        "type": _content_kind(item),
        "_links": {"self": api, "git": git_url, "html": page},
    }


def file_content(urls: Urls, repo: Repository, item: TreeEntry, path: str, revision: str) -> JsonObject:
    """A file with its bytes; over 1 MB GitHub leaves them out."""
    data = repo.git.read(item.sha)
    small = len(data) <= 1 << 20
    encoded = base64.encodebytes(data).decode() if small else ""
    return {**content(urls, repo, item, path, revision), "content": encoded, "encoding": "base64" if small else "none"}


def blob(urls: Urls, repo: Repository, sha: str) -> JsonObject:
    data = repo.git.read(sha)
    return {
        "sha": sha,
        "node_id": node_id("B", f"{repo.id}:{sha}"),
        "size": len(data),
        "url": urls.repo(repo, f"/git/blobs/{sha}"),
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }
