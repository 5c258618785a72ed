"""The real service for benchmarks, jobs and all; only GitHub is made up, in memory and answering at once.

`python -m tests.bench.jobs_server`, set up by SKILL_FLEET_* variables. BENCH_LAGS names a file to which it writes, when
it stops, how late the event loop was at each look: lines of `<time.time()> <seconds>`.
"""

import argparse
import asyncio
import itertools
import os
import sys
import time
from pathlib import Path

from bot.advancing import advancing, authors_of
from bot.app import Parts
from bot.jobs.effects import Done, Effect, EffectResult, Publish, Published
from bot.jobs.identity import BotIdentity
from bot.jobs.job import Repository, Role
from bot.jobs.ports import BranchNow, Remains
from bot.metrics import Metrics
from bot.repo_config import RepoConfig
from bot.serve import serve
from bot.settings import Settings
from bot.store.stores import Stores
from pipeline.skills.taxonomy import Taxonomy

LAGS = "BENCH_LAGS"
_LOOK = 0.01


class EmptyGitHub:
    """Everybody may write, nothing is there, and every write stands."""

    identity = BotIdentity(app_id=1, login="skill-fleet[bot]")

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    async def role(self, repository: Repository, login: str) -> Role:
        return Role.WRITE

    async def config(self, repository: Repository) -> RepoConfig:
        return RepoConfig()

    async def code_owners(self, repository: Repository, path: str) -> tuple[str, ...]:
        return ()

    async def taxonomy(self, repository: Repository, config: RepoConfig) -> Taxonomy:
        return Taxonomy()

    async def branch_now(self, repository: Repository, branch: str, path: str, known: str) -> BranchNow:
        return BranchNow(tip="")

    async def remains(self, repository: Repository, issue_number: int) -> Remains | None:
        return None

    async def skill_files(self, repository: Repository, path: str) -> dict[str, str] | None:
        return None

    async def perform(self, effect: Effect, job_key: str, repository: Repository) -> EffectResult:
        number = next(self._ids)
        if isinstance(effect, Publish):
            return Published(pull_number=number, head_sha="0" * 40, url="https://github.invalid/pull")
        return Done(remote_id=number, url="https://github.invalid/comment")


async def watch(lags: list[tuple[float, float]]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        wanted = loop.time() + _LOOK
        await asyncio.sleep(_LOOK)
        lags.append((time.time(), max(0.0, loop.time() - wanted)))


async def compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
    lags: list[tuple[float, float]] = []
    watching = asyncio.create_task(watch(lags))

    async def close() -> None:
        watching.cancel()
        if LAGS in os.environ:
            lines = "".join(f"{at:.3f} {late:.4f}\n" for at, late in lags)
            await asyncio.to_thread(Path(os.environ[LAGS]).write_text, lines)

    github = EmptyGitHub()
    return Parts(
        advance=advancing(settings, stores, metrics, github, authors_of(settings)),  # type: ignore[arg-type]
        close=close,
    )


if __name__ == "__main__":
    sys.exit(serve(argparse.Namespace(), compose))
