"""Waiting for an event for a limited time."""

import asyncio
from contextlib import suppress


async def is_set_within(seconds: float, event: asyncio.Event) -> bool:
    """Waits until the event is set, but no longer than so many seconds; whether it is set.

    Not with `asyncio.wait_for`: when the event comes in the same moment as a cancellation, Python 3.11 swallows the
    cancellation there.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
