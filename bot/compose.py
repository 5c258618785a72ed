"""The composition root: settings in, everything that advances jobs out."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.app import Parts
from bot.budgets import DailyLimits
from bot.credentials import register_settings
from bot.drafting import Drafting
from bot.engine.runtime import Advance
from bot.github.connection import GitHubOptions, connect
from bot.github.errors import GitHubError
from bot.github.pacing import Pace
from bot.github.reconcile import Reconciler
from bot.github.secrets import Secret
from bot.github.service import GitHubService
from bot.github.tokens import BadPrivateKeyError
from bot.job_spans import JobSpans
from bot.jobs.advance import Ports, advance_job
from bot.jobs.claim import Claims
from bot.jobs.identity import BotIdentity
from bot.jobs.ports import Steps
from bot.metrics import Metrics
from bot.model_settings import model_settings
from bot.presence import Presence
from bot.progress import Progress
from bot.pull_checks import PullChecks
from bot.reachability import github_probe, model_probe
from bot.settings import PREFIX, Settings, SettingsError, secrets_of
from bot.setup.welcome import Welcome
from bot.store.keys import is_check, is_pull, is_setup
from bot.store.ledger import SqlLedger
from bot.store.spending import Spending
from bot.store.stores import Stores
from bot.subjects import ACCEPTED
from bot.tracking import CLOSE_SECONDS, build_traces, build_tracker, watched
from pipeline.lm.choice import Models, build_models
from pipeline.tracking.port import Tracker
from pipeline.tracking.traces import Traces

_NO_PACE = Pace(write_gap=0, notify_gap=0)
_IDENTITY_TRIES = 5


async def compose(settings: Settings, stores: Stores, metrics: Metrics) -> Parts:
    """Raises SettingsError when GitHub or the model cannot be used with these settings."""
    if not settings.github_app_id or not settings.github_private_key.get_secret_value():
        raise SettingsError(
            f"{PREFIX}GITHUB_APP_ID and {PREFIX}GITHUB_PRIVATE_KEY (or ..._FILE) are needed. "
            "`skill-fleet setup` creates the App and writes them; `skill-fleet sandbox` is a GitHub to try it on."
        )
    register_settings(secrets_of(settings), dict(os.environ))
    authors = authors_of(settings)
    exits = AsyncExitStack()
    options = replace(github_options(settings, metrics), before_write=stores.lease.hold)
    if authors.tracker is not None:
        exits.push_async_callback(asyncio.to_thread, authors.tracker.close, CLOSE_SECONDS)
    if authors.traces is not None:
        exits.callback(authors.traces.close)
    try:
        connection = await exits.enter_async_context(connect(options))
        identity = await _patiently(connection.identity, settings)
    except BadPrivateKeyError as error:
        await exits.aclose()
        raise SettingsError(f"{PREFIX}GITHUB_PRIVATE_KEY: {error}") from None
    except BaseException:
        await exits.aclose()
        raise
    github = GitHubService(connection, identity, stores.effects)
    if settings.reconcile_minutes:
        reconciler = Reconciler(connection, identity, SqlLedger(stores), github.config, ACCEPTED.__contains__)
        healing = asyncio.create_task(reconciler.forever(timedelta(minutes=settings.reconcile_minutes)))
        exits.push_async_callback(_ended, healing)
    advance = advancing(settings, stores, metrics, github, authors)
    probes = {"github": github_probe(connection.identity)}
    if settings.model and settings.model_api_base:
        probes["model"] = model_probe(settings.model_api_base)
    presence = Presence(stores.jobs.find, github, identity)
    return Parts(advance=advance, on_stored=presence, close=exits.aclose, probes=probes)


@dataclass(frozen=True)
class Authors:
    """Who writes drafts, by which instructions, and who takes note of it."""

    models: Callable[[], Models]
    prompts: dict[str, str]
    tracker: Tracker | None
    traces: Traces | None = None


def authors_of(settings: Settings) -> Authors:
    """Raises SettingsError when a model, the instructions or the tracker cannot be used."""
    model = model_settings(settings)
    return Authors(lambda: build_models(model), read_prompts(settings), build_tracker(settings), build_traces(settings))


def advancing(settings: Settings, stores: Stores, metrics: Metrics, github: GitHubService, authors: Authors) -> Advance:
    """What brings the job (or the checked pull request) of a key as far as it goes."""
    progress = Progress(github, stores.timeline, metrics, _now)
    jobs, tracked = watched(stores.jobs, progress, authors.tracker, settings.github_api_url)
    listener = JobSpans(tracked)

    async def interrupted(key: str, after: int) -> bool:
        await stores.lease.hold()  # asked before every new call to the model
        return await stores.jobs.interrupted(key, after)

    ports = Ports(
        store=jobs,
        github=github,
        run_pipeline=Drafting(
            models=authors.models,
            calls=stores.calls,
            interrupted=interrupted,
            listener=listener,
            prompts=authors.prompts,
            clock=_now,
            skill_files=github.skill_files,
            refused=DailyLimits(
                Spending(stores.database.engine).calls_by_requester,
                _now,
                settings.model_daily_calls_per_repository,
                settings.model_daily_calls_per_person,
            ).refused,
            spanned=listener.calls,
            traced=authors.traces.of if authors.traces is not None else lambda _: nullcontext(),
        ),
        identity=github.identity,
        clock=_now,
    )
    pull_checks = PullChecks(stores.jobs, github, github.identity)

    welcome = Welcome(stores.jobs, github, wanted=settings.onboarding, action=settings.action)

    claims = Claims(stores.jobs, github, lambda ids, key: stores.inbox.rekey(ids, key, _now()))

    async def advance(key: str, task: str, steps: Steps) -> None:
        if is_pull(key):
            await claims.advance(key, task, steps)
        elif is_check(key):
            await pull_checks.advance(key, task, steps)
        elif is_setup(key):
            await welcome.advance(key, task, steps)
        else:
            await advance_job(key, task, steps, ports)

    return advance


def github_options(settings: Settings, metrics: Metrics) -> GitHubOptions:
    return GitHubOptions(
        on_quota=lambda installation, left: metrics.quota.labels(str(installation)).set(left),
        app_id=settings.github_app_id,
        private_key=Secret(settings.github_private_key.get_secret_value()),
        api_url=settings.github_api_url,
        pace=Pace() if settings.github_pacing == "github" else _NO_PACE,
    )


def read_prompts(settings: Settings) -> dict[str, str]:
    """Optimised instructions, by signature. Raises SettingsError."""
    if settings.prompts is None:
        return {}
    from pipeline.prompts import PromptsError, load_prompts  # brings DSPy, see bot/drafting.py

    try:
        return load_prompts(settings.prompts)
    except PromptsError as error:
        raise SettingsError(f"{PREFIX}PROMPTS: {error}") from None


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _patiently(ask: Callable[[], Awaitable[BotIdentity]], settings: Settings) -> BotIdentity:
    """GitHub may be away for a moment while we start; a wrong id or key is said at once."""
    for attempt in range(_IDENTITY_TRIES):
        try:
            return await ask()
        except GitHubError as error:
            if error.status in {401, 403, 404} or attempt == _IDENTITY_TRIES - 1:
                raise SettingsError(
                    f"{PREFIX}GITHUB_APP_ID / {PREFIX}GITHUB_PRIVATE_KEY: {settings.github_api_url} does not know "
                    f"this App: {error}. Run `skill-fleet doctor` for details."
                ) from None
            await asyncio.sleep(2**attempt)
    raise AssertionError("the last try returns or raises")


def _now() -> datetime:
    return datetime.now(UTC)
