"""The REST API over HTTP: everything between the socket and a handler, in the order GitHub does it.

A request is answered without yielding to any other request, so what it sees and changes is one moment.
"""

import asyncio
import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from bot.sandbox.calls import Call, Route
from bot.sandbox.errors import ApiError, bad_credentials, not_found
from bot.sandbox.exchanges import Exchange, Exchanges
from bot.sandbox.faults import SECONDARY_LIMIT, Fault, Kind
from bot.sandbox.limits import RateLimits
from bot.sandbox.model import Account
from bot.sandbox.principals import Anonymous, AppCaller, InstallationCaller, Person, Principal
from bot.sandbox.requests import Body, Query, Reply
from bot.sandbox.routes import apps, checks, comments, contents, git_data, issues, pulls, repositories, reviews
from bot.sandbox.values import JsonObject, iso
from bot.sandbox.world import World

MAX_BODY_BYTES = 50 << 20
API_VERSIONS = ("2022-11-28", "2026-03-10")
_ROUTES = [
    *apps.ROUTES,
    *repositories.ROUTES,
    *issues.ROUTES,
    *comments.ROUTES,
    *pulls.ROUTES,
    *reviews.ROUTES,
    *checks.ROUTES,
    *git_data.ROUTES,
    *contents.ROUTES,
]
_NO_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
    "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required)."
)

_LOG = logging.getLogger(__name__)


class Observer(Protocol):
    """Looks on: may refuse a request before it is handled, and sees every answer and webhook."""

    def refuse(self, exchange: Exchange) -> str | None: ...

    def answered(self, exchange: Exchange) -> None: ...

    def announced(self, event: str, payload: JsonObject) -> None: ...


@dataclass(frozen=True)
class _Pattern:
    route: Route
    expression: re.Pattern[str]


def _compile(route: Route, path: str) -> _Pattern:
    def parameter(match: re.Match[str]) -> str:
        name = match[1]
        numeric = name.endswith(("_id", "_number"))
        return f"(?P<{name}>{'.+' if name == route.deep else r'[0-9]+' if numeric else '[^/]+'})"

    return _Pattern(route, re.compile("^" + re.sub(r"\{(\w+)\}", parameter, path) + "$"))


def _patterns() -> list[_Pattern]:
    found = []
    for route in _ROUTES:
        found.append(_compile(route, route.path))
        if route.path.startswith("/repos/{owner}/{repo}"):
            by_id = route.path.replace("/repos/{owner}/{repo}", "/repositories/{repository_id}", 1)
            found.append(_compile(route, by_id))
    return found


