"""What advances jobs, put together: of a server (`bot.compose`) and of a run without one (`bot.noserver.desk`)."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.budgets import DailyLimits
from bot.drafting import Drafting
from bot.engine.tasks import Advance
from bot.github.service import GitHubService
from bot.job_spans import JobSpans
from bot.jobs.advance import Ports, advance_job
from bot.jobs.claim import Claims
from bot.jobs.ports import Steps
from bot.metrics import Metrics
from bot.model_settings import model_settings
from bot.outcomes import Remembering
from bot.progress import Progress
from bot.pull_checks import PullChecks
from bot.settings import PREFIX, Settings, SettingsError
from bot.setup.welcome import Welcome
from bot.store.keys import is_check, is_pull, is_setup
from bot.store.spending import Spending
from bot.store.stores import Stores
from bot.tracking import build_traces, build_tracker, watched
from pipeline.lm.choice import Models, build_models
from pipeline.tracking.port import Tracker
from pipeline.tracking.traces import Traces


@dataclass(frozen=True)
class Authors:
    """Who writes drafts, by which instructions, and who takes note of it."""

    models: Callable[[], Models]
    prompts: dict[str, str]
    tracker: Tracker | None
    traces: Traces | None = None


def authors_of(settings: Settings, processes: Callable[[], int] = lambda: 1) -> Authors:
    """Raises SettingsError when a model, the instructions or the tracker cannot be used. So many share the work."""
    model, prompts = model_settings(settings), read_prompts(settings)
    return Authors(lambda: build_models(model, processes), prompts, build_tracker(settings), build_traces(settings))


def advancing(settings: Settings, stores: Stores, metrics: Metrics, github: GitHubService, authors: Authors) -> Advance:
    """What brings the job (or the checked pull request) of a key as far as it goes."""
    progress = Progress(github, stores.timeline, metrics, _now)
    jobs, tracked = watched(stores.jobs, progress, authors.tracker, settings.github_api_url)
    listener = JobSpans(tracked)

    async def interrupted(key: str, after: int) -> bool:
        await stores.lease.hold()  # asked before every new call to the model
        return await stores.jobs.interrupted(key, after)

    drafting = Drafting(
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
    )
    remembering = Remembering(drafting, stores.steps)
    ports = Ports(
        store=jobs,
        github=github,
        run_pipeline=remembering,
        identity=github.identity,
        clock=_now,
        begun_with=remembering.begun_with,
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


def read_prompts(settings: Settings) -> dict[str, str]:
    """Optimised instructions, by signature. Raises SettingsError."""
    if settings.prompts is None:
        return {}
    from pipeline.prompts import PromptsError, load_prompts  # brings DSPy, see bot/drafting.py

    try:
        return load_prompts(settings.prompts)
    except PromptsError as error:
        raise SettingsError(f"{PREFIX}PROMPTS: {error}") from None


def _now() -> datetime:
    return datetime.now(UTC)
