"""The composition root: settings in, everything that advances jobs out."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from bot.advancing import advancing, authors_of
from bot.app import Parts
from bot.credentials import register_settings
from bot.github.connection import GitHubOptions, connect
from bot.github.errors import GitHubError
from bot.github.pacing import Pace
from bot.github.reconcile import Reconciler
from bot.github.secrets import Secret
from bot.github.service import GitHubService
from bot.github.tokens import BadPrivateKeyError
from bot.jobs.identity import BotIdentity
from bot.metrics import Metrics
from bot.presence import Presence
from bot.reachability import github_probe, model_probe
from bot.settings import PREFIX, Settings, SettingsError, secrets_of
from bot.store.ledger import SqlLedger
from bot.store.stores import Stores
from bot.subjects import ACCEPTED
from bot.tracking import CLOSE_SECONDS

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
    authors = authors_of(settings, lambda: stores.lease.processes)
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


def github_options(settings: Settings, metrics: Metrics) -> GitHubOptions:
    return GitHubOptions(
        on_quota=lambda installation, left: metrics.quota.labels(str(installation)).set(left),
        app_id=settings.github_app_id,
        private_key=Secret(settings.github_private_key.get_secret_value()),
        api_url=settings.github_api_url,
        pace=Pace() if settings.github_pacing == "github" else _NO_PACE,
    )


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