@dataclass
class Api:
    """Answers API requests. `faults` and `log` are there for tests."""

    world: World
    observer: Observer | None = None
    faults: list[Fault] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)  # mistakes of the sandbox itself, answered with 500
    log: Exchanges = field(default_factory=Exchanges)

    def __post_init__(self) -> None:
        self.limits = RateLimits(self.world)
        self._patterns = _patterns()
        self._count = 0

    def serves(self, method: str, path: str) -> bool:
        """Whether a path, without the API's prefix, is one of the API's."""
        return path in ("/rate_limit", "/graphql") or self._match(method, path)[0] is not None

    def act(self, account: Account, method: str, path: str, body: JsonObject) -> Reply:
        """What a person does on a page: the request it stands for, by the same handler, rules and refusals.

        Raises ApiError.
        """
        path, _, query = path.partition("?")
        raw = json.dumps(body).encode() if method != "GET" else b""
        self._count += 1
        at, has_body = iso(self.world.clock.now()), bool(raw)
        given = dict(parse_qsl(query))
        exchange = Exchange(self._count, at, method, path, given, account.login, {}, body or None, has_body)
        self.log.append(exchange)
        try:
            reply = self._dispatch(exchange, raw, {}, Person(account))
        except ApiError as error:
            exchange.status = exchange.came_to = error.status
            raise
        exchange.status = exchange.came_to = reply.status
        return reply

    # --- HTTP in and out ---------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request, raw_path: str) -> web.StreamResponse:
        """Answer one request whose path, without the API's prefix, is `raw_path` (still percent-encoded)."""
        raw = await request.read()
        headers = {name.title(): value for name, value in request.headers.items()}
        try:
            principal: Principal | ApiError = self._identify(headers)
        except ApiError as error:
            principal = error
        exchange = self._exchange(request, raw_path, raw, headers, principal)
        fault = next((f for f in self.faults if f.takes(exchange.method, exchange.path, exchange.actor)), None)
        if fault:
            exchange.fault = fault.kind.value
            early = await self._before(request, fault, principal)
            if early is not None:
                exchange.status = early.status or 0
                return early
        reply = self._answer(exchange, raw, headers, principal)
        response = self._response(request, exchange, reply, principal)
        if self.observer:
            self.observer.answered(exchange)
        if not exchange.is_write:
            exchange.answer = None  # what was read can be read again; a long log of it would fill the memory
        return await self._after(request, fault, response, exchange) if fault else response

    def _exchange(
        self, request: web.Request, raw_path: str, raw: bytes, headers: dict[str, str], principal: Principal | ApiError
    ) -> Exchange:
        self._count += 1
        shown = {name: value for name, value in headers.items() if name not in ("Authorization", "Cookie")}
        body: object | None = None
        with contextlib.suppress(ValueError):
            body = json.loads(raw) if raw else None
        at, query = iso(self.world.clock.now()), dict(request.query)
        actor = _actor(principal)
        exchange = Exchange(self._count, at, request.method, raw_path, query, actor, shown, body, bool(raw))
        self.log.append(exchange)
        return exchange

    def _response(
        self, request: web.Request, exchange: Exchange, reply: Reply, principal: Principal | ApiError
    ) -> web.Response:
        headers = dict(reply.headers)
        headers["X-GitHub-Request-Id"] = f"SBX0:{exchange.number:X}"
        headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        headers["X-GitHub-Api-Version-Selected"] = request.headers.get("X-GitHub-Api-Version", API_VERSIONS[0])
        if self.world.clock.shifted:
            headers["Date"] = self.world.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        if reply.text is not None:
            body = reply.text.encode() if isinstance(reply.text, str) else reply.text
        else:
            body = b"" if reply.data is None else json.dumps(reply.data, ensure_ascii=False).encode()
        exchange.status = exchange.came_to = reply.status
        exchange.answer, exchange.media = reply.data, reply.content_type
        if request.method == "GET" and reply.status == 200:
            token = request.headers.get("Authorization", "")
            tag = f'W/"{hashlib.sha256(token.encode() + b" " + body).hexdigest()}"'
            headers["ETag"] = tag
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
            headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
            if tag in [each.strip() for each in request.headers.get("If-None-Match", "").split(",")]:
                if not isinstance(principal, ApiError):
                    self.limits.refund(principal)
                exchange.status, exchange.answer, body = 304, None, b""
        if not isinstance(principal, ApiError):
            headers |= self.limits.bucket(principal).headers()
        if body:
            headers["Content-Type"] = f"{reply.content_type}; charset=utf-8"
        return web.Response(status=exchange.status, body=body or None, headers=headers)

    # --- one moment --------------------------------------------------------------------------------------------------

    def _answer(
        self, exchange: Exchange, raw: bytes, headers: Mapping[str, str], principal: Principal | ApiError
    ) -> Reply:
        if not headers.get("User-Agent", "").strip():
            return Reply(403, text=_NO_AGENT, content_type="text/html")
        refused = self.observer.refuse(exchange) if self.observer else None
        if refused:
            return Reply(599, {"message": "This request breaks GitHub's published contract", "violations": refused})
        try:
            if isinstance(principal, ApiError):
                raise principal
            version = headers.get("X-Github-Api-Version", API_VERSIONS[0])
            if version not in API_VERSIONS:
                known = ", ".join(API_VERSIONS)
                raise ApiError(400, f'Version "{version}" is not a supported API version. Supported versions: {known}.')
            if exchange.path.rstrip("/") == "/rate_limit":
                return self._rate_limit(principal)
            self.limits.charge(principal, exchange.method)
            return self._dispatch(exchange, raw, headers, principal)
        except ApiError as error:
            return Reply(error.status, error.body(), error.headers)
        except Exception as error:
            _LOG.exception("%s %s failed in the sandbox", exchange.method, exchange.path)
            self.errors.append(error)
            return Reply(500, {"message": "Server Error"})

    def _dispatch(self, exchange: Exchange, raw: bytes, headers: Mapping[str, str], principal: Principal) -> Reply:
        path = exchange.path.rstrip("/") or "/"
        if path == "/graphql" and exchange.method == "POST":
            route: Route | None = Route("POST", "/graphql", repositories.graphql)
            params: dict[str, str] = {}
        else:
            route, params = self._match(exchange.method, path)
        if route is None:
            raise not_found()
        if exchange.is_write and isinstance(principal, Anonymous) and route.path != apps.ROUTES[-1].path:
            raise ApiError(401, "Requires authentication")
        body = self._body(exchange, raw, route)
        call = Call(self.world, exchange.method, path, params, Query(exchange.query), body, headers, principal)
        return route.handler(call)

    def _match(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        for pattern in self._patterns:
            if pattern.route.method == method and (match := pattern.expression.match(path)):
                return pattern.route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None, {}

    @staticmethod
    def _body(exchange: Exchange, raw: bytes, route: Route) -> Body:
        if not raw:
            return Body({})
        try:
            data = json.loads(raw)
        except ValueError:
            raise ApiError(400, "Problems parsing JSON") from None
        if isinstance(data, list) and route.path.endswith("/labels"):
            data = {"labels": data}  # the bare array that the documentation's prose allows
        if not isinstance(data, dict):
            raise ApiError(400, "Body should be a JSON object")
        return Body(data)

    def _rate_limit(self, principal: Principal) -> Reply:
        bucket = self.limits.bucket(principal).as_json()
        names = ("core", "search", "graphql", "integration_manifest")
        return Reply(200, {"resources": dict.fromkeys(names, bucket), "rate": bucket})

    def _identify(self, headers: Mapping[str, str]) -> Principal:
        given = headers.get("Authorization", "").strip()
        if not given:
            return Anonymous()
        scheme, _, token = given.partition(" ")
        if scheme.lower() not in ("bearer", "token") or not token.strip():
            raise bad_credentials()
        return self.world.tokens.identify(token.strip(), self.world.apps)

    # --- faults ------------------------------------------------------------------------------------------------------

    async def _before(self, request: web.Request, fault: Fault, principal: Principal | ApiError) -> web.Response | None:
        """What a fault answers instead of handling the request; None lets it through."""
        if fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.seconds)
            return None
        if fault.kind is Kind.DROP_BEFORE:
            self._abort(request)
        if fault.kind is Kind.STATUS:
            text = fault.body if fault.body is not None else json.dumps({"message": "Server Error"})
            return web.Response(status=fault.status, text=text, headers=fault.headers, content_type="application/json")
        docs = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
        if fault.kind in (Kind.SECONDARY, Kind.SECONDARY_429):
            status = 429 if fault.kind is Kind.SECONDARY_429 else 403
            data = {"message": SECONDARY_LIMIT, "documentation_url": f"{docs}#about-secondary-rate-limits"}
            headers = {"Retry-After": str(fault.retry_after)}
            if not isinstance(principal, ApiError):
                headers |= self.limits.bucket(principal).headers()
            return web.json_response({**data, "status": str(status)}, status=status, headers=headers)
        if fault.kind is Kind.PRIMARY:
            reset = int(self.world.clock.now().timestamp()) + fault.retry_after
            headers = {f"X-RateLimit-{name}": value for name, value in (("Limit", "5000"), ("Remaining", "0"))}
            headers |= {"X-RateLimit-Used": "5000", "X-RateLimit-Reset": str(reset), "X-RateLimit-Resource": "core"}
            words = f"API rate limit exceeded for {_actor(principal)}."
            return web.json_response({"message": words, "documentation_url": docs}, status=403, headers=headers)
        return None

    async def _after(
        self, request: web.Request, fault: Fault, response: web.Response, exchange: Exchange
    ) -> web.StreamResponse:
        """What a fault makes of the answer to a request that was handled."""
        if fault.kind is Kind.DROP_AFTER:
            self._abort(request)
        if fault.kind is Kind.STATUS_AFTER:
            exchange.status = fault.status
            return web.Response(status=fault.status, text="<html>Unicorn!</html>", content_type="text/html")
        if fault.kind is Kind.TRUNCATE:
            body = response.body if isinstance(response.body, bytes) else b""
            cut = web.StreamResponse(status=response.status, headers=response.headers)
            cut.content_length = len(body)
            await cut.prepare(request)
            await cut.write(body[: len(body) // 2])
            self._abort(request)
        return response

    @staticmethod
    def _abort(request: web.Request) -> None:
        """Cut the connection: the client learns nothing of what became of its request."""
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError


def _actor(principal: Principal | ApiError) -> str:
    if isinstance(principal, Person):
        return principal.account.login
    if isinstance(principal, InstallationCaller):
        return principal.installation.app.bot.login
    if isinstance(principal, AppCaller):
        return principal.app.slug
    return "anonymous"
