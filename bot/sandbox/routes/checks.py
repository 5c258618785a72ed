"""Check runs and suites. Only an App writes them, and only its own."""

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import ApiError, invalid, malformed, not_found, too_long
from bot.sandbox.model import Annotation, App, CheckAction, CheckRun, CheckSuite, Repository, Role
from bot.sandbox.ops import checks as ops
from bot.sandbox.principals import InstallationCaller
from bot.sandbox.render import checks as render
from bot.sandbox.requests import Body, Reply
from bot.sandbox.routes.paging import counted, listing

_REPO = "/repos/{owner}/{repo}"
_RUNS, _RUN = _REPO + "/check-runs", _REPO + "/check-runs/{check_run_id}"
_SUITES, _SUITE = _REPO + "/check-suites", _REPO + "/check-suites/{check_suite_id}"
READ, WRITE = "checks:read", "checks:write"
MAX_ANNOTATIONS = 50
MAX_TEXT = 65535
_STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
_CONCLUSIONS = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "stale",
    "timed_out",
)
_LEVELS = ("notice", "warning", "failure")


def _writer(call: Call) -> tuple[Repository, App]:
    repo = call.repo(WRITE, role=Role.WRITE)
    if not isinstance(call.principal, InstallationCaller):
        raise ApiError(403, "You must authenticate via a GitHub App.")
    return repo, call.principal.installation.app


def _annotation(given: Body) -> Annotation:
    level = given.choice("annotation_level", _LEVELS)
    if level is None:
        raise malformed('"annotation_level" wasn\'t supplied.')
    start, end = given.need_integer("start_line"), given.need_integer("end_line")
    start_column, end_column = given.integer("start_column"), given.integer("end_column")
    if (start_column is not None or end_column is not None) and start != end:
        raise invalid("CheckRun", "annotations", "custom", "columns are only allowed when start_line equals end_line")
    return Annotation(
        path=given.need_text("path"),
        start_line=start,
        end_line=end,
        level=level,
        message=given.need_text("message"),
        start_column=start_column,
        end_column=end_column,
        title=given.text("title"),
        raw_details=given.text("raw_details"),
    )


def _actions(call: Call) -> list[CheckAction] | None:
    given = call.body.children("actions")
    if given is None:
        return None
    if len(given) > 3:
        raise ApiError(422, f"Invalid request.\n\nNo more than 3 items are allowed; {len(given)} were supplied.")
    actions = []
    for item in given:
        action = CheckAction(item.need_text("label"), item.need_text("description"), item.need_text("identifier"))
        for name, limit in (("label", 20), ("identifier", 20), ("description", 40)):
            if len(getattr(action, name)) > limit:
                raise too_long("CheckRun", f"actions.{name}", limit)
        actions.append(action)
    return actions


def _apply_output(run: CheckRun, output: Body | None) -> None:
    """Title, summary and text replace what was there; annotations are added to it."""
    if output is None:
        return
    annotations = [_annotation(given) for given in output.children("annotations") or []]
    if len(annotations) > MAX_ANNOTATIONS:
        words = f"No more than {MAX_ANNOTATIONS} items are allowed; {len(annotations)} were supplied."
        raise malformed(f"For 'properties/annotations', {words}")
    title, summary, text = (output.text(name) for name in ("title", "summary", "text"))
    for name, value in (("summary", summary), ("text", text)):
        if value is not None and len(value) > MAX_TEXT:
            raise too_long("CheckRun", name, MAX_TEXT)
    if summary is None:
        raise malformed('"summary" wasn\'t supplied.')
    run.title = title if title is not None else run.title
    run.summary = summary
    run.text = text if text is not None else run.text
    run.annotations.extend(annotations)


def _apply_status(call: Call, run: CheckRun) -> None:
    now = call.world.clock.now()
    status, conclusion = call.body.choice("status", _STATUSES), call.body.choice("conclusion", _CONCLUSIONS)
    if status == "completed" and conclusion is None:
        raise malformed('"conclusion" wasn\'t supplied.')
    if status:
        run.status = status
    if conclusion:
        run.status, run.conclusion = "completed", conclusion
        run.completed_at = call.body.instant("completed_at") or now
    elif status and status != "completed":
        run.conclusion = run.completed_at = None
    run.started_at = call.body.instant("started_at") or run.started_at


def create_run(call: Call) -> Reply:
    repo, app = _writer(call)
    name, sha = call.body.need_text("name"), call.body.need_text("head_sha")
    if repo.git.kind(sha) != "commit":
        raise ApiError(422, f"No commit found for SHA: {sha}")
    actions = _actions(call) or []
    suite = ops.ensure_suite(call.world, repo, app, sha)
    run = CheckRun(
        id=call.world.ids.next("run"),
        suite=suite,
        name=name,
        head_sha=sha,
        status="queued",
        conclusion=None,
        started_at=call.world.clock.now(),
        completed_at=None,
        external_id=call.body.text("external_id") or "",
        details_url=call.body.text("details_url"),
        actions=actions,
    )
    _apply_status(call, run)
    _apply_output(run, call.body.child("output"))
    repo.runs.append(run)
    ops.run_event(call.world, repo, run, "created", call.actor)
    if run.status == "completed":
        ops.run_event(call.world, repo, run, "completed", call.actor)
    ops.conclude_suite(call.world, repo, suite, call.actor)
    shown = render.run(call.world.urls, repo, run)
    return Reply(201, shown, {"Location": str(shown["url"])})


