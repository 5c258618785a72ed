"""After an outage: failed deliveries come again, and what differs between GitHub and the jobs is heard after all."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.github.missed import SyntheticDelivery
from bot.github.reconcile import Reconciler
from bot.jobs import events as ev
from bot.jobs.effects import ShowStatus
from bot.jobs.intake import interpret
from bot.jobs.job import ENDED, Job, JobStatus, Pull, Repository, job_key
from bot.repo_config import RepoConfig
from bot.sandbox.faults import Fault, Kind
from bot.subjects import ACCEPTED, subject
from pipeline.journey import Journey
from pipeline.models import SkillRequest
from tests.integration.github.test_effects import draft, publication
from tests.integration.github.town import MAINTAINER, REQUESTER, Town, town

LATER = 300.0


@dataclass
class Books:
    """A Ledger in memory."""

    jobs: dict[str, Job] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    delivered: dict[str, SyntheticDelivery] = field(default_factory=dict)

    async def find(self, key: str) -> Job | None:
        return self.jobs.get(key)

    async def watched(self, repository_id: int) -> Sequence[Job]:
        return [job for job in self.jobs.values() if job.status not in ENDED or job.pull is not None]

    async def heard(self, key: str) -> frozenset[str]:
        return self.known

    async def adopt(self, repository: Repository) -> None:
        for key, job in self.jobs.items():
            self.jobs[key] = job.with_(repository=repository) if job.repository.id == repository.id else job

    async def deliver(self, delivery: SyntheticDelivery) -> bool:
        assert len(delivery.delivery) <= 120, "the inbox takes no longer ids"
        new = delivery.delivery not in self.delivered
        self.delivered.setdefault(delivery.delivery, delivery)
        return new


@dataclass
class Outage:
    """A town, the books of its bot, and the reconciler between them."""

    town: Town
    books: Books
    reconciler: Reconciler

    async def heard(self) -> list[ev.Event]:
        """What one round finds, as the state machine would read it; a second round finds nothing more."""
        before = len(self.books.delivered)
        found = await self.reconciler.compare()
        new = list(self.books.delivered.values())[before:]
        assert found == len(new)
        assert await self.reconciler.compare() == 0, "the same twice"
        return [self.read(delivery) for delivery in new]

    def read(self, delivery: SyntheticDelivery) -> ev.Event:
        row = ev.InboxRow(
            id=1,
            key=subject(delivery.event, delivery.payload),
            event=delivery.event,
            action=delivery.action,
            delivery=delivery.delivery,
            received_at=dt.datetime.now(dt.UTC),
            body=delivery.body,
        )
        event = interpret(row, label="skill-request", bot=self.town.service.identity)
        assert event is not None, delivery
        return event

    async def issue_with_job(self, **changes: Any) -> int:
        """An issue whose job knows it exactly as it is."""
        number = await self.town.open_issue()
        await self.town.ask("POST", f"/issues/{number}/labels", labels=["skill-request"])
        now = self.town.sandbox.world.clock.now()
        request = SkillRequest(title="A skill", text="Please", author=REQUESTER)
        self.books.jobs[self.town.key(number)] = Job(
            key=self.town.key(number),
            repository=self.town.repository,
            issue_number=number,
            requester=REQUESTER,
            journey=Journey(request=request),
            created_at=now,
            updated_at=now,
        ).with_(**{"status": JobStatus.PENDING_HITL, **changes})
        return number

    async def published(self) -> tuple[int, Pull]:
        """The same with an open pull request."""
        number = await self.issue_with_job(status=JobStatus.IN_REVIEW)
        result = await self.town.perform(publication(number, draft()), number)
        assert result.kind == "published"
        pull = Pull(
            number=result.pull_number,
            branch=f"skill/issue-{number}",
            head_sha=result.head_sha,
            path="skills/release-notes",
            digest="d",
        )
        self.change(number, pull=pull)
        return number, pull

    def change(self, number: int, **changes: Any) -> None:
        key = self.town.key(number)
        self.books.jobs[key] = self.books.jobs[key].with_(**changes)

    def later(self, seconds: float = LATER) -> None:
        self.town.sandbox.world.clock.advance(seconds)


@pytest.fixture
async def outage(tmp_path: Path) -> AsyncIterator[Outage]:
    async with town(tmp_path / "github") as here:

        async def config(repository: object) -> RepoConfig:
            return RepoConfig()

        books = Books()
        yield Outage(
            here, books, Reconciler(here.connection, here.service.identity, books, config, ACCEPTED.__contains__)
        )


# --- issues ----------------------------------------------------------------------------------------------------------


async def test_a_labelled_issue_without_a_job_is_heard_of_from_whoever_labelled_it(outage: Outage) -> None:
    number = await outage.town.open_issue(who=REQUESTER)
    await outage.town.ask("POST", f"/issues/{number}/labels", MAINTAINER, labels=["skill-request"])
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.Labelled)
    assert (event.issue.number, event.actor.login, event.issue.author.login) == (number, MAINTAINER, REQUESTER)
    assert event.repository.model_copy(update={"private": False}) == outage.town.repository


async def test_repositories_without_jobs_are_looked_at_once_an_hour(outage: Outage) -> None:
    assert await outage.heard() == []
    number = await outage.town.open_issue()
    await outage.town.ask("POST", f"/issues/{number}/labels", labels=["skill-request"])
    outage.later()
    before = len(outage.town.sandbox.api.log)
    assert await outage.heard() == []
    asked = [each.path for each in list(outage.town.sandbox.api.log)[before:]]
    assert not [path for path in asked if path.endswith("/issues")]
    outage.later(3_600)
    (event,) = await outage.heard()
    assert isinstance(event, ev.Labelled)


async def test_what_is_fresh_is_not_taken_for_lost(outage: Outage) -> None:
    number = await outage.issue_with_job()
    await outage.town.ask("POST", f"/issues/{number}/comments", REQUESTER, body="an answer")
    other = await outage.town.open_issue()
    await outage.town.ask("POST", f"/issues/{other}/labels", labels=["skill-request"])
    assert await outage.heard() == []
    outage.later()
    assert len(await outage.heard()) == 2


async def test_nothing_is_heard_when_nothing_was_lost(outage: Outage) -> None:
    await outage.issue_with_job()
    await outage.town.open_issue("No label")
    outage.later()
    assert await outage.heard() == []


async def test_lost_comments_are_heard_once_and_in_order_ours_and_known_ones_never(outage: Outage) -> None:
    number = await outage.issue_with_job()
    path = f"/issues/{number}/comments"
    known = await outage.town.ask("POST", path, REQUESTER, body="known")
    for body in ("one", "two"):
        await outage.town.ask("POST", path, REQUESTER, body=body)
    await outage.town.perform(publication_status(number), number)
    outage.books.known = frozenset({f"issue_comment:{known['id']}"})
    outage.later()
    events = await outage.heard()
    assert [event.body for event in events if isinstance(event, ev.Commented)] == ["one", "two"]
    assert len(events) == 2


def publication_status(number: int) -> Any:
    return ShowStatus(number=number, body="working")


@pytest.mark.parametrize(
    ("done", "kind", "by"),
    [
        ("close", ev.IssueClosed, MAINTAINER),
        ("unlabel", ev.Unlabelled, MAINTAINER),
        ("edit", ev.RequestEdited, REQUESTER),
    ],
)
async def test_changes_of_the_issue_are_heard_from_whoever_made_them(
    outage: Outage, done: str, kind: type, by: str
) -> None:
    number = await outage.issue_with_job()
    match done:
        case "close":
            await outage.town.ask("PATCH", f"/issues/{number}", by, state="closed")
        case "unlabel":
            await outage.town.ask("DELETE", f"/issues/{number}/labels/skill-request", by)
        case "edit":
            await outage.town.ask("PATCH", f"/issues/{number}", by, body="Please, in French")
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, kind)
    assert getattr(event, "actor").login == by  # noqa: B009 - the union has events without an actor


async def test_a_deleted_issue_is_gone(outage: Outage) -> None:
    number = await outage.issue_with_job()
    async with outage.town.session.delete(
        f"{outage.town.sandbox.url}/_sandbox/repositories/acme/skills/issues/{number}",
        headers={"X-Sandbox-User": MAINTAINER},
    ) as response:
        assert response.status == 200
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.IssueGone)


async def test_a_transferred_issue_is_gone(outage: Outage) -> None:
    number = await outage.issue_with_job()
    world = outage.town.sandbox.url + "/_sandbox"
    who = {"X-Sandbox-User": MAINTAINER}
    async with outage.town.session.post(
        f"{world}/repositories", json={"owner": "acme", "name": "other"}, headers=who
    ) as response:
        assert response.status == 200, await response.text()
    url = f"{world}/repositories/acme/skills/issues/{number}/transfer"
    async with outage.town.session.post(url, json={"to": "acme/other"}, headers=who) as response:
        assert response.status == 200, await response.text()
    outage.later()
    events = await outage.heard()
    assert any(isinstance(event, ev.IssueGone) for event in events)


@pytest.mark.parametrize("status", [JobStatus.CANCELLED, JobStatus.EXPIRED])
async def test_a_request_taken_up_again_is_heard_of(outage: Outage, status: JobStatus) -> None:
    number = await outage.issue_with_job(status=status)
    await outage.town.ask("PATCH", f"/issues/{number}", state="closed")
    outage.later()
    outage.change(number, updated_at=outage.town.sandbox.world.clock.now())
    outage.later()
    assert await outage.heard() == []
    await outage.town.ask("PATCH", f"/issues/{number}", state="open")
    outage.later(3_600)
    (event,) = await outage.heard()
    assert isinstance(event, ev.IssueReopened)


# --- pull requests ---------------------------------------------------------------------------------------------------


async def test_a_lost_merge_is_heard_before_the_closing_of_its_issue(outage: Outage) -> None:
    number, pull = await outage.published()
    merged = await outage.town.ask("PUT", f"/pulls/{pull.number}/merge", merge_method="merge")
    outage.later()
    events = await outage.heard()
    assert isinstance(events[0], ev.PullMerged)
    assert (events[0].merge_sha, events[0].actor.login) == (merged["sha"], MAINTAINER)
    assert [type(event) for event in events[1:]] == [ev.IssueClosed]
    outage.change(number, status=JobStatus.PROMOTED)
    assert await outage.heard() == []


async def test_a_pull_request_closed_and_reopened_is_heard(outage: Outage) -> None:
    number, pull = await outage.published()
    await outage.town.ask("PATCH", f"/pulls/{pull.number}", state="closed")
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.PullClosed)
    assert event.actor.login == MAINTAINER
    outage.change(number, status=JobStatus.REJECTED, updated_at=outage.town.sandbox.world.clock.now())
    outage.later()
    assert await outage.heard() == []
    await outage.town.ask("PATCH", f"/pulls/{pull.number}", state="open")
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.PullReopened)


async def test_lost_review_words_are_heard(outage: Outage) -> None:
    _, pull = await outage.published()
    path = f"/pulls/{pull.number}"
    await outage.town.ask("POST", f"/issues/{pull.number}/comments", REQUESTER, body="on the pull")
    line = {"path": "skills/release-notes/SKILL.md", "line": 6, "side": "RIGHT", "body": "Why?"}
    await outage.town.ask("POST", f"{path}/comments", commit_id=pull.head_sha, **line)
    await outage.town.ask("POST", f"{path}/reviews", event="REQUEST_CHANGES", body="Shorter, please")
    outage.later()
    events = await outage.heard()
    kinds = Counter(type(event) for event in events)
    assert kinds == {ev.Commented: 1, ev.LineCommented: 1, ev.Reviewed: 1}
    (review,) = [event for event in events if isinstance(event, ev.Reviewed)]
    assert (review.state, review.body, review.actor.login) == ("changes_requested", "Shorter, please", MAINTAINER)
    (comment,) = [event for event in events if isinstance(event, ev.Commented)]
    assert comment.pull_number == pull.number
    assert all(subject(each.event, each.payload) for each in outage.books.delivered.values())


async def test_a_lost_push_by_a_person_is_heard(outage: Outage) -> None:
    number, pull = await outage.published()
    file = await outage.town.ask("GET", f"/contents/skills/release-notes/SKILL.md?ref={pull.branch}")
    pushed = await outage.town.ask(
        "PUT",
        "/contents/skills/release-notes/SKILL.md",
        message="By hand",
        content="eA==",
        sha=file["sha"],
        branch=pull.branch,
    )
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.PullPushed)
    assert event.head_sha == pushed["commit"]["sha"]
    delivery = next(iter(outage.books.delivered.values()))
    assert subject(delivery.event, delivery.payload) == job_key(outage.town.repository.id, number)


async def test_a_conflict_with_the_default_branch_is_heard(outage: Outage) -> None:
    number, pull = await outage.published()
    path = "skills/release-notes/SKILL.md"
    await outage.town.ask("PUT", f"/contents/{path}", message="Same place", content="eA==", branch="main")
    assert await outage.town.service.conflicts(outage.town.repository, pull.number)
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.PullPushed)
    assert (event.head_sha, event.conflicts) == (pull.head_sha, True)
    outage.change(number, conflict=True)
    assert await outage.heard() == []


async def test_a_conflict_that_comes_back_is_heard_again_although_github_does_not_know_it_at_the_first_look(
    outage: Outage,
) -> None:
    number, pull = await outage.published()
    at = "/contents/skills/release-notes/SKILL.md"
    there = await outage.town.ask("PUT", at, message="Same place", content="eA==", branch="main")
    outage.later()
    (event,) = await outage.heard()
    assert isinstance(event, ev.PullPushed)
    assert (event.head_sha, event.conflicts) == (pull.head_sha, True)
    await outage.town.ask("PUT", at, message="On", content="eQ==", sha=there["content"]["sha"], branch="main")
    assert await outage.heard() == [], "the same conflict"
    outage.change(number, conflict=False, updated_at=outage.town.sandbox.world.clock.now())
    assert [type(each) for each in await outage.heard()] == [ev.PullPushed]


# --- deliveries ------------------------------------------------------------------------------------------------------


@dataclass
class Hook:
    """Where deliveries go; it may be down."""

    down: bool = False
    came: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        if self.down:
            return web.Response(status=503)
        self.came.append((request.headers["X-GitHub-Delivery"], request.headers["X-GitHub-Event"]))
        return web.Response(status=202)


async def test_failed_deliveries_come_again_all_pages_of_them(tmp_path: Path) -> None:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/webhook", hook.handle)
    async with TestServer(app) as server:
        url = str(server.make_url("/webhook"))
        async with town(tmp_path / "github", webhook_url=url) as here:
            reconciler = Reconciler(here.connection, here.service.identity, Books(), _defaults, ACCEPTED.__contains__)
            await here.open_issue("before")
            await here.sandbox.idle()
            hook.down = True
            issue = await here.open_issue("during")
            await here.sandbox.idle()
            hook.down = False
            for number in range(110):
                await here.ask("POST", f"/issues/{issue}/comments", REQUESTER, body=f"{number}")
            await here.sandbox.idle()
            assert len(hook.came) == 111
            since = here.sandbox.world.clock.now() - dt.timedelta(days=1)
            assert await reconciler.redeliver(since) == 0, "too fresh to be called lost"
            here.sandbox.world.clock.advance(LATER)
            assert await reconciler.redeliver(since) == 1
            await here.sandbox.idle()
            assert len(hook.came) == 112
            assert hook.came[-1][1] == "issues"
            assert await reconciler.redeliver(since) == 0


async def test_a_delivery_that_keeps_failing_is_not_asked_for_for_ever(tmp_path: Path) -> None:
    hook = Hook(down=True)
    app = web.Application()
    app.router.add_post("/webhook", hook.handle)
    async with (
        TestServer(app) as server,
        town(tmp_path / "github", webhook_url=str(server.make_url("/webhook"))) as here,
    ):
        reconciler = Reconciler(here.connection, here.service.identity, Books(), _defaults, ACCEPTED.__contains__)
        await here.open_issue()
        asked = 0
        for _ in range(12):
            await here.sandbox.idle()
            here.sandbox.world.clock.advance(3_000)
            asked += await reconciler.redeliver(here.sandbox.world.clock.now() - dt.timedelta(days=2))
        assert asked == 3


async def _defaults(repository: object) -> RepoConfig:
    return RepoConfig()


async def test_a_round_survives_a_github_that_is_away(outage: Outage) -> None:
    outage.later()
    outage.town.sandbox.api.faults.append(Fault(kind=Kind.STATUS, path="/app/", times=50))
    assert await outage.reconciler.once() == 0
