"""One narrow door to GitHub's REST API: typed answers, typed errors, paced, size-limited, one host only.

gidgethub (maintenance mode) is used behind `GitHubApi` so that it can be replaced. Reads are repeated on transient
failure; writes never are: their callers look at the state first.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Protocol, TypeVar

import aiohttp
import gidgethub
import gidgethub.aiohttp
import structlog
from multidict import CIMultiDict, CIMultiDictProxy
from pydantic import JsonValue, ValidationError
from yarl import URL

from bot import spans
from bot.github import errors, urls
from bot.github.cache import Lru
from bot.github.errors import Request
from bot.github.models import Nothing, Remote
from bot.github.pacing import Pacer
from bot.github.secrets import Secret, redact_known

USER_AGENT = "skill-fleet"
API_VERSION = "2022-11-28"
ACCEPT = "application/vnd.github+json"
CONTENT_TYPE = "application/json; charset=utf-8"
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5, sock_read=20)
MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_CACHED_BYTES = 256 * 1024
MAX_PAGES = 300
MAX_REDIRECTS = 4
REDIRECTS = frozenset({301, 302, 307, 308})
READ_ATTEMPTS = 3
CREDENTIAL_ATTEMPTS = 8

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=Remote)
Json = JsonValue
Verb = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


class GitHubApi(Protocol):
    """What the rest of the bot may ask of GitHub. URLs are `{name}` templates; see `bot.github.urls`."""

    async def getitem(self, template: str, values: urls.Vars, into: type[M]) -> M: ...

    def getiter(self, template: str, values: urls.Vars, into: type[M], *, key: str = "items") -> AsyncIterator[M]: ...

    async def post(self, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]) -> M: ...

    async def patch(self, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]) -> M: ...

    async def put(self, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]) -> M: ...

    async def delete(self, template: str, values: urls.Vars) -> None: ...


async def find_item(api: GitHubApi, template: str, values: urls.Vars, into: type[M]) -> M | None:
    """`getitem`; None for what is not there, or not for us."""
    try:
        return await api.getitem(template, values, into)
    except errors.GoneError:
        return None


class Credential(Protocol):
    """Where a client gets its authorisation from."""

    @property
    def scheme(self) -> Literal["token", "bearer"]: ...

    async def secret(self) -> Secret: ...

    async def after_401(self, rejected: Secret, attempt: int, headers: Mapping[str, str]) -> Secret | None:
        """What to try next after `rejected` was refused for the `attempt`-th time; None: give up."""
        ...


@dataclass(frozen=True)
class Answer:
    data: object
    more: str | None


class Transport(gidgethub.aiohttp.GitHubAPI):
    """gidgethub with our guards: this host only, bounded answers, pacing. One per installation."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        pacer: Pacer,
        before_write: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._root = URL(base_url.rstrip("/") + "/")
        self._before_write = before_write
        self.pacer = pacer
        super().__init__(session, USER_AGENT, base_url=base_url, cache=Lru(256))

    async def call(self, request: Request, address: str, body: bytes, secret: Secret, scheme: str) -> Answer:
        """One request. Raises gidgethub, aiohttp and value errors as they come, RetryAtError when limited."""
        token = secret.reveal()
        names = {spans.METHOD: request.method, spans.TEMPLATE: request.template}
        with spans.span(spans.Name.GITHUB_REQUEST, names):
            data, more, _ = await self._make_request(
                request.method,
                address,
                None,
                body,
                ACCEPT,
                oauth_token=token if scheme == "token" else None,
                jwt=token if scheme == "bearer" else None,
                content_type=CONTENT_TYPE,
                extra_headers={"x-github-api-version": API_VERSION},
            )
        return Answer(data, more)

    async def sleep(self, seconds: float) -> None:
        await self.pacer.sleep(seconds)

    async def manage_rate_limit(self, *, method: str, url: str) -> None:
        await self.pacer.before(self._request_of(method, url))

    async def handle_rate_limit_error(
        self, *, method: str, url: str, exception: gidgethub.HTTPException, attempt: int
    ) -> bool:
        if not errors.is_rate_limit(exception):
            return False
        request = self._request_of(method, url)
        await self.pacer.limited(request, exception.headers, int(exception.status_code), attempt)
        return True

    def _request_of(self, method: str, url: str) -> Request:
        return Request(method, url.removeprefix(str(self._root)[:-1]).partition("?")[0])

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        if method == "GET":
            return await self._exchange(method, url, headers, body)
        async with self.pacer.one_write:
            if self._before_write is not None:
                await self._before_write()
            return await self._exchange(method, url, headers, body)

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Follow redirects ourselves: same method (a POST must not become a GET), same host (the token goes along)."""
        target = self._guarded(method, URL(url, encoded=True))
        for _ in range(MAX_REDIRECTS):
            async with self._session.request(
                method, target, headers=headers, data=body, allow_redirects=False, timeout=TIMEOUT
            ) as response:
                self.pacer.observe(response.headers)
                spans.tell({spans.STATUS: response.status})
                location = response.headers.get("location", "")
                if response.status not in REDIRECTS or not location:
                    return await self._read(method, response)
                target = self._guarded(method, target.join(URL(location, encoded=True)))
        raise errors.UnexpectedAnswerError(self._request_of(method, url), "too many redirects")

    def _guarded(self, method: str, target: URL) -> URL:
        if target.origin() != self._root.origin() or not target.raw_path.startswith(self._root.raw_path):
            request = Request(method, target.raw_path)
            raise errors.UnexpectedAnswerError(request, f"refusing to send credentials to {target.host}")
        return target

    async def _read(self, method: str, response: aiohttp.ClientResponse) -> tuple[int, Mapping[str, str], bytes]:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(65_536):
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                response.close()
                request = self._request_of(method, str(response.url))
                raise errors.UnexpectedAnswerError(request, f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
            chunks.append(chunk)
        headers = response.headers
        if size > MAX_CACHED_BYTES:  # gidgethub caches what carries an ETag; big bodies are not worth the memory
            headers = CIMultiDictProxy(
                CIMultiDict((k, v) for k, v in headers.items() if k.lower() not in {"etag", "last-modified"})
            )
        return response.status, headers, b"".join(chunks)


def _without_secrets(value: Json | Mapping[str, Json]) -> Json:
    if isinstance(value, str):
        return redact_known(value)
    if isinstance(value, Mapping):
        return {name: _without_secrets(item) for name, item in value.items()}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


class GitHubClient:
    """`GitHubApi` for one principal (the App itself, or an installation's token for one purpose)."""

    def __init__(self, transport: Transport, credential: Credential) -> None:
        self._transport = transport
        self._credential = credential

    async def getitem(self, template: str, values: urls.Vars, into: type[M]) -> M:
        request = Request("GET", template)
        answer = await self._read(request, urls.path(template, values))
        return _parsed(request, into, answer.data)

    async def getiter(self, template: str, values: urls.Vars, into: type[M], *, key: str = "items") -> AsyncIterator[M]:
        """Every item of every page, in GitHub's order. `key` names the list in answers that wrap it."""
        request = Request("GET", template)
        address: str | None = urls.path(template, values)
        for _ in range(MAX_PAGES):
            if address is None:
                return
            answer = await self._read(request, address)
            items = answer.data.get(key) if isinstance(answer.data, dict) else answer.data
            if not isinstance(items, list):
                raise errors.UnexpectedAnswerError(request, "the answer is not a list")
            for item in items:
                yield _parsed(request, into, item)
            address = answer.more
        if address is not None:
            raise errors.UnexpectedAnswerError(request, f"more than {MAX_PAGES} pages")

    async def post(self, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]) -> M:
        return await self._write("POST", template, values, data, into)

    async def patch(self, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]) -> M:
        return await self._write("PATCH", template, values, data, into)

    async def put(self, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]) -> M:
        return await self._write("PUT", template, values, data, into)

    async def delete(self, template: str, values: urls.Vars) -> None:
        await self._once(Request("DELETE", template), urls.path(template, values), b"")

    async def _write(
        self, method: Verb, template: str, values: urls.Vars, data: Mapping[str, Json], into: type[M]
    ) -> M:
        request = Request(method, template)
        text = json.dumps(data, ensure_ascii=False)
        if redact_known(text) != text:  # never meant to happen: effects were looked through before they came here
            log.error("a secret was kept from leaving", request=str(request))
            text = json.dumps(_without_secrets(data), ensure_ascii=False)
        body = text.encode()
        answer = await self._once(request, urls.path(template, values), body)
        return _parsed(request, into, answer.data)

    async def _read(self, request: Request, address: str) -> Answer:
        for attempt in range(1, READ_ATTEMPTS):
            try:
                return await self._once(request, address, b"")
            except errors.RetryAtError:
                raise
            except errors.TransientError:
                await self._transport.sleep(0.5 * attempt)
        return await self._once(request, address, b"")

    async def _once(self, request: Request, address: str, body: bytes) -> Answer:
        secret = await self._credential.secret()
        for attempt in range(1, CREDENTIAL_ATTEMPTS + 1):
            try:
                return await self._transport.call(request, address, body, secret, self._credential.scheme)
            except gidgethub.HTTPException as error:
                if error.status_code == HTTPStatus.UNAUTHORIZED:
                    following = await self._credential.after_401(secret, attempt, error.headers)
                    if following is not None:
                        secret = following
                        continue
                raise errors.from_gidgethub(request, error) from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise errors.from_network(request, error) from error
            except (ValueError, LookupError) as error:  # not JSON, an unknown charset, a status nobody defined
                raise errors.unreadable(request, type(error).__name__) from error
        raise errors.UnauthorizedError(request, "the credentials are refused", status=401)


def _parsed(request: Request, into: type[M], data: object) -> M:
    """The border: from here on answers are typed. A write that answered oddly may stand, so the caller must look."""
    if issubclass(into, Nothing):
        data = {}
    try:
        return into.model_validate(data)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors()[:5])
        raise errors.unreadable(request, f"unexpected {into.__name__} ({fields})") from error
