"""One repository's issues and pull requests compared with its jobs; each difference becomes the delivery that was lost.

The deliveries have GitHub's own shape, so that they are read by the same code as real ones. Who did it is asked of
GitHub (the issue's events, `closed_by`, `merged_by`); where it cannot be known, nobody with authority is named.
"""

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from bot.github.client import GitHubApi, find_item
from bot.github.models import Account, Comment, Issue, IssueEvent, PullRequest, Review
from bot.jobs.identity import BotIdentity
from bot.jobs.issue_form import read_request
from bot.jobs.job import ENDED, Job, JobStatus, Repository, job_key

GRACE = dt.timedelta(minutes=2)
"""What is younger may still be on its way as an ordinary delivery."""
TALK_LOOKBACK = dt.timedelta(hours=20)
OVERLAP = dt.timedelta(hours=1)
MERGEABILITY_SECONDS = 1.0
"""How long GitHub most often takes to work out whether a pull request conflicts, once it was asked."""
GHOST = Account(login="ghost", id=10137)

_ISSUE = "/repos/{owner}/{repo}/issues/{number}"
_PULL = "/repos/{owner}/{repo}/pulls/{number}"


@dataclass(frozen=True)
class SyntheticDelivery:
    """A delivery of our own making, in GitHub's shape. `delivery` depends only on what happened."""

    delivery: str
    event: str
    action: str
    payload: dict[str, JsonValue]
    repository_id: int
    installation_id: int

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload, ensure_ascii=False, sort_keys=True).encode()


class Ledger(Protocol):
    """What the bot knows already, and where it takes news."""

    async def find(self, key: str) -> Job | None:
        """The job of this key, whatever its status."""
        ...

    async def watched(self, repository_id: int) -> Sequence[Job]:
        """Jobs of the repository that have not ended, or whose pull request may still change their end."""
        ...

    async def heard(self, key: str) -> frozenset[str]:
        """Words stored for this job, by kind and id: `issue_comment:5`, `pull_request_review:6`, ..."""
        ...

    async def adopt(self, repository: Repository) -> None:
        """Jobs of this repository that know it by another installation (of before, or none) know this one from now."""
        ...

    async def deliver(self, delivery: SyntheticDelivery) -> bool:
        """Store it like any delivery and wake the job; False when this very delivery is known."""
        ...


