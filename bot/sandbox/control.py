"""The sandbox's own API below `/_sandbox`: what tests and pages need and GitHub has not; for loopback callers only.

`X-Sandbox-User` names the person who acts where a button on a web page would be pressed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from bot.sandbox.deliveries import DeliveryRule, Mishap, Order
from bot.sandbox.errors import ApiError, malformed, not_found
from bot.sandbox.faults import Fault, Kind
from bot.sandbox.forms import list_forms, submit
from bot.sandbox.loopback import is_from_this_machine
from bot.sandbox.model import Account, AccountKind, Installation, Issue, Protection, Repository, Role
from bot.sandbox.ops import checks, forks, installations, issues
from bot.sandbox.render import issues as render_issues
from bot.sandbox.requests import Body
from bot.sandbox.seeding import fill
from bot.sandbox.values import JsonObject, iso, parse_instant

if TYPE_CHECKING:
    from bot.sandbox.server import Sandbox


class Control:
    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self.world = sandbox.world

    def routes(self) -> list[web.RouteDef]:
        repo = "/_sandbox/repositories/{owner}/{repo}"
        table: list[tuple[str, str, Callable[[web.Request, Body], Awaitable[object]]]] = [
            ("GET", "/_sandbox/state", self.state),
            ("GET", "/_sandbox/requests", self.requests),
            ("DELETE", "/_sandbox/requests", self.forget_requests),
            ("GET", "/_sandbox/faults", self.faults),
            ("POST", "/_sandbox/faults", self.add_fault),
            ("DELETE", "/_sandbox/faults", self.clear_faults),
            ("GET", "/_sandbox/deliveries", self.deliveries),
            ("GET", "/_sandbox/deliveries/rules", self.rules),
            ("POST", "/_sandbox/deliveries/rules", self.add_rule),
            ("DELETE", "/_sandbox/deliveries/rules", self.clear_rules),
            ("POST", "/_sandbox/deliveries/release", self.release),
            ("PUT", "/_sandbox/deliveries/order", self.set_order),
            ("POST", "/_sandbox/deliveries/{delivery_id}/redeliver", self.redeliver),
            ("GET", "/_sandbox/idle", self.idle),
            ("POST", "/_sandbox/clock", self.clock),
            ("PATCH", "/_sandbox/limits", self.limits),
            ("PUT", "/_sandbox/hook", self.hook),
            ("POST", "/_sandbox/accounts", self.add_account),
            ("POST", "/_sandbox/tokens/expire", self.expire_tokens),
            ("POST", "/_sandbox/installations/{installation_id}/{action}", self.change_installation),
            ("POST", "/_sandbox/repositories", self.add_repository),
            ("POST", repo + "/forks", self.fork),
            ("PUT", repo + "/roles/{login}", self.set_role),
            ("PUT", repo + "/protection/{branch}", self.protect),
            ("GET", repo + "/forms", self.forms),
            ("POST", repo + "/forms/{file}", self.submit_form),
            ("DELETE", repo + "/issues/{number}", self.delete_issue),
            ("POST", repo + "/issues/{number}/transfer", self.transfer_issue),
            ("POST", repo + "/check-runs/{run_id}/actions/{identifier}", self.press),
            ("POST", repo + "/check-runs/{run_id}/rerequest", self.rerequest),
        ]
        plain = [web.route(method, path, self._json(handler)) for method, path, handler in table]
        return [*plain, web.get("/_sandbox/feed", self.feed), web.get("/_sandbox/avatars/{id}", avatar)]

    def _json(
        self, handler: Callable[[web.Request, Body], Awaitable[object]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not is_from_this_machine(request):
                raise web.HTTPForbidden(text="The sandbox is controlled from this machine only.")
            try:
                raw = await request.read()
                data = json.loads(raw) if raw else {}
                if not isinstance(data, dict):
                    raise malformed("Body should be a JSON object")
                return web.json_response(await handler(request, Body(data)))
            except ApiError as error:
                return web.json_response(error.body(), status=error.status)
            except (ValueError, KeyError) as error:
                return web.json_response({"message": f"not understood: {error}"}, status=422)

        return answer

    # --- finding -----------------------------------------------------------------------------------------------------

    def _by(self, request: web.Request) -> Account:
        login = request.headers.get("X-Sandbox-User", "")
        account = self.world.account(login)
        if account is None:
            raise ApiError(422, f"X-Sandbox-User must name a person who exists; got {login!r}")
        return account

    def _repo(self, request: web.Request) -> Repository:
        repo = self.world.repository(request.match_info["owner"], request.match_info["repo"])
        if repo is None:
            raise not_found()
        return repo

    def _issue(self, request: web.Request, repo: Repository) -> Issue:
        issue = repo.issues.get(int(request.match_info["number"]))
        if issue is None:
            raise not_found()
        return issue

    # --- looking -----------------------------------------------------------------------------------------------------

    async def state(self, request: web.Request, body: Body) -> JsonObject:
        return self.sandbox.connection()

    async def requests(self, request: web.Request, body: Body) -> list[JsonObject]:
        log = self.sandbox.api.log
        return [each.as_json() for each in (log.writes() if "writes" in request.query else log)]

    async def forget_requests(self, request: web.Request, body: Body) -> JsonObject:
        self.sandbox.api.log.clear()
        return {}

    async def deliveries(self, request: web.Request, body: Body) -> list[JsonObject]:
        return [
            {
                "id": item.id,
                "guid": item.guid,
                "event": item.event,
                "action": item.action,
                "status": item.status,
                "status_code": item.status_code,
                "redelivery": item.redelivery,
                **({} if request.query.get("payload") == "no" else {"payload": item.payload}),
            }
            for item in self.world.courier.log
        ]

    async def idle(self, request: web.Request, body: Body) -> JsonObject:
        seconds = float(request.query.get("timeout", "30"))
        try:
            await asyncio.wait_for(self.world.courier.idle(), seconds)
        except TimeoutError:
            return {"idle": False, "under_way": self.world.courier.under_way, "held": self.world.courier.held}
        return {"idle": True, "under_way": 0, "held": self.world.courier.held}

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events, one per change; `Last-Event-ID` resumes."""
        last = request.headers.get("Last-Event-ID", request.query.get("after", ""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        async for change in self.world.feed.follow(int(last) if last.isdigit() else None):
            data = json.dumps(change.as_json())
            await response.write(f"id: {change.id}\nevent: change\ndata: {data}\n\n".encode())
        return response

    # --- trouble -----------------------------------------------------------------------------------------------------

    async def faults(self, request: web.Request, body: Body) -> list[JsonObject]:
        return [{**fault.__dict__} for fault in self.sandbox.api.faults]

    async def add_fault(self, request: web.Request, body: Body) -> JsonObject:
        headers = body.child("headers")
        fault = Fault(
            kind=Kind(body.need_text("kind")),
            method=body.text("method") or "*",
            path=body.text("path") or ".*",
            times=_or(body.integer("times"), 1),
            skip=_or(body.integer("skip"), 0),
            status=_or(body.integer("status"), 502),
            headers={name: str(value) for name, value in headers.raw().items()} if headers else {},
            body=body.text("body"),
            seconds=float(str(body.raw().get("seconds", 0))),
            retry_after=_or(body.integer("retry_after"), 1),
            login=body.text("login") or "*",
        )
        self.sandbox.api.faults.append(fault)
        return {**fault.__dict__}

    async def clear_faults(self, request: web.Request, body: Body) -> JsonObject:
        self.sandbox.api.faults.clear()
        return {}

    async def rules(self, request: web.Request, body: Body) -> list[JsonObject]:
        return [{**rule.__dict__} for rule in self.world.courier.rules]

    async def add_rule(self, request: web.Request, body: Body) -> JsonObject:
        rule = DeliveryRule(
            kind=Mishap(body.need_text("kind")),
            event=body.text("event") or "*",
            action=body.text("action") or "*",
            times=_or(body.integer("times"), 1),
            skip=_or(body.integer("skip"), 0),
            seconds=float(str(body.raw().get("seconds", 0))),
        )
        self.world.courier.rules.append(rule)
        return {**rule.__dict__}

    async def clear_rules(self, request: web.Request, body: Body) -> JsonObject:
        self.world.courier.rules.clear()
        return {}

    async def release(self, request: web.Request, body: Body) -> JsonObject:
        return {"released": self.world.courier.release(body.text("order") or "fifo")}

    async def set_order(self, request: web.Request, body: Body) -> JsonObject:
        self.world.courier.order = Order(body.need_text("order"))
        return {"order": self.world.courier.order.value}

    async def redeliver(self, request: web.Request, body: Body) -> JsonObject:
        number = int(request.match_info["delivery_id"])
        found = next((item for item in self.world.courier.log if item.id == number), None)
        if found is None:
            raise not_found()
        return {"id": self.world.courier.redeliver(found).id}

    async def clock(self, request: web.Request, body: Body) -> JsonObject:
        clock = self.world.clock
        if (moment := body.text("freeze")) is not None:
            clock.freeze(parse_instant(moment) if moment else None)
        if body.flag("thaw"):
            clock.thaw()
        clock.advance(float(str(body.raw().get("advance", 0))))
        return {"now": iso(clock.now())}

    async def limits(self, request: web.Request, body: Body) -> JsonObject:
        limits = self.world.limits
        limits.requests_per_hour = _or(body.integer("requests_per_hour"), limits.requests_per_hour)
        if body.has("writes_per_minute"):
            limits.writes_per_minute = body.integer("writes_per_minute")
        limits.secondary_status = _or(body.integer("secondary_status"), limits.secondary_status)
        limits.retry_after = _or(body.integer("retry_after"), limits.retry_after)
        return {**limits.__dict__}

    async def expire_tokens(self, request: web.Request, body: Body) -> JsonObject:
        return {"expired": self.world.tokens.revoke_installation_tokens()}

    # --- what only web pages of GitHub can do ------------------------------------------------------------------------

    async def hook(self, request: web.Request, body: Body) -> JsonObject:
        app = self.sandbox.app
        url, secret = body.text("url"), body.text("secret")
        app.webhook_url = app.webhook_url if url is None else url
        app.webhook_secret = app.webhook_secret if secret is None else secret
        return {"url": app.webhook_url}

    async def add_account(self, request: web.Request, body: Body) -> JsonObject:
        login = body.need_text("login")
        if self.world.account(login):
            raise ApiError(422, f"{login} exists already")
        kind = AccountKind(body.text("kind") or AccountKind.USER.value)
        account = self.world.add_account(login, kind, body.text("name") or "")
        return {"id": account.id, "login": account.login, "token": self.world.tokens.add_personal(account)}

    async def add_repository(self, request: web.Request, body: Body) -> JsonObject:
        owner = self.world.account(body.need_text("owner"))
        if owner is None:
            raise ApiError(422, "owner does not exist")
        repo = installations.create_repository(self.world, owner, body.need_text("name"), bool(body.flag("private")))
        files = body.child("files")
        if files:
            fill(self.world, repo, {path: str(text) for path, text in files.raw().items()}, owner)
        return {"id": repo.id, "full_name": repo.full_name}

    async def fork(self, request: web.Request, body: Body) -> JsonObject:
        made = forks.fork(self.world, self._repo(request), self._by(request))
        return {"id": made.id, "full_name": made.full_name}

    async def set_role(self, request: web.Request, body: Body) -> JsonObject:
        repo, account = self._repo(request), self.world.account(request.match_info["login"])
        if account is None:
            raise not_found()
        role = Role[(body.text("role") or "none").upper()]
        repo.roles[account.id] = role
        return {"login": account.login, "role": role.name.lower()}

    async def protect(self, request: web.Request, body: Body) -> JsonObject:
        repo, branch = self._repo(request), request.match_info["branch"]
        approvals, names = _or(body.integer("approvals"), 0), tuple(body.texts("checks") or ())
        repo.protected[branch] = Protection(approvals=approvals, checks=names)
        return {"branch": branch, "approvals": approvals, "checks": list(names)}

    async def forms(self, request: web.Request, body: Body) -> list[JsonObject]:
        return [
            {**form.__dict__, "fields": [{**field.__dict__} for field in form.fields]}
            for form in list_forms(self._repo(request))
        ]

    async def submit_form(self, request: web.Request, body: Body) -> JsonObject:
        repo, answers = self._repo(request), body.child("answers")
        values = {name: str(value) for name, value in answers.raw().items()} if answers else {}
        title = body.text("title") or ""
        issue = submit(self.world, repo, request.match_info["file"], title, values, self._by(request))
        return render_issues.issue(self.world.urls, repo, issue)

    async def delete_issue(self, request: web.Request, body: Body) -> JsonObject:
        repo = self._repo(request)
        issues.delete_issue(self.world, repo, self._issue(request, repo), self._by(request))
        return {}

    async def transfer_issue(self, request: web.Request, body: Body) -> JsonObject:
        repo = self._repo(request)
        owner, _, name = body.need_text("to").partition("/")
        target = self.world.repository(owner, name)
        if target is None:
            raise not_found()
        issue = issues.transfer_issue(self.world, repo, self._issue(request, repo), target, self._by(request))
        return render_issues.issue(self.world.urls, target, issue)

    async def press(self, request: web.Request, body: Body) -> JsonObject:
        repo, by = self._repo(request), self._by(request)
        run = self.world.find_run(repo, int(request.match_info["run_id"]))
        actions = {action.identifier: action for action in run.actions} if run else {}
        action = actions.get(request.match_info["identifier"])
        if run is None or action is None:
            raise not_found()
        if self.world.role(repo, by) < Role.WRITE:
            raise ApiError(403, "Only people with write access see the buttons of a check run.")
        checks.press(self.world, repo, run, action, by)
        return {}

    async def rerequest(self, request: web.Request, body: Body) -> JsonObject:
        repo, by = self._repo(request), self._by(request)
        run = self.world.find_run(repo, int(request.match_info["run_id"]))
        if run is None:
            raise not_found()
        if self.world.role(repo, by) < Role.WRITE:
            raise ApiError(403, "Only people with write access can ask for a check run again.")
        checks.rerequest_run(self.world, repo, run, by)
        return {}

    async def change_installation(self, request: web.Request, body: Body) -> JsonObject:
        installation = self.world.installations.get(int(request.match_info["installation_id"]))
        if installation is None:
            raise not_found()
        by, action = self._by(request), request.match_info["action"]
        plain: dict[str, Callable[[], None]] = {
            "suspend": lambda: installations.suspend(self.world, installation, by),
            "unsuspend": lambda: installations.unsuspend(self.world, installation, by),
            "uninstall": lambda: installations.uninstall(self.world, installation, by),
            "grant": lambda: self._grant(installation, body, by),
            "select": lambda: self._select(installation, body, by),
        }
        if action not in plain:
            raise not_found()
        plain[action]()
        return {}

    def _grant(self, installation: Installation, body: Body, by: Account) -> None:
        wanted = body.child("permissions")
        given = {name: str(level) for name, level in wanted.raw().items()} if wanted else {}
        installations.grant(self.world, installation, given, by)

    def _select(self, installation: Installation, body: Body, by: Account) -> None:
        names = body.texts("repositories")
        owner = installation.account.login
        found = None if names is None else [self.world.repository(owner, name) for name in names]
        ids = None if found is None else {repo.id for repo in found if repo is not None}
        installations.select(self.world, installation, ids, by)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


async def avatar(request: web.Request) -> web.Response:
    """A plain coloured disc, so that nothing is fetched from elsewhere."""
    hue = int(request.match_info["id"]) * 47 % 360 if request.match_info["id"].isdigit() else 0
    drawing = f'<circle cx="20" cy="20" r="20" fill="hsl({hue} 45% 55%)"/>'
    text = f'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" viewBox="0 0 40 40">{drawing}</svg>'
    return web.Response(text=text, content_type="image/svg+xml")
