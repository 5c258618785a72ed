"""Check runs, suites and annotations as JSON, for the API and for webhooks."""

from bot.sandbox.git_objects import CommitData
from bot.sandbox.model import Annotation, CheckRun, CheckSuite, Pull, Repository
from bot.sandbox.render import accounts
from bot.sandbox.render.repositories import repository
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject, iso, iso_or_none, node_id

_WORST_FIRST = ("failure", "timed_out", "cancelled", "action_required", "stale", "neutral", "skipped", "success")


def _short_repo(urls: Urls, repo: Repository) -> JsonObject:
    return {"id": repo.id, "name": repo.name, "url": urls.repo(repo)}


def short_pull(urls: Urls, repo: Repository, pull: Pull) -> JsonObject:
    """The minimal form of a pull request that checks carry."""
    return {
        "id": pull.id,
        "number": pull.number,
        "url": urls.pull(repo, pull.number),
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": _short_repo(urls, repo)},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": _short_repo(urls, repo)},
    }


def _pulls_at(urls: Urls, repo: Repository, sha: str) -> list[JsonObject]:
    """Those of the repository's own branches: what comes from a fork is not told here."""
    own = [pull for pull in repo.pulls if pull.home is repo and pull.head_sha == sha]
    return [short_pull(urls, repo, pull) for pull in own if pull.issue.state == "open"]


def run(urls: Urls, repo: Repository, item: CheckRun) -> JsonObject:
    api = urls.repo(repo, f"/check-runs/{item.id}")
    page = urls.repo_web(repo, f"/runs/{item.id}")
    return {
        "id": item.id,
        "name": item.name,
        "node_id": node_id("CR", item.id),
        "head_sha": item.head_sha,
        "external_id": item.external_id,
        "url": api,
        "html_url": page,
        "details_url": item.details_url or page,
        "status": item.status,
        "conclusion": item.conclusion,
        "started_at": iso_or_none(item.started_at),
        "completed_at": iso_or_none(item.completed_at),
        "output": {
            "title": item.title,
            "summary": item.summary,
            "text": item.text,
            "annotations_count": len(item.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": item.suite.id},
        "app": accounts.app(urls, item.app),
        "pull_requests": _pulls_at(urls, repo, item.head_sha),
    }


def run_event(urls: Urls, repo: Repository, item: CheckRun) -> JsonObject:
    data = {**run(urls, repo, item), "check_suite": _suite_in_run(urls, repo, item.suite)}
    if item.actions:
        data["actions"] = [{**action.__dict__} for action in item.actions]
    return data


def _suite_in_run(urls: Urls, repo: Repository, item: CheckSuite) -> JsonObject:
    data = suite(urls, repo, item)
    for key in ("latest_check_runs_count", "check_runs_url", "head_commit"):
        data.pop(key)
    return data


def annotation(urls: Urls, repo: Repository, item: Annotation, sha: str) -> JsonObject:
    return {
        "path": item.path,
        "blob_href": urls.repo_web(repo, f"/blob/{sha}/{item.path}"),
        "start_line": item.start_line,
        "start_column": item.start_column,
        "end_line": item.end_line,
        "end_column": item.end_column,
        "annotation_level": item.level,
        "title": item.title,
        "message": item.message,
        "raw_details": item.raw_details,
    }


def _outcome(repo: Repository, item: CheckSuite) -> tuple[str, str | None]:
    runs = [run for run in repo.runs if run.suite is item]
    if not runs:
        return "queued", None
    if any(run.status != "completed" for run in runs):
        return ("in_progress" if any(run.status != "queued" for run in runs) else "queued"), None
    conclusions = {run.conclusion or "neutral" for run in runs}
    return "completed", next((word for word in _WORST_FIRST if word in conclusions), "neutral")


def _simple_commit(data: CommitData) -> JsonObject:
    return {
        "id": data.sha,
        "tree_id": data.tree,
        "message": data.message,
        "timestamp": iso(data.committer.when),
        "author": {"name": data.author.name, "email": data.author.email},
        "committer": {"name": data.committer.name, "email": data.committer.email},
    }


def suite(urls: Urls, repo: Repository, item: CheckSuite) -> JsonObject:
    api = urls.repo(repo, f"/check-suites/{item.id}")
    status, conclusion = _outcome(repo, item)
    return {
        "id": item.id,
        "node_id": node_id("CS", item.id),
        "head_branch": item.head_branch,
        "head_sha": item.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": api,
        "before": item.before,
        "after": item.head_sha,
        "pull_requests": _pulls_at(urls, repo, item.head_sha),
        "app": accounts.app(urls, item.app),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": sum(run.suite is item for run in repo.runs),
        "check_runs_url": f"{api}/check-runs",
        "head_commit": _simple_commit(repo.git.commit(item.head_sha)),
    }


def suite_in_api(urls: Urls, repo: Repository, item: CheckSuite) -> JsonObject:
    return {**suite(urls, repo, item), "repository": repository(urls, repo)}


def suite_event(urls: Urls, repo: Repository, item: CheckSuite) -> JsonObject:
    return suite(urls, repo, item)
