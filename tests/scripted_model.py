"""An OpenAI-compatible server that answers what a test tells it to, over real HTTP.

`rules` are asked first (the first that returns a `Reply` wins), then the queue, then `fallback`. `requests` keeps
every body. Production code is only given `base_url`; nothing is patched.

    async with ScriptedModel() as server:
        server.queue.append(Reply("…"))
        server.answer("GatherRequirements", {"requirements": {...}})
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """One HTTP answer. `text` is the assistant's message; `raw` replaces the whole body; `hang` never answers."""

    text: str | None = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish_reason: str = "stop"
    delay: float = 0.0
    raw: bytes | None = None
    no_choices: bool = False
    cut_after: int | None = None
    hang: bool = False
    refusal: str | None = None
    error: dict[str, Any] | None = None
    prompt_tokens: int = 10
    completion_tokens: int = 5


def reply_json(value: object, **options: Any) -> Reply:
    """The value as the model's JSON answer."""
    return Reply(json.dumps(value, ensure_ascii=False), **options)


@dataclass(frozen=True)
class Request:
    """What came in."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def prompt(self) -> str:
        """All messages as one text."""
        return "\n\n".join(str(message["content"]) for message in self.body["messages"])

    @property
    def fields(self) -> list[str]:
        """The names of the output fields asked for."""
        schema = self.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        return list(schema.get("properties", {}))


Rule = Callable[[Request], Reply | None]


class ScriptedModel:
    def __init__(self) -> None:
        self.queue: deque[Reply] = deque()
        self.rules: list[Rule] = []
        self.fallback: Rule | None = None
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def answer(self, instructions: str, reply: Reply | dict[str, Any] | Callable[[Request], Any]) -> None:
        """Answer every prompt that contains this text (a signature's instructions, usually) with this."""

        def rule(request: Request) -> Reply | None:
            if " ".join(instructions.split()) not in " ".join(request.prompt.split()):
                return None
            value = reply(request) if callable(reply) else reply
            return value if isinstance(value, Reply) or value is None else reply_json(value)

        self.rules.append(rule)

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        request = Request(await http.json(), dict(http.headers))
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._send(http, request, self._choose(request))
        finally:
            self.in_flight -= 1

    def _choose(self, request: Request) -> Reply:
        for rule in self.rules:
            if (reply := rule(request)) is not None:
                return reply
        if self.queue:
            return self.queue.popleft()
        if self.fallback is not None and (reply := self.fallback(request)) is not None:
            return reply
        return Reply(status=500, error={"message": "the script has no answer", "type": "test"})

    async def _send(self, http: web.Request, request: Request, reply: Reply) -> web.StreamResponse:
        if reply.hang:
            await asyncio.Event().wait()
        if reply.delay:
            await asyncio.sleep(reply.delay)
        body = reply.raw if reply.raw is not None else json.dumps(self._body(request, reply)).encode()
        if reply.cut_after is None:
            return web.Response(
                body=body, status=reply.status, headers={"Content-Type": "application/json", **reply.headers}
            )
        response = web.StreamResponse(
            status=reply.status, headers={"Content-Type": "application/json", "Content-Length": str(len(body))}
        )
        await response.prepare(http)
        await response.write(body[: reply.cut_after])
        assert http.transport is not None
        http.transport.abort()
        return response

    def _body(self, request: Request, reply: Reply) -> dict[str, Any]:
        if reply.error is not None:
            return {"error": reply.error}
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.refusal is not None:
            message["refusal"] = reply.refusal
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        return {
            "id": f"chatcmpl-{len(self.requests)}",
            "object": "chat.completion",
            "created": 1,
            "model": request.body.get("model", "scripted"),
            "choices": [] if reply.no_choices else [choice],
            "usage": {
                "prompt_tokens": reply.prompt_tokens,
                "completion_tokens": reply.completion_tokens,
                "total_tokens": reply.prompt_tokens + reply.completion_tokens,
            },
        }

    async def _models(self, http: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "scripted", "object": "model"}]})
