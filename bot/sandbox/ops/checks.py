"""Check suites and check runs: made on push, updated by their App, concluded when all runs are."""

from bot.sandbox.events import emit
from bot.sandbox.model import Account, App, CheckAction, CheckRun, CheckSuite, Repository
from bot.sandbox.render import checks as render
from bot.sandbox.values import JsonObject
from bot.sandbox.world import World


def suites_for_push(world: World, repo: Repository, branch: str, old: str | None, new: str, by: Account) -> None:
    """Every App with write access to checks gets a suite for the new head, and is asked to check it.

    Not GitHub Actions, which hears of no event: its suites come with its runs.
    """
    for installation in world.installations_of(repo):
        if installation.events and installation.permissions.get("checks") == "write" and not installation.suspended_at:
            before = len(repo.suites)
            suite = ensure_suite(world, repo, installation.app, new, branch, old)
            if len(repo.suites) > before:
                _suite_event(world, repo, suite, "requested", by)


def ensure_suite(
    world: World, repo: Repository, app: App, sha: str, branch: str | None = None, before: str | None = None
) -> CheckSuite:
    found = next((suite for suite in repo.suites if suite.app is app and suite.head_sha == sha), None)
    if found:
        return found
    heads = (name for name, tip in repo.known_refs.items() if tip == sha and name.startswith("refs/heads/"))
    head = branch or next(heads, "").removeprefix("refs/heads/") or None
    now = world.clock.now()
    suite = CheckSuite(
        id=world.ids.next("suite"),
        app=app,
        head_sha=sha,
        head_branch=head,
        before=before,
        created_at=now,
        updated_at=now,
    )
    repo.suites.append(suite)
    return suite


def _suite_event(world: World, repo: Repository, suite: CheckSuite, action: str, by: Account) -> None:
    data: JsonObject = {"check_suite": render.suite_event(world.urls, repo, suite)}
    emit(world, "check_suite", action, repo, by, data, only=suite.app if action != "completed" else None)


def run_event(
    world: World, repo: Repository, run: CheckRun, action: str, by: Account, requested: str | None = None
) -> None:
    data: JsonObject = {"check_run": render.run_event(world.urls, repo, run)}
    if requested is not None:
        data["requested_action"] = {"identifier": requested}
    own = action in ("rerequested", "requested_action")
    emit(world, "check_run", action, repo, by, data, only=run.app if own else None)


def conclude_suite(world: World, repo: Repository, suite: CheckSuite, by: Account) -> None:
    runs = [run for run in repo.runs if run.suite is suite]
    finished = bool(runs) and all(run.status == "completed" for run in runs)
    suite.updated_at = world.clock.now()
    if finished and not suite.concluded:
        suite.concluded = True
        _suite_event(world, repo, suite, "completed", by)
    elif not finished:
        suite.concluded = False


def press(world: World, repo: Repository, run: CheckRun, action: CheckAction, by: Account) -> None:
    """A person presses one of a run's buttons."""
    run_event(world, repo, run, "requested_action", by, action.identifier)


def rerequest_run(world: World, repo: Repository, run: CheckRun, by: Account) -> None:
    run_event(world, repo, run, "rerequested", by)


def rerequest_suite(world: World, repo: Repository, suite: CheckSuite, by: Account) -> None:
    suite.concluded = False
    _suite_event(world, repo, suite, "rerequested", by)
