"""The jobs pages over HTTP: addresses, who looks, forms, and the headers that keep a page harmless."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp_jinja2
import structlog
from aiohttp import web
from jinja2 import Environment, StrictUndefined

from bot.figures.jobs import account_of, line_of, summarise
from bot.figures.overview import overview
from bot.job_pages import live, words
from bot.job_pages.access import Access, Visit
from bot.job_pages.account import findings_plot, steps_of, strips_of, web_of
from bot.job_pages.listing import GROUPS, PER_PAGE, STATUS_ORDER, BadQueryError, read_query
from bot.job_pages.overview import plots
from bot.operate.orders import Order, Put, fitting, give
from bot.pages.assets import Assets, templates
from bot.pages.safety import SAFE
from bot.settings import Settings
from bot.store.jobs import JobRow
from bot.store.stores import Stores

_log = structlog.get_logger(__name__)
_TEMPLATES = web.AppKey("JOB_PAGES_TEMPLATES", Environment)
_JOB = r"/jobs/{owner}/{repo}/{number:[1-9]\d{0,8}}"
_ORDERS = "{order:" + "|".join(Order) + "}"
_EVENTS_SHOWN = 200
_WORDS = ("status_words", "effect_words", "checkpoint_words", "event_words")

Page = Callable[[web.Request, Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class JobPages:
    """One per service. `put` stores an event and wakes its job, `running` ends open streams when the service stops."""

    stores: Stores
    settings: Settings
    access: Access
    put: Put
    running: Callable[[], bool]

    def add_to(self, app: web.Application) -> None:
        """Routes and templates."""
        environment = aiohttp_jinja2.setup(
            app,
            app_key=_TEMPLATES,
            default_helpers=False,
            loader=templates("bot.job_pages"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            filters={name: getattr(words, name) for name in (*_WORDS, "duration", "money", "share", "moment")},
        )
        environment.globals["static"] = "/jobs/static"
        app.cleanup_ctx.append(_templates_read)
        for path, page in (("/jobs", self.show_list), ("/jobs/live", self.follow_list)):
            app.router.add_get(path, self._guarded(page))
        app.router.add_get("/jobs/static/{name}", Assets("bot.job_pages").serve)
        app.router.add_get("/jobs/login", self.ask_token)
        app.router.add_post("/jobs/login", self.log_in)
        app.router.add_post("/jobs/logout", self._guarded(self.log_out))
        app.router.add_get(_JOB, self._guarded(self.show_job))
        app.router.add_get(_JOB + "/live", self._guarded(self.follow_job))
        app.router.add_get(f"{_JOB}/{_ORDERS}", self._guarded(self.confirm))
        app.router.add_post(f"{_JOB}/{_ORDERS}", self._guarded(self.order))

    # --- looking -----------------------------------------------------------------------------------------------------

    async def show_list(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        try:
            query = read_query(request.query)
        except BadQueryError as error:
            return self._refused(request, visit, 400, str(error))
        now, mark = _now(), await live.of_list(self.stores)()
        found_jobs = await self.stores.jobs.listed(
            statuses=query.statuses,
            owner=query.owner,
            name=query.name,
            waiting=query.waiting,
            after=query.after,
            limit=PER_PAGE + 1,
        )
        shown = found_jobs[:PER_PAGE]
        found = await overview(self.stores, now)
        values: dict[str, object] = {
            "query": query,
            "jobs": [line_of(job) for job in shown],
            "following": query.address(shown[-1]) if len(found_jobs) > PER_PAGE else "",
            "first": query.address() if query.after else "",
            "now": now,
            "figures": found.now,
            "plots": plots(found),
            "repositories": await self.stores.jobs.repositories(),
            "statuses": STATUS_ORDER,
            "groups": GROUPS,
            "live": f"/jobs/live?seen={_quoted(mark)}",
            "settle": 400,
        }
        return self._page(request, visit, "jobs.html", "Jobs", values)

    async def show_job(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        row = await self._find(request)
        if row is None:
            return self._unknown(request, visit)
        mark = await live.of_job(self.stores, row)()
        account, events = await account_of(self.stores, row, _now())
        steps, site = steps_of(account), web_of(self.settings.github_api_url)
        name, number = account.summary.repository, account.summary.issue
        values: dict[str, object] = {
            "job": account.summary,
            "account": account,
            "steps": steps,
            "strips": strips_of(account, steps),
            "findings": findings_plot(account),
            "events": events[-_EVENTS_SHOWN:],
            "hidden": max(0, len(events) - _EVENTS_SHOWN),
            "orders": fitting(row.job, account.set_aside),
            "done": Order(done) if (done := request.query.get("done", "")) in set(Order) else None,
            "here": _path(request),
            "issue": site.issue(name, number),
            "pull": site.pull(name, account.summary.pull) if account.summary.pull else "",
            "writes": [(write, site.of(write, name, number)) for write in account.writes],
            "started_by": row.job.started_by,
            "live": f"{_path(request)}/live?seen={_quoted(mark)}",
        }
        return self._page(request, visit, "job.html", f"{account.summary.title} · {name}#{number}", values)

    async def follow_list(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        return await live.stream(request, live.of_list(self.stores), self.running)

    async def follow_job(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        row = await self._find(request)
        if row is None:
            raise web.HTTPNotFound
        return await live.stream(request, live.of_job(self.stores, row), self.running)

    # --- doing -------------------------------------------------------------------------------------------------------

    async def confirm(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """Asks whether it is meant; nothing happens yet."""
        row, order = await self._find(request), Order(request.match_info["order"])
        if row is None:
            return self._unknown(request, visit)
        values: dict[str, object] = {"job": summarise(row.job), "order": order, "here": _path(request)}
        return self._page(request, visit, "confirm.html", f"{order.value.capitalize()}?", values)

    async def order(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        fields = await request.post()
        if not self.access.forms.is_ours(request, visit.session, str(fields.get("token", ""))):
            return self._refused(request, visit, 403, "This form is out of date or came from another site.")
        row, order = await self._find(request), Order(request.match_info["order"])
        if row is None:
            return self._unknown(request, visit)
        given = await give(self.stores, row, order, self.put)
        if given.refused:
            return self._refused(request, visit, 409, given.refused)
        _log.info("order from the jobs pages", job=row.job.key, order=order.value, remote=request.remote)
        return _see(f"{_path(request)}?done={order.value}")

    # --- the token ---------------------------------------------------------------------------------------------------

    async def ask_token(self, request: web.Request) -> web.StreamResponse:
        if self.access.visit(request) is not None:
            return _see("/jobs")
        return self._login(request, _local(request.query.get("next", "")))

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        self.access.visit(request)  # 404 where there are no pages
        fields = await request.post()
        following = _local(str(fields.get("next", "")))
        if not self.access.may_try():
            return self._login(request, following, "Too many wrong tokens. Try again in a minute.", 429)
        if not self.access.is_token(str(fields.get("api_token", "")).strip()):
            self.access.failed()
            _log.warning("wrong token at the jobs pages", remote=request.remote)
            return self._login(request, following, "That is not the token.", 403)
        response = _see(following)
        self.access.log_in(request, response)
        return response

    async def log_out(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        fields = await request.post()
        if not self.access.forms.is_ours(request, visit.session, str(fields.get("token", ""))):
            return self._refused(request, visit, 403, "This form is out of date or came from another site.")
        response = _see("/jobs/login")
        self.access.log_out(request, response)
        return response

    def _login(self, request: web.Request, following: str, wrong: str = "", status: int = 200) -> web.Response:
        values = {"title": "Log in", "next": following, "wrong": wrong, "visit": None, "live": ""}
        return self._rendered(request, "login.html", values, status)

    # --- how ---------------------------------------------------------------------------------------------------------

    def _guarded(self, page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def guard(request: web.Request) -> web.StreamResponse:
            visit = self.access.visit(request)
            if visit is not None:
                return await page(request, visit)
            back = request.rel_url.raw_path_qs if request.method == "GET" and request.path[-5:] != "/live" else "/jobs"
            return _see(f"/jobs/login?next={_quoted(back)}")

        return guard

    async def _find(self, request: web.Request) -> JobRow | None:
        where = request.match_info
        return await self.stores.jobs.find_by_issue(where["owner"], where["repo"], int(where["number"]))

    def _unknown(self, request: web.Request, visit: Visit) -> web.Response:
        return self._refused(request, visit, 404, "There is no such job. It may have been renamed with its repository.")

    def _refused(self, request: web.Request, visit: Visit, status: int, why: str) -> web.Response:
        return self._page(request, visit, "refused.html", "That does not work", {"why": why}, status)

    def _page(
        self,
        request: web.Request,
        visit: Visit,
        template: str,
        title: str,
        values: Mapping[str, object],
        status: int = 200,
    ) -> web.Response:
        common = {"title": title, "visit": visit, "token": self.access.forms.token(visit.session), "live": ""}
        response = self._rendered(request, template, {**common, **values}, status)
        self.access.remember(request, response, visit)
        return response

    def _rendered(self, request: web.Request, template: str, values: Mapping[str, object], status: int) -> web.Response:
        response = aiohttp_jinja2.render_template(template, request, values, app_key=_TEMPLATES, status=status)
        response.headers.update(SAFE)
        return response


def add_job_pages(
    app: web.Application, stores: Stores, settings: Settings, put: Put, running: Callable[[], bool]
) -> None:
    """The pages on the service's own address."""
    access = Access(settings.host, settings.api_token.get_secret_value(), time.time)
    JobPages(stores, settings, access, put, running).add_to(app)


async def _templates_read(app: web.Application) -> AsyncIterator[None]:
    """Compiles them while the service starts: whoever opens the first page would wait for that."""
    environment = app[_TEMPLATES]

    def read() -> None:
        for name in environment.list_templates(["html"]):
            environment.get_template(name)

    reading = asyncio.get_running_loop().run_in_executor(None, read)
    yield
    await reading


def _now() -> datetime:
    return datetime.now(UTC)


def _see(address: str) -> web.Response:
    return web.Response(status=303, headers={**SAFE, "Location": address})


def _path(request: web.Request) -> str:
    """The address of the job that this request is about."""
    where = request.match_info
    return f"/jobs/{_quoted(where['owner'])}/{_quoted(where['repo'])}/{where['number']}"


def _local(address: str) -> str:
    """Where to go after logging in: one of these pages, whatever somebody wrote into the form."""
    return address if address == "/jobs" or address.startswith(("/jobs/", "/jobs?")) else "/jobs"


def _quoted(text: str) -> str:
    return quote(text, safe="")
