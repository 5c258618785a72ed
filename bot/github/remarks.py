"""What people said on a pull request, for the record of why it was not merged. Bots and bare commands are left out."""

import datetime as dt
from collections.abc import Mapping

from bot.github.client import GitHubApi
from bot.github.errors import GoneError
from bot.github.models import Account, Comment, Review
from pipeline.models import Feedback

MOST_READ = 200
MOST_KEPT = 50
LONGEST = 4_000


async def said_on_pull(api: GitHubApi, at: Mapping[str, str | int], number: int) -> list[Feedback]:
    """Reviews, line comments and comments in the order of time, the newest fifty. Raises GitHubError."""
    there = {**at, "number": number}
    found: list[tuple[dt.datetime, Feedback]] = []
    try:
        async for review in api.getiter("/repos/{owner}/{repo}/pulls/{number}/reviews?per_page=100", there, Review):
            _keep(found, review.submitted_at, review.user, review.body, f"review:{review.id}")
        for url, kind in _COMMENTS.items():
            async for comment in api.getiter(f"{url}?per_page=100", there, Comment):
                line = comment.line if comment.line is not None else comment.original_line
                source = f"{kind}:{comment.id}"
                _keep(found, comment.created_at, comment.user, comment.body, source, comment.path, line)
    except GoneError:
        return []
    return [said for _, said in sorted(found, key=lambda each: each[0])][-MOST_KEPT:]


_COMMENTS = {
    "/repos/{owner}/{repo}/pulls/{number}/comments": "review_comment",
    "/repos/{owner}/{repo}/issues/{number}/comments": "comment",
}


def _keep(
    found: list[tuple[dt.datetime, Feedback]],
    moment: dt.datetime | None,
    user: Account | None,
    body: str | None,
    source: str,
    path: str | None = None,
    line: int | None = None,
) -> None:
    words = (body or "").strip()
    is_command = words.startswith("/") and "\n" not in words
    if moment is None or user is None or user.type == "Bot" or not words or is_command or len(found) >= MOST_READ:
        return
    said = Feedback(text=words[:LONGEST], by=user.login[:100], source=source, path=path, line=line)
    found.append((moment, said))
