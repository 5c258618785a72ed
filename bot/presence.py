"""👀 on a comment right after it was stored, before its job has its turn. Best effort: nothing depends on it.

Only where the job will surely hear it: a command on a request of ours, or the requester's words while a question is
open. The job's own decision makes the same reaction under the same key, so there is never a second one.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bot.commands import grammar
from bot.jobs import lifecycle
from bot.jobs.effects import Effect, EffectResult, React
from bot.jobs.events import Commented, InboxRow
from bot.jobs.identity import BotIdentity
from bot.jobs.intake import interpret
from bot.jobs.job import Job, Repository
from bot.store.arrivals import StoredEvent
from bot.store.keys import is_job


class Known(Protocol):
    """Whatever holds a job, such as its row."""

    @property
    def job(self) -> Job: ...


class Performer(Protocol):
    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult: ...


Find = Callable[[str], Awaitable[Known | None]]


class Presence:
    """`engine.dispatcher.OnStored`. One per process."""

    def __init__(self, find: Find, github: Performer, identity: BotIdentity) -> None:
        self._find, self._github, self._identity = find, github, identity

    async def __call__(self, stored: Sequence[StoredEvent]) -> None:
        """React to the comments among these events. Raises what the database or GitHub raise."""
        for each in stored:
            if (each.event.event, each.event.action) != ("issue_comment", "created") or not is_job(each.key):
                continue
            comment = interpret(inbox_row(each), label="", bot=self._identity)
            row = await self._find(each.key) if isinstance(comment, Commented) else None
            if row is None or not isinstance(comment, Commented) or not self._is_for_us(comment, row.job):
                continue
            seen = React(
                key=f"react:{comment.comment_id}:eyes",
                target="issue_comment",
                target_id=comment.comment_id,
                content="eyes",
            )
            await self._github.perform(seen, row.job.key, row.job.repository)

    def _is_for_us(self, comment: Commented, job: Job) -> bool:
        if grammar.parse(comment.body, self._identity.login).commands:
            return True
        return (
            lifecycle.hears_answers(job)
            and comment.actor.login == job.requester
            and comment.comment_id > job.checkpoint_comment_id
        )


def inbox_row(stored: StoredEvent) -> InboxRow:
    """A stored event as the job will read it."""
    event = stored.event
    return InboxRow(
        id=stored.id,
        key=stored.key,
        event=event.event,
        action=event.action,
        delivery=event.delivery,
        received_at=event.received_at,
        body=event.body,
    )
