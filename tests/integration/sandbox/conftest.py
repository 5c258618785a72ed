"""A sandbox for each test, held to GitHub's published description; a listener that takes its webhooks."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from tests.github_sandbox import GitHub, github

__all__ = ["github"]


@dataclass
class Listener:
    """A bot's webhook that remembers what it was sent, in order; `status` is its answer."""

    secret: str
    status: int = 202
    received: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.gate:
            await self.gate.wait()
        headers = dict(request.headers)
        wanted = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers["valid"] = str(hmac.compare_digest(wanted, headers["X-Hub-Signature-256"]))
        self.received.append((headers, json.loads(body)))
        return web.Response(status=self.status, text="taken")

    @property
    def events(self) -> list[str]:
        return [
            f"{headers['X-GitHub-Event']}.{payload['action']}" if "action" in payload else headers["X-GitHub-Event"]
            for headers, payload in self.received
        ]

    def last(self, event: str) -> Any:
        return next(
            payload
            for name, (_, payload) in zip(reversed(self.events), reversed(self.received), strict=True)
            if name == event
        )


@pytest.fixture
async def listener(github: GitHub) -> AsyncIterator[Listener]:
    listener = Listener(github.sandbox.app.webhook_secret)
    app = web.Application()
    app.router.add_post("/webhook", listener.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    github.sandbox.app.webhook_url = f"http://127.0.0.1:{site.port}/webhook"
    yield listener
    if listener.gate:
        listener.gate.set()
    await runner.cleanup()
