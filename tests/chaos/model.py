"""The model of the chaos run: an OpenAI-compatible server that answers late, sometimes not, and writes down who asked.

Every life of a bot process has an address of its own (`base_url(life)`), so that each call can be laid to the process
that made it. Errors are not paid; an answer is, whether or not it was read, and so is a call that was under way.
"""

import asyncio
import hashlib
import json
import random
import time
from dataclasses import dataclass

from aiohttp import web

from tests.chaos import author
from tests.scripted_author import signatures


@dataclass
class Ask:
    """One call. Times are `time.monotonic()` of the judge."""

    life: str
    question: str
    case: str
    signature: str
    began: float
    ended: float | None = None
    status: int = 0

    @property
    def paid(self) -> bool:
        return self.status in (0, 200)


class Model:
    def __init__(self, dice: random.Random, failing: float, seconds: tuple[float, float]) -> None:
        """`failing`: the share of calls that are answered by an error; `seconds`: shortest and longest answer."""
        self._dice, self._failing, self._seconds = dice, failing, seconds
        self._by_instructions = {" ".join(each.instructions.split()): each.__name__ for each in signatures()}
        self.asks: list[Ask] = []
        self.strangers: list[str] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/{life}/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def base_url(self, life: str) -> str:
        return f"http://127.0.0.1:{self.port}/{life}/v1"

    def life(self, request: web.Request) -> str:
        """Which process asks."""
        return request.match_info["life"]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = "\n\n".join(str(message["content"]) for message in body["messages"])
        text = " ".join(prompt.split())
        signature = next((name for words, name in self._by_instructions.items() if words in text), "")
        if not signature:
            self.strangers.append(prompt)
            return web.json_response({"error": {"message": "nobody wrote an answer to this"}}, status=400)
        question = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        found = author.CASE.search(prompt)
        ask = Ask(self.life(request), question, found[0] if found else "", signature, time.monotonic())
        self.asks.append(ask)
        fails, wait = self._dice.random() < self._failing, self._dice.uniform(*self._seconds)
        status = self._dice.choice([429, 429, 500, 503]) if fails else 200
        if fails:
            ask.status = status  # known before the wait: an error is not paid, even if nobody waits for it
        await asyncio.sleep(wait)
        response = self._refusal(status) if fails else self._answer(body, author.answer(signature, prompt))
        await response.prepare(request)
        await response.write_eof()
        ask.status, ask.ended = status, time.monotonic()
        return response

    @staticmethod
    def _refusal(status: int) -> web.Response:
        headers = {"Retry-After": "1"} if status == 429 else {}
        return web.json_response({"error": {"message": "not now", "type": "chaos"}}, status=status, headers=headers)

    @staticmethod
    def _answer(body: dict[str, object], value: dict[str, object]) -> web.Response:
        message = {"role": "assistant", "content": json.dumps(value, ensure_ascii=False)}
        return web.json_response(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": body.get("model", "scripted"),
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }
        )
