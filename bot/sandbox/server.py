"""A sandbox that runs: the state, its API, pages, git transport and control on one loopback port."""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from yarl import URL

from bot.sandbox import transport
from bot.sandbox.control import Control
from bot.sandbox.errors import ApiError
from bot.sandbox.http import MAX_BODY_BYTES, Api, Observer
from bot.sandbox.model import App, Installation, Repository
from bot.sandbox.pages.site import Site
from bot.sandbox.routes.apps import store_manifest
from bot.sandbox.seeding import Seed, Seeded, populate
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject
from bot.sandbox.world import World

ENTERPRISE_PREFIX = "/api/v3"
_MARKER = ".skill-fleet-sandbox"
_SHUTDOWN_SECONDS = 0.5


class StateDirectoryError(Exception):
    """The given directory holds something that is not a sandbox's."""


def prepare_directory(path: Path) -> None:
    """Make an empty state directory; what an earlier sandbox left in it is removed, anything else is refused."""
    if path.exists():
        entries = list(path.iterdir())
        if entries and not (path / _MARKER).exists():
            raise StateDirectoryError(f"{path} is not empty and not a sandbox's directory; choose another --state-dir")
        for entry in entries:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    path.mkdir(parents=True, exist_ok=True)
    (path / _MARKER).touch()


class Sandbox:
    """Make one with `await Sandbox.create(...)`, end it with `await sandbox.close()`; or use `running(...)`."""

    def __init__(self, world: World, seeded: Seeded, observer: Observer | None) -> None:
        self.world = world
        self.api = Api(world, observer)
        self.site = Site(self.api)
        world.courier.listener = observer.announced if observer else None
        self._seeded = seeded
        self._runner: web.AppRunner | None = None
        self.private_key_file = world.root / "app.private-key.pem"

    @classmethod
    async def create(
        cls,
        root: Path,
        seed: Seed | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        webhook_url: str = "",
        webhook_secret: str | None = None,
        enterprise: bool = False,
        observer: Observer | None = None,
    ) -> "Sandbox":
        """Start a sandbox with its state below `root` (made empty). Port 0 lets the system choose.

        With `enterprise` the REST API is below /api/v3 and GraphQL at /api/graphql, as on Enterprise Server.
        Raises StateDirectoryError, or OSError when the port is taken.
        """
        prepare_directory(root)
        world = World(root)
        secret = secrets.token_hex(20) if webhook_secret is None else webhook_secret
        seeded = populate(world, seed or Seed(), webhook_url, secret)
        sandbox = cls(world, seeded, observer)
        await sandbox._start(host, port, ENTERPRISE_PREFIX if enterprise else "")
        return sandbox

    async def _start(self, host: str, port: int, api_path: str) -> None:
        app = web.Application(client_max_size=4 * MAX_BODY_BYTES)
        app.add_routes(Control(self).routes())
        app.add_routes(self.site.routes())
        app.router.add_post("/settings/apps/new", self._manifest)
        app.router.add_post("/organizations/{org}/settings/apps/new", self._manifest)
        app.router.add_route("*", "/{tail:.*}", self._route)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        self.world.urls = Urls(f"http://{host}:{site.port}", api_path)
        self.world.courier.start()
        self._write_secrets()

    async def close(self) -> None:
        await self.world.courier.close()
        if self._runner:
            await self._runner.cleanup()
        self.world.close()

    # --- what there is -----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.world.urls.root

    @property
    def api_url(self) -> str:
        return self.world.urls.api_root

    @property
    def app(self) -> App:
        return self._seeded.app

    @property
    def installation(self) -> Installation:
        return self._seeded.installation

    @property
    def repository(self) -> Repository:
        return self._seeded.repository

    @property
    def private_key(self) -> str:
        return self._seeded.private_key

    def token(self, login: str) -> str:
        """A person's token; raises KeyError for somebody who does not exist."""
        account = self.world.account(login)
        token = self.world.tokens.personal_of(account) if account else None
        if token is None:
            raise KeyError(login)
        return token

    async def idle(self) -> None:
        await self.world.courier.idle()

    def connection(self) -> JsonObject:
        """All a bot or a person's program needs to work with this sandbox, secrets included."""
        urls, people = self.world.urls, [each for each in self.world.accounts.values() if each.kind.value == "User"]
        return {
            "url": urls.root,
            "api_url": urls.api_root,
            "graphql_url": urls.root + ("/api/graphql" if urls.api_path else "/graphql"),
            "app": {
                "id": self.app.id,
                "client_id": self.app.client_id,
                "slug": self.app.slug,
                "private_key_file": str(self.private_key_file),
                "webhook_url": self.app.webhook_url,
                "webhook_secret": self.app.webhook_secret,
            },
            "installation_id": self.installation.id,
            "repositories": [repo.full_name for repo in self.world.repositories.values()],
            "people": {each.login: self.world.tokens.personal_of(each) for each in people},
        }

    def _write_secrets(self) -> None:
        connection = json.dumps(self.connection(), indent=2)
        for path, text in ((self.private_key_file, self.private_key), (self.world.root / "sandbox.json", connection)):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(text)

    # --- requests ----------------------------------------------------------------------------------------------------

    async def _route(self, request: web.Request) -> web.StreamResponse:
        path, prefix = request.rel_url.raw_path, self.world.urls.api_path
        git = transport.PATH.match(request.rel_url.path)
        if git and "git/" not in git["owner"]:
            return await transport.handle(self.world, request, git)
        page = await self.site.page(request)
        if page is not None:
            return page
        if prefix and path == "/api/graphql":
            path = "/graphql"
        elif prefix:
            if not path.startswith(f"{prefix}/") and path != prefix:
                return web.json_response({"message": "Not Found"}, status=404)
            path = path[len(prefix) :] or "/"
        return await self.api.handle(request, re.sub(r"/{2,}", "/", path))

    async def _manifest(self, request: web.Request) -> web.StreamResponse:
        """The web form of the App manifest flow, confirmed at once: back to `redirect_url` with a one-time code."""
        form = await request.post()
        owner = request.match_info.get("org") or next(
            account.login for account in self.world.accounts.values() if account.kind.value == "User"
        )
        try:
            code = store_manifest(self.world.manifests, str(form.get("manifest", "")), owner)
        except ApiError as error:
            return web.json_response(error.body(), status=error.status)
        redirect = self.world.manifests[code].get("redirect_url")
        if not isinstance(redirect, str) or not redirect:
            return web.json_response({"message": "The manifest has no redirect_url"}, status=422)
        query = {"code": code, **({"state": request.query["state"]} if "state" in request.query else {})}
        raise web.HTTPFound(URL(redirect).update_query(query))


@contextlib.asynccontextmanager
async def running(root: Path, seed: Seed | None = None, **options: str | int | bool | None) -> AsyncIterator[Sandbox]:
    """A sandbox for the length of a block; the options are those of `Sandbox.create`."""
    sandbox = await Sandbox.create(root, seed, **options)  # type: ignore[arg-type]
    try:
        yield sandbox
    finally:
        await sandbox.close()
