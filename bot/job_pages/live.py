"""Server-sent events that tell an open page to look again. What it saw is in its address, so nothing falls between."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.api import is_listening
from bot.store.jobs import JobRow
from bot.store.stores import Stores

POLL_SECONDS = 0.5
_HEARTBEAT_SECONDS = 15.0

Look = Callable[[], Awaitable[str]]
"""What a page would show now, as a short mark that changes when it does."""


def of_list(stores: Stores) -> Look:
    async def look() -> str:
        changed = await stores.jobs.last_change()
        return f"{changed[0].isoformat()}~{changed[1]}" if changed else "none"

    return look


def of_job(stores: Stores, row: JobRow) -> Look:
    async def look() -> str:
        found = await stores.jobs.revision(row.job.key)
        return f"{found[0] if found else 0}.{await stores.timeline.newest(row.job.key)}"

    return look


async def stream(request: web.Request, look: Look, running: Callable[[], bool]) -> web.StreamResponse:
    """Until the reader goes away or the service stops. `seen` in the address is the mark of the page as it was made."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    seen, quiet = request.query.get("seen", ""), 0.0
    try:
        await response.write(b"retry: 1000\n\n")
        while running() and is_listening(request):
            mark = await look()
            if mark != seen:
                seen, quiet = mark, 0.0
                await response.write(f"event: change\ndata: {json.dumps({'mark': mark})}\n\n".encode())
            elif quiet >= _HEARTBEAT_SECONDS:
                quiet = 0.0
                await response.write(b": still here\n\n")
            await asyncio.sleep(POLL_SECONDS)
            quiet += POLL_SECONDS
    except ConnectionError:
        pass
    return response