@dataclass
class RepositoryState:
    """One comparison. `now` is its moment; nothing younger than `grace` is taken for lost."""

    api: GitHubApi
    repository: Repository
    label: str
    identity: BotIdentity
    ledger: Ledger
    now: dt.datetime
    grace: dt.timedelta = field(default_factory=lambda: GRACE)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    found: int = field(default=0, init=False)
    _unsure: list[tuple[Job, int]] = field(default_factory=list, init=False)

    async def compare(self) -> int:
        """Deliver what is missing; how many deliveries were new. Raises GitHubError."""
        for job in await self.ledger.watched(self.repository.id):
            await self._compare_job(job)
        await self._look_again()
        async for issue in self._labelled_issues():
            await self._compare_labelled(issue)
        return self.found

    async def compare_one(self, job: Job) -> int:
        """Deliver what is missing of one job; how many deliveries were new. Raises GitHubError."""
        await self._compare_job(job)
        return self.found

    # --- issues that should have a job -------------------------------------------------------------------------------

    async def _labelled_issues(self) -> AsyncIterator[Issue]:
        issues = self.api.getiter(
            "/repos/{owner}/{repo}/issues?labels={label}&state=open&sort=created&direction=asc&per_page=100",
            self._at(label=self.label),
            Issue,
        )
        async for issue in issues:
            if issue.pull_request is None:
                yield issue

    async def _compare_labelled(self, issue: Issue) -> None:
        job = await self.ledger.find(job_key(self.repository.id, issue.number))
        if job is not None and (job.status not in ENDED or job.status is JobStatus.PROMOTED):
            return
        events = await self._events(issue.number)
        labelled = _last(events, "labeled", self.label)
        if job is None:
            actor = labelled.actor if labelled is not None else issue.user
            moment = labelled.created_at if labelled is not None else None
            if moment is None or self._is_settled(moment):
                await self._labelled(issue, actor, labelled.id if labelled is not None else 0)
        elif labelled is not None and self._is_news(labelled, job):
            await self._labelled(issue, labelled.actor, labelled.id)
        elif (reopened := _last(events, "reopened")) is not None and self._is_news(reopened, job):
            await self._deliver("issues", "reopened", str(reopened.id), reopened.actor, {"issue": _issue(issue)})

    async def _labelled(self, issue: Issue, actor: Account | None, event_id: int) -> None:
        parts: dict[str, JsonValue] = {"issue": _issue(issue), "label": {"name": self.label}}
        await self._deliver("issues", "labeled", f"{issue.number}:{event_id}", actor, parts)

    def _is_news(self, event: IssueEvent, job: Job) -> bool:
        return event.created_at > job.updated_at and self._is_settled(event.created_at)

    # --- jobs whose issue or pull request moved on -------------------------------------------------------------------

    async def _compare_job(self, job: Job) -> None:
        if job.pull is not None:
            await self._compare_pull(job, job.pull.number, job.pull.head_sha)
        if job.status in ENDED:
            return
        issue = await self._issue_of(job)
        if issue is None:
            return
        heard = await self.ledger.heard(job.key)
        await self._edited(job, issue)
        await self._comments(job, issue.number, {"issue": _issue(issue)}, heard)
        if issue.state == "closed" and issue.closed_at is not None and self._is_settled(issue.closed_at):
            stamp = f"{issue.number}:{issue.closed_at.isoformat()}"
            await self._deliver("issues", "closed", stamp, issue.closed_by, {"issue": _issue(issue)})
        elif self.label.casefold() not in {label.name.casefold() for label in issue.labels}:
            await self._unlabelled(issue)

    async def _issue_of(self, job: Job) -> Issue | None:
        """The job's issue as it is now; None (and told so) when it was deleted or lives elsewhere."""
        issue = await find_item(self.api, _ISSUE, self._at(number=job.issue_number), Issue)
        if issue is None:
            await self._gone(job, "deleted")
            return None
        ours = f"/repos/{self.repository.full_name}".casefold()
        if issue.repository_url and not issue.repository_url.casefold().endswith(ours):
            await self._gone(job, "transferred")
            return None
        return issue

    async def _gone(self, job: Job, action: str) -> None:
        parts: dict[str, JsonValue] = {"issue": {"number": job.issue_number, "title": "", "body": ""}}
        await self._deliver("issues", action, str(job.issue_number), None, parts)

    async def _edited(self, job: Job, issue: Issue) -> None:
        author = issue.user or GHOST
        request = read_request(issue.title, issue.body or "", author.login)
        known = job.journey.request
        if (request.title, request.text) == (known.title, known.text):
            return
        digest = hashlib.sha256(f"{request.title}\0{request.text}".encode()).hexdigest()[:16]
        await self._deliver("issues", "edited", f"{issue.number}:{digest}", author, {"issue": _issue(issue)})

    async def _unlabelled(self, issue: Issue) -> None:
        event = _last(await self._events(issue.number), "unlabeled", self.label)
        if event is not None and self._is_settled(event.created_at):
            parts: dict[str, JsonValue] = {"issue": _issue(issue), "label": {"name": self.label}}
            await self._deliver("issues", "unlabeled", f"{issue.number}:{event.id}", event.actor, parts)

    # --- pull requests -----------------------------------------------------------------------------------------------

    async def _compare_pull(self, job: Job, number: int, known_head: str) -> None:
        pull = await find_item(self.api, _PULL, self._at(number=number), PullRequest)
        if pull is None:
            return
        parts: dict[str, JsonValue] = {"pull_request": _pull(pull)}
        if pull.state == "closed":
            await self._closed_pull(job, pull, parts)
        elif job.status is JobStatus.REJECTED:
            reopened = _last(await self._events(number), "reopened")
            if reopened is not None and self._is_news(reopened, job):
                await self._deliver("pull_request", "reopened", str(reopened.id), reopened.actor, parts)
        elif job.status not in ENDED:
            if pull.head.sha != known_head and job.status is JobStatus.IN_REVIEW:
                await self._deliver("pull_request", "synchronize", f"{number}:{pull.head.sha}", None, parts)
            elif job.status is JobStatus.IN_REVIEW and not job.conflict:
                if pull.mergeable is None:
                    self._unsure.append((job, number))
                await self._compare_with_base(job, pull)
            await self._review_talk(job, number, parts)

    async def _compare_with_base(self, job: Job, pull: PullRequest) -> None:
        if pull.mergeable is False:
            stamp = f"{pull.number}:{pull.head.sha[:12]}:conflict:{job.updated_at.timestamp():.3f}"
            await self._deliver("pull_request", "synchronize", stamp, None, {"pull_request": _pull(pull)})

    async def _look_again(self) -> None:
        """Whether pull requests conflict, where GitHub had not worked that out when it was asked."""
        if self._unsure:
            await self.sleep(MERGEABILITY_SECONDS)
        for job, number in self._unsure:
            if pull := await find_item(self.api, _PULL, self._at(number=number), PullRequest):
                await self._compare_with_base(job, pull)

    async def _closed_pull(self, job: Job, pull: PullRequest, parts: dict[str, JsonValue]) -> None:
        closed_at = pull.merged_at or pull.closed_at
        settled = closed_at is not None and self._is_settled(closed_at)
        if not settled or job.status is JobStatus.PROMOTED or (not pull.merged and job.status in ENDED):
            return
        closer = pull.merged_by
        if not pull.merged:
            closer = (await self.api.getitem(_ISSUE, self._at(number=pull.number), Issue)).closed_by
        stamp = f"{pull.number}:{closed_at.isoformat() if closed_at else ''}"
        await self._deliver("pull_request", "closed", stamp, closer, parts)

    async def _review_talk(self, job: Job, number: int, parts: dict[str, JsonValue]) -> None:
        heard = await self.ledger.heard(job.key)
        disguised: dict[str, JsonValue] = {"number": number, "title": "", "body": "", "pull_request": {}}
        await self._comments(job, number, {"issue": disguised}, heard)
        since = self._since(job)
        async for review in self.api.getiter(f"{_PULL}/reviews?per_page=100", self._at(number=number), Review):
            moment = review.submitted_at
            says_something = bool(review.body) or review.state.lower() == "changes_requested"
            if moment is None or moment < since or not says_something:
                continue
            if not self._is_lost("pull_request_review", review.id, moment, heard):
                continue
            said: dict[str, JsonValue] = {"review": _review(review), **parts}
            await self._deliver("pull_request_review", "submitted", str(review.id), review.user, said)
        url = f"{_PULL}/comments?since={{since}}&sort=created&direction=asc&per_page=100"
        async for comment in self.api.getiter(url, self._at(number=number, since=_stamp(since)), Comment):
            if self._was_lost(comment, "pull_request_review_comment", heard):
                said = {"comment": _comment(comment), **parts}
                name = "pull_request_review_comment"
                await self._deliver(name, "created", str(comment.id), comment.user, said)

    # --- talk --------------------------------------------------------------------------------------------------------

    async def _comments(self, job: Job, number: int, parts: dict[str, JsonValue], heard: frozenset[str]) -> None:
        url = f"{_ISSUE}/comments?since={{since}}&per_page=100"
        at = self._at(number=number, since=_stamp(self._since(job)))
        async for comment in self.api.getiter(url, at, Comment):
            if self._was_lost(comment, "issue_comment", heard):
                said = {"comment": _comment(comment), **parts}
                await self._deliver("issue_comment", "created", str(comment.id), comment.user, said)

    def _was_lost(self, comment: Comment, event: str, heard: frozenset[str]) -> bool:
        return comment.created_at is not None and self._is_lost(event, comment.id, comment.created_at, heard)

    def _is_lost(self, event: str, id_: int, moment: dt.datetime, heard: frozenset[str]) -> bool:
        return f"{event}:{id_}" not in heard and self._is_settled(moment)

    def _since(self, job: Job) -> dt.datetime:
        since = max(job.created_at, min(self.now - TALK_LOOKBACK, job.updated_at - OVERLAP))
        return since.replace(microsecond=0)  # GitHub's times have whole seconds

    def _is_settled(self, moment: dt.datetime) -> bool:
        return self.now - moment >= self.grace

    # --- the rest ----------------------------------------------------------------------------------------------------

    async def _events(self, number: int) -> list[IssueEvent]:
        return [
            event
            async for event in self.api.getiter(f"{_ISSUE}/events?per_page=100", self._at(number=number), IssueEvent)
        ]

    def _at(self, **values: str | int) -> dict[str, str | int]:
        return {"owner": self.repository.owner, "repo": self.repository.name, **values}

    async def _deliver(
        self, event: str, action: str, stamp: str, sender: Account | None, parts: dict[str, JsonValue]
    ) -> None:
        who = sender or GHOST
        if event in _TALK and (who.type == "Bot" or self.identity.is_login(who.login)):
            return
        payload: dict[str, JsonValue] = {
            "action": action,
            "sender": _account(who),
            "installation": {"id": self.repository.installation_id},
            "repository": {
                "id": self.repository.id,
                "name": self.repository.name,
                "owner": {"login": self.repository.owner},
                "default_branch": self.repository.default_branch,
                "private": self.repository.private,
            },
            **parts,
        }
        name = f"reconcile:{event}.{action}:{self.repository.id}:{stamp}"
        where = (self.repository.id, self.repository.installation_id)
        if await self.ledger.deliver(SyntheticDelivery(name, event, action, payload, *where)):
            self.found += 1


