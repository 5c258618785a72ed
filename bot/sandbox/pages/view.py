"""What the templates show, worked out beforehand: a thread in order of time, a diff line by line, replies to offer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.sandbox.git_objects import TreeEntry
from bot.sandbox.git_store import FileDiff
from bot.sandbox.model import (
    AccountKind,
    CheckRun,
    Comment,
    Issue,
    Pull,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    TimelineEvent,
)
from bot.sandbox.pages.rendered import Block, compare
from bot.sandbox.render import pulls as render_pulls

MAX_SHOWN_BYTES = 512 * 1024

FACES = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "hooray": "🎉", "confused": "😕", "heart": "❤️", "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
_COMMAND = re.compile(r"`(/skill [a-z][a-z0-9 -]{0,40})`")
_WORDS = {
    "closed": "closed this",
    "reopened": "reopened this",
    "renamed": "changed the title",
    "assigned": "changed the assignees",
    "unassigned": "changed the assignees",
    "locked": "locked this",
    "unlocked": "unlocked this",
    "merged": "merged this",
    "head_ref_deleted": "deleted the branch",
}


@dataclass(frozen=True)
class Entry:
    """One thing in a thread; exactly one of the four is set."""

    at: datetime
    comment: Comment | None = None
    event: TimelineEvent | None = None
    review: Review | None = None
    remark: ReviewComment | None = None


def thread(issue: Issue) -> list[Entry]:
    """Everything that was said and done, oldest first. Reviews that are not submitted are nobody's to see."""
    entries = [Entry(each.created_at, comment=each) for each in issue.comments]
    entries += [Entry(each.created_at, event=each) for each in issue.timeline]
    if issue.pull:
        shown = {each.id for each in issue.pull.reviews if each.submitted_at}
        for review in issue.pull.reviews:
            if review.submitted_at and (review.body or review.state != "COMMENTED"):
                entries.append(Entry(review.submitted_at, review=review))
        entries += [
            Entry(each.created_at, remark=each) for each in issue.pull.review_comments if each.review_id in shown
        ]
    return sorted(entries, key=lambda entry: entry.at)


def shown(moment: datetime) -> str:
    """In UTC, and saying so: a page without script cannot know the reader's clock."""
    return f"{moment.astimezone(UTC):%d %b %H:%M} UTC"


def event_words(event: TimelineEvent) -> str:
    if event.label is not None:
        return f"{'added' if event.event == 'labeled' else 'removed'} the label"
    if event.source is not None:
        return f"referred to this in #{event.source.number}"
    return _WORDS.get(event.event, event.event.replace("_", " "))


@dataclass(frozen=True)
class Face:
    content: str
    sign: str
    count: int
    who: str
    mine: bool


def faces(reactions: Iterable[Reaction], login: str) -> list[Face]:
    """Every reaction there can be, with who gave it."""
    given = {content: [each.user.login for each in reactions if each.content == content] for content in FACES}
    return [
        Face(content, sign, len(given[content]), ", ".join(given[content]), login in given[content])
        for content, sign in FACES.items()
    ]


def offered_replies(issue: Issue) -> list[str]:
    """The complete commands that the newest comment of a bot offers: one click instead of typing."""
    said = [comment for comment in issue.comments if comment.user.kind is AccountKind.BOT]
    found = dict.fromkeys(_COMMAND.findall(said[-1].body)) if said else {}
    return [each for each in found if not any(other.startswith(f"{each} ") for other in found)]


@dataclass(frozen=True)
class Line:
    kind: str  # hunk, added, removed, kept
    old: int | None
    new: int | None
    text: str
    remarks: tuple[ReviewComment, ...] = ()


@dataclass(frozen=True)
class FileView:
    diff: FileDiff
    lines: tuple[Line, ...]
    elsewhere: tuple[ReviewComment, ...]  # remarks on the file as a whole, or on lines that are gone
    rendered: tuple[Block, ...] = ()  # of Markdown, as readers see it

    @property
    def last_line(self) -> int:
        return max((line.new or 0 for line in self.lines), default=0)


def files(repo: Repository, pull: Pull) -> list[FileView]:
    shown = {each.id for each in pull.reviews if each.submitted_at}
    remarks = [each for each in pull.review_comments if each.review_id in shown]
    before = render_pulls.fork_point(repo, pull)
    return [
        _file(diff, [each for each in remarks if each.path == diff.path], _rendered(repo, diff, before, pull.head_sha))
        for diff in render_pulls.files(repo, pull)
    ]


def file_views(repo: Repository, diffs: Iterable[FileDiff], before: str, after: str) -> list[FileView]:
    return [_file(diff, [], _rendered(repo, diff, before, after)) for diff in diffs]


def text_of(repo: Repository, entry: TreeEntry | None) -> str | None:
    """The file's text; None when there is none, it is not text, or too long to show."""
    if entry is None or entry.kind != "blob" or (entry.size or 0) > MAX_SHOWN_BYTES:
        return None
    raw = repo.git.read(entry.sha)
    try:
        return None if b"\0" in raw else raw.decode()
    except UnicodeDecodeError:
        return None


def _rendered(repo: Repository, diff: FileDiff, before: str, after: str) -> tuple[Block, ...]:
    if not diff.path.endswith(".md"):
        return ()
    old = text_of(repo, repo.git.at(before, diff.previous or diff.path))
    new = text_of(repo, repo.git.at(after, diff.path))
    return compare(old or "", new or "")


def _file(diff: FileDiff, remarks: list[ReviewComment], rendered: tuple[Block, ...]) -> FileView:
    lines, placed = [], set()
    for _, text, old, new in render_pulls.diff_lines(diff.patch or ""):
        here = tuple(
            each for each in remarks if each.line is not None and each.line == (new if each.side == "RIGHT" else old)
        )
        placed |= {each.id for each in here}
        if old is None and new is None:
            lines.append(Line("hunk", None, None, text))
        else:
            kind = {"+": "added", "-": "removed"}.get(text[:1], "kept")
            lines.append(Line(kind, old, new, text[1:], here))
    return FileView(diff, tuple(lines), tuple(each for each in remarks if each.id not in placed), rendered)


def runs_of(repo: Repository, pull: Pull) -> list[CheckRun]:
    """The newest run of each name on the pull request's head."""
    newest = {run.name: run for run in repo.runs if run.head_sha == pull.head_sha}
    return list(newest.values())


def outcome(run: CheckRun) -> str:
    return run.conclusion.replace("_", " ") if run.conclusion else run.status.replace("_", " ")
