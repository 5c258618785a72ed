"""The loopback page of `skill-fleet setup`: one browser, one visit, one App.

The printed URL carries a token that opens the page once and ties it to that browser by a cookie. GitHub's answer is
accepted only with that cookie and the state sent along, once. Other `Host` names (DNS rebinding) are refused, nothing
is taken from forms, no secret is ever shown.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from bot.setup.exchange import ExchangeError, NewApp, exchange
from bot.setup.files import AlreadyConfiguredError, Target, UnwritableError, refuse_if_configured, write_files
from bot.setup.hosts import GitHubHost
from bot.setup.manifest import Manifest
from bot.setup.pages import Page, finished_page, problem_page, start_page

LOOPBACK = "127.0.0.1"
COOKIE = "skill_fleet_setup"
HEADERS = {
    "Cache-Control": "no-store",
    # The address holds the token, so GitHub gets the origin alone; with none at all browsers post `Origin: null`.
    "Referrer-Policy": "strict-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}

MakeManifest = Callable[[str], Manifest]
"""Redirect URL -> the manifest."""


@dataclass(frozen=True)
class Plan:
    """What is to be set up, and where."""

    host: GitHubHost
    organization: str
    make_manifest: MakeManifest
    target: Target
    environ: dict[str, str] = field(default_factory=dict)


@dataclass
class Setup:
    """One run. `result` is the App, or the reason why there is none."""

    plan: Plan
    origin: str = ""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _opened: bool = False
    _answered: bool = False

    def __post_init__(self) -> None:
        self.result: asyncio.Future[NewApp] = asyncio.get_running_loop().create_future()

    @property
    def url(self) -> str:
        """What a person opens."""
        return f"{self.origin}/?token={self.token}"

    @property
    def redirect_url(self) -> str:
        """Where GitHub sends the browser back to."""
        return f"{self.origin}/created"

    async def start(self, request: web.Request) -> web.Response:
        """The page with the button, for the first browser that knows the token."""
        ours = self._is_ours(request)
        if not ours and (self._opened or not _same(request.query.get("token", ""), self.token)):
            return self._problem(
                403, "This page is not for you", "Open the address that the terminal printed. It works in one browser."
            )
        self._opened = True
        content = self.plan.make_manifest(self.redirect_url)
        response = _answer(start_page(content, self.plan.host, self.plan.organization, self._state))
        response.set_cookie(COOKIE, self._session, httponly=True, samesite="Lax", path="/")
        return response

    async def created(self, request: web.Request) -> web.Response:
        """GitHub's answer: the code is traded for the App, once."""
        if not self._is_ours(request) or not _same(request.query.get("state", ""), self._state):
            return self._problem(
                403,
                "Not from here",
                "This answer does not belong to the set-up begun in this browser. Nothing was changed.",
            )
        if self._answered:
            return self._problem(409, "Already used", "This answer was used before. Look at the terminal.")
        self._answered = True
        try:
            app = await self._adopt(request.query.get("code", ""))
        except (ExchangeError, AlreadyConfiguredError, UnwritableError) as error:
            self._finish(error)
            return self._problem(502, "The App could not be set up", str(error))
        self._finish(app)
        return _answer(finished_page(app, self.plan.host, self.plan.target))

    async def _adopt(self, code: str) -> NewApp:
        refuse_if_configured(self.plan.target, self.plan.environ)
        async with aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar()) as session:
            app = await exchange(session, self.plan.host, code)
        write_files(self.plan.target, app, self.plan.host)
        return app

    def _finish(self, outcome: NewApp | Exception) -> None:
        if self.result.done():
            return
        if isinstance(outcome, NewApp):
            self.result.set_result(outcome)
        else:
            self.result.set_exception(outcome)

    def _is_ours(self, request: web.Request) -> bool:
        return self._opened and _same(request.cookies.get(COOKIE, ""), self._session)

    def _problem(self, status: int, title: str, explanation: str) -> web.Response:
        return _answer(problem_page(title, explanation, self.plan.host), status)

    def application(self) -> web.Application:
        """Two addresses, read only, for one Host."""

        @web.middleware
        async def only_here(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            if f"http://{request.headers.get('Host', '')}" != self.origin:
                return self._problem(421, "Wrong address", f"This page lives at {self.origin} only.")
            return await handler(request)

        app = web.Application(middlewares=[only_here], client_max_size=1024)
        app.router.add_get("/", self.start, allow_head=False)
        app.router.add_get("/created", self.created, allow_head=False)
        return app


async def serve(plan: Plan, port: int, announce: Callable[[str], None]) -> NewApp:
    """Serve until there is an App. Raises what the exchange and the files raise, OSError when the port is taken."""
    setup = Setup(plan)
    runner = web.AppRunner(setup.application(), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, LOOPBACK, port)
        await site.start()
        setup.origin = f"http://{LOOPBACK}:{site.port}"
        announce(setup.url)
        return await setup.result
    finally:
        await runner.cleanup()


def _answer(page: Page, status: int = 200) -> web.Response:
    headers = {**HEADERS, "Content-Security-Policy": page.policy}
    return web.Response(text=page.html, status=status, content_type="text/html", headers=headers)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())
