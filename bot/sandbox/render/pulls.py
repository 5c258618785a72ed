"""Pull requests, reviews and review comments as JSON."""

import re

from bot.sandbox.association import author_association
from bot.sandbox.git_store import FileDiff
from bot.sandbox.model import Pull, Repository, Review, ReviewComment
from bot.sandbox.render import accounts, issues
from bot.sandbox.render.repositories import repository
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject, iso, iso_or_none, node_id

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def files(repo: Repository, pull: Pull) -> list[FileDiff]:
    """What the pull request changes: from where it left its base to its head."""
    return repo.git.diff(fork_point(repo, pull), pull.head_sha)


def fork_point(repo: Repository, pull: Pull) -> str:
    """The commit at which the pull request left its base."""
    base = pull.base_sha if pull.merged else repo.git.branch(pull.base_ref) or pull.base_sha
    return repo.git.merge_base(base, pull.head_sha) or base


def commits(repo: Repository, pull: Pull) -> list[str]:
    """Commit ids of the pull request, oldest first."""
    return list(reversed(repo.git.log(pull.head_sha, exclude=pull.base_sha)))


def simple(urls: Urls, repo: Repository, pull: Pull) -> JsonObject:
    """The form of lists, without what needs git to work out."""
    issue = pull.issue
    api, page = urls.pull(repo, issue.number), urls.repo_web(repo, f"/pull/{issue.number}")
    thread = urls.issue(repo, issue.number)
    links = {
        "self": api,
        "html": page,
        "issue": thread,
        "comments": f"{thread}/comments",
        "review_comments": f"{api}/comments",
        "review_comment": urls.repo(repo, "/pulls/comments{/number}"),
        "commits": f"{api}/commits",
        "statuses": urls.repo(repo, f"/statuses/{pull.head_sha}"),
    }

    def end(home: Repository | None, ref: str, sha: str) -> JsonObject:
        """A fork that was deleted is told as null."""
        owner = home.owner if home is not None else issue.user
        shown = repository(urls, home) if home is not None else None
        label = f"{owner.login}:{ref}"
        return {"label": label, "ref": ref, "sha": sha, "user": accounts.user(urls, owner), "repo": shown}

    return {
        "url": api,
        "id": pull.id,
        "node_id": node_id("PR", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": thread,
        "number": issue.number,
        "state": issue.state,
        "locked": issue.locked,
        "title": issue.title,
        "user": accounts.user(urls, issue.user),
        "body": issue.body,
        "created_at": iso(issue.created_at),
        "updated_at": iso(issue.updated_at),
        "closed_at": iso_or_none(issue.closed_at),
        "merged_at": iso_or_none(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": accounts.user_or_none(urls, issue.assignees[0] if issue.assignees else None),
        "assignees": [accounts.user(urls, each) for each in issue.assignees],
        "requested_reviewers": [accounts.user(urls, each) for each in pull.requested_reviewers],
        "requested_teams": [],
        "labels": [issues.label(urls, repo, each) for each in issue.labels],
        "milestone": None,
        "draft": pull.draft,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "head": end(pull.home, pull.head_ref, pull.head_sha),
        "base": end(repo, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": author_association(repo, issue.user),
        "auto_merge": None,
        "active_lock_reason": issue.lock_reason,
    }


def listed(urls: Urls, repo: Repository, pull: Pull) -> JsonObject:
    """As `simple`; the published description wants label descriptions to be text there."""
    data = simple(urls, repo, pull)
    labels = [issues.label(urls, repo, each) for each in pull.issue.labels]
    data["labels"] = [{**label, "description": label["description"] or ""} for label in labels]
    return data


def pull(urls: Urls, repo: Repository, item: Pull, mergeable: bool | None = None, state: str = "unknown") -> JsonObject:
    changes = files(repo, item)
    return {
        **simple(urls, repo, item),
        "merged": item.merged,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state,
        "merged_by": accounts.user_or_none(urls, item.merged_by),
        "comments": len(item.issue.comments),
        "review_comments": len(item.review_comments),
        "maintainer_can_modify": item.maintainer_can_modify,
        "commits": len(commits(repo, item)),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
    }


def review(urls: Urls, repo: Repository, pull: Pull, item: Review, state: str | None = None) -> JsonObject:
    page = urls.repo_web(repo, f"/pull/{pull.number}#pullrequestreview-{item.id}")
    data: JsonObject = {
        "id": item.id,
        "node_id": node_id("PRR", item.id),
        "user": accounts.user(urls, item.user),
        "body": item.body,
        "state": state or item.state,
        "html_url": page,
        "pull_request_url": urls.pull(repo, pull.number),
        "author_association": author_association(repo, item.user),
        "_links": {"html": {"href": page}, "pull_request": {"href": urls.pull(repo, pull.number)}},
        "commit_id": item.commit_id,
    }
    if item.submitted_at:
        data["submitted_at"] = iso(item.submitted_at)
    return data


def review_event(urls: Urls, repo: Repository, pull: Pull, item: Review) -> JsonObject:
    """In webhooks the state is lower case and an empty body is null."""
    data = review(urls, repo, pull, item, item.state.lower())
    return {**data, "body": item.body or None, "submitted_at": iso_or_none(item.submitted_at), "updated_at": None}


def review_comment(urls: Urls, repo: Repository, pull: Pull, item: ReviewComment) -> JsonObject:
    api = urls.repo(repo, f"/pulls/comments/{item.id}")
    page = urls.repo_web(repo, f"/pull/{pull.number}#discussion_r{item.id}")
    data: JsonObject = {
        "url": api,
        "pull_request_review_id": item.review_id,
        "id": item.id,
        "node_id": node_id("PRRC", item.id),
        "diff_hunk": item.diff_hunk,
        "path": item.path,
        "commit_id": item.commit_id,
        "original_commit_id": item.original_commit_id,
        "user": accounts.user(urls, item.user),
        "body": item.body,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "html_url": page,
        "pull_request_url": urls.pull(repo, pull.number),
        "author_association": author_association(repo, item.user),
        "_links": {
            "self": {"href": api},
            "html": {"href": page},
            "pull_request": {"href": urls.pull(repo, pull.number)},
        },
        "reactions": issues.rollup(f"{api}/reactions", item.reactions),
        "start_line": item.start_line,
        "original_start_line": item.start_line,
        "start_side": item.start_side,
        "line": item.line,
        "original_line": item.original_line,
        "side": item.side,
        "original_position": item.original_position,
        "position": item.position,
        "subject_type": item.subject,
    }
    if item.in_reply_to is not None:
        data["in_reply_to_id"] = item.in_reply_to
    return data


def diff_lines(patch: str) -> list[tuple[int, str, int | None, int | None]]:
    """Each line of a patch below its first hunk header: (position, text, old line, new line)."""
    lines: list[tuple[int, str, int | None, int | None]] = []
    old = new = 0
    for position, text in enumerate(patch.split("\n")):
        match = _HUNK.match(text)
        if match:
            old, new = int(match[1]), int(match[2])
            lines.append((position, text, None, None))
        elif text.startswith("-"):
            lines.append((position, text, old, None))
            old += 1
        elif text.startswith("+"):
            lines.append((position, text, None, new))
            new += 1
        elif not text.startswith("\\"):
            lines.append((position, text, old, new))
            old, new = old + 1, new + 1
    return lines


def position_of(patch: str | None, line: int, side: str) -> tuple[int, str] | None:
    """Where a line of the old (LEFT) or new (RIGHT) file is in the diff: its position and the hunk up to there.

    None when the diff does not show it.
    """
    hunk: list[str] = []
    for position, text, old, new in diff_lines(patch or ""):
        if old is None and new is None:
            hunk = []
        hunk.append(text)
        if (old if side == "LEFT" else new) == line:
            return position, "\n".join(hunk)
    return None


def outdate(repo: Repository, pull: Pull) -> None:
    """After a push: comments whose line left the diff lose their place, the others move to the new commit."""
    if not pull.review_comments:
        return
    patches = {change.path: change.patch for change in files(repo, pull)}
    for comment in pull.review_comments:
        place = position_of(patches.get(comment.path), comment.line, comment.side) if comment.line else None
        if place and place[1].rsplit("\n", 1)[-1] == comment.diff_hunk.rsplit("\n", 1)[-1]:
            comment.position, comment.commit_id = place[0], pull.head_sha
        elif comment.subject == "line":
            comment.line = comment.position = None