_TALK = frozenset({"issue_comment", "pull_request_review", "pull_request_review_comment"})


def _last(events: Sequence[IssueEvent], kind: str, label: str = "") -> IssueEvent | None:
    """The newest event of a kind (for a label, whatever its case)."""
    found = [
        event
        for event in events
        if event.event == kind and (not label or (event.label and event.label.name.casefold() == label.casefold()))
    ]
    return max(found, key=lambda event: (event.created_at, event.id), default=None)


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account(account: Account | None) -> JsonValue:
    who = account or GHOST
    return {"login": who.login, "id": who.id, "type": who.type}


def _issue(issue: Issue) -> JsonValue:
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": issue.state,
        "user": _account(issue.user),
        "labels": [{"name": label.name} for label in issue.labels],
    }


def _comment(comment: Comment) -> JsonValue:
    app = comment.performed_via_github_app
    return {
        "id": comment.id,
        "body": comment.body,
        "user": _account(comment.user),
        "path": comment.path or "",
        "line": comment.line,
        "original_line": comment.original_line,
        "performed_via_github_app": {"id": app.id} if app is not None else None,
    }


def _review(review: Review) -> JsonValue:
    return {"id": review.id, "state": review.state.lower(), "body": review.body, "user": _account(review.user)}


def _pull(pull: PullRequest) -> JsonValue:
    home = pull.head.repo
    return {
        "number": pull.number,
        "merged": pull.merged,
        "merge_commit_sha": pull.merge_commit_sha,
        "mergeable": pull.mergeable,
        "base": {"ref": pull.base.ref},
        "head": {"sha": pull.head.sha, "ref": pull.head.ref, "repo": {"id": home.id} if home is not None else None},
    }
