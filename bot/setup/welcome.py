"""Offers the onboarding pull request to each repository that the App was installed on. No job: an event, an effect."""

from dataclasses import dataclass

from bot.jobs import jobless
from bot.jobs.effects import EffectResult, Offer
from bot.jobs.job import Repository
from bot.jobs.ports import GitHub, JobStore, Steps
from pipeline.models import Value


class Offered(Value):
    """The outcome of the offer, in the shape that steps can store."""

    result: EffectResult


@dataclass(frozen=True)
class Welcome:
    """`advance` for the keys that `bot.store.keys.setup_key` makes. `action`: see `onboarding.onboarding`."""

    store: JobStore
    github: GitHub
    wanted: bool
    action: str = ""

    async def advance(self, key: str, task: str, steps: Steps) -> None:
        """Make the offer once for all open rows. Raises what the steps raise; the engine tries again."""
        rows = await jobless.load(key, self.store, steps)
        repository = jobless.where_from(rows)
        if repository is not None and self.wanted:
            await self._offer(key, repository, steps)
        await jobless.close(key, rows, task, self.store, steps)

    async def _offer(self, key: str, repository: Repository, steps: Steps) -> None:
        async def perform() -> Offered:
            effect = Offer(key="onboarding", action=self.action)
            return Offered(result=await self.github.perform(effect, key, repository))

        await steps.run("offer", Offered, perform)
