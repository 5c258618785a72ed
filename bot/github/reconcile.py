"""Heals what an outage lost: deliveries that failed are asked for again, and GitHub's state is compared with the jobs.

The first works while GitHub keeps its delivery log (days); the second after any outage. What is missing is handed to
the inbox as a delivery of our own with an id that depends only on what happened, so that doing it twice adds nothing.
"""

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

import structlog

from bot.github.connection import Connection
from bot.github.errors import GitHubError, GoneError, InvalidError
from bot.github.missed import Ledger, RepositoryState
from bot.github.models import HookDelivery, Installation, Nothing, RepositoryRef
from bot.jobs.identity import BotIdentity
from bot.jobs.job import Repository
from bot.repo_config import InvalidConfigError, RepoConfig

log = structlog.get_logger(__name__)

LOOKBACK = dt.timedelta(days=3)
OVERLAP = dt.timedelta(minutes=30)
FIRST_PATIENCE = dt.timedelta(minutes=2)
EVERYTHING_EVERY = dt.timedelta(hours=1)
SOON = dt.timedelta(minutes=1)
"""After a round that found something there may be more to find."""
MAX_ATTEMPTS = 4
UNTIL_LISTENING = dt.timedelta(seconds=2)
MAX_REDELIVERIES = 500


class Extent(Enum):
    """Which repositories a round looks at: those with jobs that may change, or every one."""

    BUSY = "busy"
    ALL = "all"


LoadConfig = Callable[[Repository], Awaitable[RepoConfig]]


@dataclass
class Reconciler:
    """Run `once` at start and then periodically. `wanted` says which events we keep (others are not asked for)."""

    connection: Connection
    identity: BotIdentity
    ledger: Ledger
    config: LoadConfig
    wanted: Callable[[str], bool]
    _looked_back_to: dt.datetime | None = field(default=None, init=False)
    _saw_everything: dt.datetime | None = field(default=None, init=False)

    async def once(self) -> int:
        """Ask for missed deliveries, or, when there are none, compare states; how many events were missing.

        What was asked for is on its way: comparing at the same time would hear it twice. Failures are logged.
        """
        started = self.connection.clock()
        since = self._looked_back_to or started - LOOKBACK
        if since > started:  # the clock was set back
            since = started - LOOKBACK
        # What failed before we started failed because we were away: no reason to wait.
        patience = FIRST_PATIENCE if self._looked_back_to else dt.timedelta(0)
        try:
            if asked := await self.redeliver(since, patience):
                return asked
            self._looked_back_to = started - OVERLAP
        except GitHubError as error:
            log.warning("reconcile_deliveries_failed", error=str(error))
        return await self.compare()

    async def forever(self, every: dt.timedelta) -> None:
        """As soon as what is sent again can be received, then periodically, until cancelled. No failure ends it."""
        await self.connection.sleep(UNTIL_LISTENING.total_seconds())
        while True:
            wait = every
            try:
                if found := await self.once():
                    log.info("reconciled", found=found)
                    wait = min(every, SOON)
            except Exception:  # a round is optional, the next one is not
                log.exception("reconcile_failed")
            await self.connection.sleep(wait.total_seconds())

    async def redeliver(self, since: dt.datetime, first_patience: dt.timedelta = FIRST_PATIENCE) -> int:
        """Have GitHub send again what was not accepted since then; how many. A first failure waits so long."""
        attempts: dict[str, list[HookDelivery]] = {}
        accepted: set[str] = set()
        deliveries = self.connection.app.getiter("/app/hook/deliveries?per_page=100", {}, HookDelivery)
        async for delivery in deliveries:
            if delivery.delivered_at < since:
                break
            if 200 <= delivery.status_code < 300:
                accepted.add(delivery.guid)
            elif self.wanted(delivery.event):
                attempts.setdefault(delivery.guid, []).append(delivery)
        missed = [
            tries for guid, tries in attempts.items() if guid not in accepted and self._is_due(tries, first_patience)
        ]
        oldest_first = sorted(missed, key=lambda tries: min(attempt.delivered_at for attempt in tries))
        for tries in oldest_first[:MAX_REDELIVERIES]:
            await self._ask_again(tries[0])
        return len(missed)

    def _is_due(self, tries: list[HookDelivery], first: dt.timedelta) -> bool:
        latest = max(attempt.delivered_at for attempt in tries)
        patience = first * 2 ** (len(tries) - 1)
        return len(tries) < MAX_ATTEMPTS and self.connection.clock() - latest >= patience

    async def _ask_again(self, delivery: HookDelivery) -> None:
        try:
            await self.connection.app.post(
                "/app/hook/deliveries/{delivery}/attempts", {"delivery": delivery.id}, {}, Nothing
            )
        except (GoneError, InvalidError) as error:  # too old for GitHub; comparing states covers it
            log.warning("redelivery_refused", guid=delivery.guid, error=str(error))

    async def compare(self) -> int:
        """Compare the repositories with open jobs, and now and then all others too; how many events were missing.

        A request that nobody heard of in a repository without jobs is found within `EVERYTHING_EVERY`; looking more
        often would cost a large installation its quota.
        """
        now = self.connection.clock()
        everything = self._saw_everything is None or now - self._saw_everything >= EVERYTHING_EVERY
        found = 0
        try:
            installations = [
                installation
                async for installation in self.connection.app.getiter(
                    "/app/installations?per_page=100", {}, Installation
                )
                if installation.suspended_at is None
            ]
        except GitHubError as error:
            log.warning("reconcile_failed", error=str(error))
            return 0
        for installation in installations:
            try:
                found += await self._compare_installation(installation.id, Extent.ALL if everything else Extent.BUSY)
            except GitHubError as error:
                log.warning("reconcile_failed", installation=installation.id, error=str(error))
        if everything:
            self._saw_everything = now
        return found

    async def _compare_installation(self, installation_id: int, extent: Extent) -> int:
        reader = self.connection.installation_reader(installation_id)
        repositories = [
            repository
            async for repository in reader.getiter(
                "/installation/repositories?per_page=100", {}, RepositoryRef, key="repositories"
            )
            if not repository.archived and repository.owner is not None
        ]
        found = 0
        for listed in repositories:
            assert listed.owner is not None, "filtered above"
            if extent is Extent.BUSY and not await self.ledger.watched(listed.id):
                continue
            repository = Repository(
                id=listed.id,
                owner=listed.owner.login,
                name=listed.name,
                installation_id=installation_id,
                default_branch=listed.default_branch,
                private=listed.private,
            )
            await self.ledger.adopt(repository)
            found += await self.compare_repository(repository)
        return found

    async def compare_repository(self, repository: Repository) -> int:
        """Compare one repository; how many events were missing. Raises GitHubError."""
        try:
            config = await self.config(repository)
        except InvalidConfigError as error:
            log.warning("reconcile_skipped", repository=repository.full_name, error=str(error))
            return 0
        state = RepositoryState(
            api=self.connection.installation_reader(repository.installation_id),
            repository=repository,
            label=config.label,
            identity=self.identity,
            ledger=self.ledger,
            now=self.connection.clock(),
            sleep=self.connection.sleep,
        )
        return await state.compare()
