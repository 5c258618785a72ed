"""Issues, comments, labels and reactions as JSON."""

from collections import Counter
from urllib.parse import quote

from bot.sandbox.association import author_association
from bot.sandbox.model import Comment, Issue, Label, Reaction, Repository, TimelineEvent
from bot.sandbox.render import accounts
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject, iso, iso_or_none, node_id

CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def label(urls: Urls, repo: Repository, item: Label) -> JsonObject:
    return {
        "id": item.id,
        "node_id": node_id("LA", item.id),
        "url": urls.repo(repo, f"/labels/{quote(item.name, safe='')}"),
        "name": item.name,
        "color": item.color,
        "default": False,
        "description": item.description,
    }


def rollup(url: str, reactions: list[Reaction]) -> JsonObject:
    counts = Counter(reaction.content for reaction in reactions)
    return {"url": url, "total_count": len(reactions), **{content: counts[content] for content in CONTENTS}}


def reaction(urls: Urls, item: Reaction) -> JsonObject:
    return {
        "id": item.id,
        "node_id": node_id("REA", item.id),
        "user": accounts.user(urls, item.user),
        "content": item.content,
        "created_at": iso(item.created_at),
    }


def issue(urls: Urls, repo: Repository, item: Issue) -> JsonObject:
    base = urls.issue(repo, item.number)
    data: JsonObject = {
        "url": base,
        "repository_url": urls.repo(repo),
        "labels_url": f"{base}/labels{{/name}}",
        "comments_url": f"{base}/comments",
        "events_url": f"{base}/events",
        "html_url": urls.thread_web(repo, item.number, item.pull is not None),
        "id": item.id,
        "node_id": item.node_id,
        "number": item.number,
        "title": item.title,
        "user": accounts.user(urls, item.user),
        "labels": [label(urls, repo, each) for each in item.labels],
        "state": item.state,
        "locked": item.locked,
        "assignee": accounts.user_or_none(urls, item.assignees[0] if item.assignees else None),
        "assignees": [accounts.user(urls, each) for each in item.assignees],
        "milestone": None,
        "comments": len(item.comments),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "closed_at": iso_or_none(item.closed_at),
        "author_association": author_association(repo, item.user),
        "active_lock_reason": item.lock_reason,
        "body": item.body,
        "reactions": rollup(f"{base}/reactions", item.reactions),
        "timeline_url": f"{base}/timeline",
        "performed_via_github_app": accounts.app_or_none(urls, item.via_app),
        "state_reason": item.state_reason,
    }
    if item.pull:
        page = urls.repo_web(repo, f"/pull/{item.number}")
        data["draft"] = item.pull.draft
        data["pull_request"] = {
            "url": urls.pull(repo, item.number),
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": iso_or_none(item.pull.merged_at),
        }
    else:
        data["sub_issues_summary"] = {"total": 0, "completed": 0, "percent_completed": 0}
    return data


def detailed_issue(urls: Urls, repo: Repository, item: Issue) -> JsonObject:
    """The form of a single issue, which also says who closed it."""
    return {**issue(urls, repo, item), "closed_by": accounts.user_or_none(urls, item.closed_by)}


def comment(urls: Urls, repo: Repository, parent: Issue, item: Comment) -> JsonObject:
    base = urls.repo(repo, f"/issues/comments/{item.id}")
    return {
        "url": base,
        "html_url": f"{urls.thread_web(repo, parent.number, parent.pull is not None)}#issuecomment-{item.id}",
        "issue_url": urls.issue(repo, parent.number),
        "id": item.id,
        "node_id": item.node_id,
        "user": accounts.user(urls, item.user),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "body": item.body,
        "author_association": author_association(repo, item.user),
        "reactions": rollup(f"{base}/reactions", item.reactions),
        "performed_via_github_app": accounts.app_or_none(urls, item.via_app),
    }


def timeline_event(urls: Urls, repo: Repository, item: TimelineEvent) -> JsonObject:
    data: JsonObject = {
        "id": item.id,
        "node_id": node_id("EV", item.id),
        "url": urls.repo(repo, f"/issues/events/{item.id}"),
        "actor": accounts.user(urls, item.actor),
        "event": item.event,
        "commit_id": item.commit_id,
        "commit_url": urls.repo(repo, f"/commits/{item.commit_id}") if item.commit_id else None,
        "created_at": iso(item.created_at),
        "performed_via_github_app": accounts.app_or_none(urls, item.via_app),
    }
    if item.label:
        data["label"] = {"name": item.label.name, "color": item.label.color}
    return data