def _run(call: Call, repo: Repository) -> CheckRun:
    run = call.world.find_run(repo, call.number("check_run_id"))
    if run is None:
        raise not_found()
    return run


def get_run(call: Call) -> Reply:
    repo = call.repo(READ)
    return Reply(200, render.run(call.world.urls, repo, _run(call, repo)))


def update_run(call: Call) -> Reply:
    repo, app = _writer(call)
    run = _run(call, repo)
    if run.app is not app:
        words = f"Invalid app_id `{app.id}` - check run can only be modified by the GitHub App that created it."
        raise ApiError(403, words)
    actions = _actions(call)
    was = run.status
    _apply_output(run, call.body.child("output"))
    _apply_status(call, run)
    run.name = call.body.text("name") or run.name
    run.external_id = call.body.text("external_id") or run.external_id
    run.details_url = call.body.text("details_url") or run.details_url
    run.actions = actions if actions is not None else run.actions
    if run.status == "completed" and was != "completed":
        ops.run_event(call.world, repo, run, "completed", call.actor)
    else:
        call.world.note("check_run", "updated", repo, None, call.actor)
    ops.conclude_suite(call.world, repo, run.suite, call.actor)
    return Reply(200, render.run(call.world.urls, repo, run))


def list_annotations(call: Call) -> Reply:
    repo = call.repo(READ)
    run = _run(call, repo)
    urls = call.world.urls
    return listing(call, run.annotations, lambda item: render.annotation(urls, repo, item, run.head_sha), repo)


def rerequest_run(call: Call) -> Reply:
    repo = call.repo(WRITE, role=Role.WRITE)
    ops.rerequest_run(call.world, repo, _run(call, repo), call.actor)
    return Reply(201, {})


def _list_runs(call: Call, repo: Repository, runs: list[CheckRun]) -> Reply:
    name, status, app = call.query.get("check_name"), call.query.get("status"), call.query.get("app_id")
    runs = [run for run in runs if name in ("", run.name) and status in ("", run.status)]
    runs = [run for run in runs if app in ("", str(run.app.id))]
    if call.query.choice("filter", ("latest", "all"), "latest") == "latest":
        newest = {(run.suite.id, run.name): run for run in runs}
        runs = list(newest.values())
    runs.sort(key=lambda run: run.id, reverse=True)
    return counted(call, "check_runs", runs, lambda run: render.run(call.world.urls, repo, run), repo)


def _sha(call: Call, repo: Repository) -> str:
    sha = repo.git.resolve(call.params["ref"].removeprefix("heads/"))
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {call.params['ref']}")
    return sha


def runs_for_ref(call: Call) -> Reply:
    repo = call.repo(READ)
    sha = _sha(call, repo)
    return _list_runs(call, repo, [run for run in repo.runs if run.head_sha == sha])


def runs_for_suite(call: Call) -> Reply:
    repo = call.repo(READ)
    suite = _suite(call, repo)
    return _list_runs(call, repo, [run for run in repo.runs if run.suite is suite])


def _suite(call: Call, repo: Repository) -> CheckSuite:
    suite = call.world.find_suite(repo, call.number("check_suite_id"))
    if suite is None:
        raise not_found()
    return suite


def get_suite(call: Call) -> Reply:
    repo = call.repo(READ)
    return Reply(200, render.suite_in_api(call.world.urls, repo, _suite(call, repo)))


def suites_for_ref(call: Call) -> Reply:
    repo = call.repo(READ)
    sha, app = _sha(call, repo), call.query.get("app_id")
    found = [suite for suite in repo.suites if suite.head_sha == sha and app in ("", str(suite.app.id))]
    urls = call.world.urls
    return counted(call, "check_suites", found, lambda suite: render.suite_in_api(urls, repo, suite), repo)


def create_suite(call: Call) -> Reply:
    repo, app = _writer(call)
    sha = call.body.need_text("head_sha")
    if repo.git.kind(sha) != "commit":
        raise ApiError(422, f"No commit found for SHA: {sha}")
    before = len(repo.suites)
    suite = ops.ensure_suite(call.world, repo, app, sha)
    return Reply(201 if len(repo.suites) > before else 200, render.suite_in_api(call.world.urls, repo, suite))


def rerequest_suite(call: Call) -> Reply:
    repo = call.repo(WRITE, role=Role.WRITE)
    ops.rerequest_suite(call.world, repo, _suite(call, repo), call.actor)
    return Reply(201, {})


ROUTES = [
    Route("POST", _RUNS, create_run),
    Route("GET", _RUN, get_run),
    Route("PATCH", _RUN, update_run),
    Route("GET", _RUN + "/annotations", list_annotations),
    Route("POST", _RUN + "/rerequest", rerequest_run),
    Route("POST", _SUITES, create_suite),
    Route("GET", _SUITE, get_suite),
    Route("GET", _SUITE + "/check-runs", runs_for_suite),
    Route("POST", _SUITE + "/rerequest", rerequest_suite),
    Route("GET", _REPO + "/commits/{ref}/check-runs", runs_for_ref, deep="ref"),
    Route("GET", _REPO + "/commits/{ref}/check-suites", suites_for_ref, deep="ref"),
]
