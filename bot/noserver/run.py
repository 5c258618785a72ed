"""One workflow run: its event into the state, 👀, the job to its next checkpoint, the state back. Or a round over all.

Order: the event is durable in the state before anything is answered; what a checkpoint needs is on GitHub before the
state says so. A run that dies in between is continued by the next one, which finds every effect where it stands.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from pathlib import Path

import aiohttp
import structlog

from bot.credentials import register_settings
from bot.github.connection import Connection, GitHubOptions, connect
from bot.github.effects.log import EffectsInMemory
from bot.github.pacing import Pace
from bot.github.secrets import Secret
from bot.github.service import GitHubService
from bot.jobs.events import Labelled
from bot.jobs.intake import interpret, repository_of
from bot.jobs.job import Job
from bot.noserver.books import Books, open_keys
from bot.noserver.event import Arrived, Nothing, Round, Run, read_event, read_run, words_of
from bot.noserver.eyes import NO_REQUEST
from bot.noserver.ref import StateRef
from bot.noserver.state import KeyState, Row
from bot.noserver.turn import Pauses, PlainSteps, own_turn
from bot.noserver.who import Who, by_app, by_token
from bot.presence import Presence, inbox_row
from bot.settings import Settings, secrets_of
from bot.store.arrivals import NewEvent, StoredEvent
from bot.store.keys import is_check, is_job, is_pull
from bot.store.revision import latest_revision

PAUSES = Pauses()

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Inputs:
    """What the workflow gives: the token for the state (and, without an App, for everything), and our settings."""

    token: Secret
    settings: Settings
    reacted: bool = False
    """👀 is there already, see `bot.noserver.eyes`."""

    @property
    def is_app(self) -> bool:
        return bool(self.settings.github_app_id)


@dataclass(frozen=True)
class Ended:
    """How the run ended, for its summary."""

    said: str
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Session:
    """Everything one run has open."""

    run: Run
    inputs: Inputs
    folder: Path
    connection: Connection
    who: Who
    books: Books
    pauses: Pauses


async def perform(
    environ: Mapping[str, str],
    inputs: Inputs,
    folder: Path,
    pauses: Pauses = PAUSES,
    clock: Callable[[], float] = time.time,
) -> Ended:
    """Do what the run's event asks for. `folder` is the run's own. Raises EventError, StateError, SettingsError,
    InvalidConfigError when the label of requests cannot be known, and GitHubError when GitHub does not know us."""
    run = read_run(environ)
    event = read_event(environ, run)
    if isinstance(event, Nothing):
        return Ended(event.why)
    register_settings(secrets_of(inputs.settings), dict(environ))
    async with AsyncExitStack() as exits:
        connection = await exits.enter_async_context(connect(_options(run, inputs)))
        ref = StateRef(folder / "state.git", run.git_url, inputs.token)
        exits.callback(ref.close)
        books = Books(ref, run.name, latest_revision(), clock)
        who, _ = await asyncio.gather(_who(connection, run, inputs), books.look())
        if books.is_of_another_version:
            from bot.noserver.desk import migrated

            await books.upgrade(partial(migrated, folder))
        session = Session(run, inputs, folder, connection, who, books, pauses)
        if isinstance(event, Round):
            from bot.noserver.round import go_round

            return await go_round(session)
        return await _handle(session, event)


def _options(run: Run, inputs: Inputs) -> GitHubOptions:
    settings = inputs.settings
    return GitHubOptions(
        app_id=settings.github_app_id,
        private_key=Secret(settings.github_private_key.get_secret_value()),
        token=None if inputs.is_app else inputs.token,
        api_url=run.api_url,
        pace=Pace() if settings.github_pacing == "github" else Pace(write_gap=0, notify_gap=0),
    )


async def _who(connection: Connection, run: Run, inputs: Inputs) -> Who:
    if inputs.is_app:
        return await by_app(connection, run)
    async with aiohttp.ClientSession(trust_env=True) as session:
        return await by_token(session, connection, run, inputs.token)


async def _handle(session: Session, event: Arrived) -> Ended:
    """An event of an issue or a pull request."""
    books = session.books
    key = _owner_of(books, event.key)
    if is_pull(key):
        return Ended("no request of ours made this pull request")
    stored = _stored(session, event, key)
    known = books.read(key)
    heard = bool(event.words) and event.words in _heard(known)
    if heard and not open_keys([known]):
        return Ended("these words were heard already")
    service = GitHubService(session.connection, session.who.identity, EffectsInMemory())
    if known.job is None and is_job(key) and not await _may_begin(service, stored):
        return Ended(NO_REQUEST)
    if is_check(key):
        return await _work(session, known.added("inbox", [_row(stored)]), stored)
    mine = KeyState(key) if heard else KeyState(key).added("inbox", [_row(stored)])
    turn = await own_turn(books, mine, stored.event.delivery, session.pauses)
    if turn is None:
        return Ended("another run that was at work on this request heard it")
    if not session.inputs.reacted:
        await _react(service, turn, stored)
    return await _work(session, turn, stored)


def _owner_of(books: Books, key: str) -> str:
    """The job that made the pull request which `key` names, if one did."""
    if not is_pull(key):
        return key
    return next((each.key for each in books.everything() if each.job and each.job.get("pull_key") == key), key)


def _stored(session: Session, event: Arrived, key: str) -> StoredEvent:
    new = NewEvent(
        delivery=f"run:{session.run.id}",
        key=key,
        event=event.event,
        action=event.action,
        body=event.body(session.who.installation_id),
        repo_id=session.run.repository_id,
        installation_id=session.who.installation_id,
        talk=event.talk,
    )
    return StoredEvent(session.run.first_id, key, new)


def _row(stored: StoredEvent) -> Row:
    event = stored.event
    now = event.received_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return {
        "id": stored.id,
        "delivery": event.delivery,
        "key": event.key,
        "event": event.event,
        "action": event.action,
        "repo_id": event.repo_id or 0,
        "installation_id": event.installation_id or 0,
        "body": event.body.decode(),
        "received_at": now,
        "attempts": 0,
        "next_at": now,
    }


def _heard(known: KeyState) -> set[str]:
    """Words that were dealt with; those of a run that died are not among them."""
    done = (row for row in known.of("inbox") if row.get("done_by") is not None)
    return {words for row in done if (words := words_of(row))}


async def _may_begin(service: GitHubService, stored: StoredEvent) -> bool:
    """Without a job: is the request's label put on, or may it be about a request whose job was lost?"""
    event = stored.event
    if event.event != "issues":
        return not event.talk
    row = inbox_row(stored)
    repository = repository_of(row)
    assert repository is not None, "it was stored with repository and installation"
    config = await service.config(repository)
    return isinstance(interpret(row, label=config.label, bot=service.identity), Labelled)


@dataclass(frozen=True)
class _Found:
    job: Job


async def _react(service: GitHubService, turn: KeyState, stored: StoredEvent) -> None:
    """👀, best effort, before the rest of the program is even loaded."""

    async def find(key: str) -> _Found | None:
        return None if turn.job is None else _Found(Job.model_validate_json(str(turn.job["state"])))

    try:
        await Presence(find, service, service.identity)([stored])
    except Exception as error:
        _log.warning("instant reaction failed", error=type(error).__qualname__)


async def _work(session: Session, turn: KeyState, stored: StoredEvent) -> Ended:
    from bot.noserver.desk import open_desk  # models and engine take seconds to load: after the 👀

    # The rows of the others are there as well, for what is counted over a repository, such as the calls of a day.
    others = [each for each in session.books.everything() if each.key != turn.key]
    async with open_desk(session, [*others, turn]) as desk:
        if is_check(turn.key):
            await desk.worker.advance(turn.key, stored.event.delivery, PlainSteps())
            return Ended("the pull request was checked")
        await desk.catch_up(turn.key, stored.event.delivery)
        await desk.worker.work([turn.key])
        return Ended(await desk.summary([turn.key]), desk.worker.failed)
