"""Server-sent events that tell an open page to look again: one for each change of its repository."""

import asyncio
import contextlib
import json

from aiohttp import web

from bot.sandbox.feed import Change
from bot.sandbox.model import Repository
from bot.sandbox.world import World

_STILL_THERE_SECONDS = 15.0


def last_change(world: World) -> int:
    return world.feed.history[-1].id if world.feed.history else 0


def _news(change: Change) -> str:
    """What happened, for people who do not see the page change."""
    return f"{change.actor}: {change.event.replace('_', ' ')} in #{change.number}" if change.number else ""


async def stream(world: World, repo: Repository, request: web.Request) -> web.StreamResponse:
    """Until the reader goes away; `Last-Event-ID`, or `after` in the address, resumes."""
    last = request.headers.get("Last-Event-ID", request.query.get("after", ""))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    changes = world.feed.follow(int(last) if last.isdigit() else None)
    waiting = asyncio.ensure_future(anext(changes))
    try:
        await response.write(b"retry: 1000\n\n")
        while True:
            done, _ = await asyncio.wait([waiting], timeout=_STILL_THERE_SECONDS)
            if not done:
                await response.write(b": still there\n\n")
                continue
            change = waiting.result()
            waiting = asyncio.ensure_future(anext(changes))
            if change.repository == repo.full_name:
                data = json.dumps({"news": _news(change)})
                await response.write(f"id: {change.id}\nevent: change\ndata: {data}\n\n".encode())
    except ConnectionError:
        return response
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
