"""Those whom the service needs and who may be away: asked once a minute at most, and waited for never.

Their absence degrades the service and does not make it unready: deliveries are stored, jobs wait and say so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from bot.github.errors import GitHubError

EVERY_SECONDS = 60.0
PATIENCE_SECONDS = 5.0

Probe = Callable[[], Awaitable[str]]
"""What is wrong, in a few words; "" when nothing is."""


class Reachability:
    """What is known of each; never waits for anybody."""

    def __init__(self, probes: Mapping[str, Probe], clock: Callable[[], float] = time.monotonic) -> None:
        self._probes = probes
        self._clock = clock
        self._known: dict[str, str] = {}
        self._due = 0.0
        self._asking: asyncio.Task[None] | None = None

    def look(self) -> dict[str, str]:
        """Name -> `ok` or `degraded: ...`, as of the last time they were asked; who was never asked is missing."""
        if self._probes and self._clock() >= self._due and (self._asking is None or self._asking.done()):
            self._due = self._clock() + EVERY_SECONDS
            self._asking = asyncio.create_task(self.ask(), name="reachability")
        return dict(self._known)

    async def ask(self) -> None:
        """Ask all of them now."""
        answers = await asyncio.gather(*(self._ask(probe) for probe in self._probes.values()))
        self._known = dict(zip(self._probes, answers, strict=True))

    @staticmethod
    async def _ask(probe: Probe) -> str:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                wrong = await probe()
        except TimeoutError:
            wrong = "no answer in time"
        return f"degraded: {wrong}" if wrong else "ok"

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])


def github_probe(identity: Callable[[], Awaitable[object]]) -> Probe:
    """Does GitHub answer, and does it take the App's signature?"""

    async def probe() -> str:
        try:
            await identity()
        except GitHubError as error:
            if error.status in {401, 403, 404}:
                return f"GitHub refuses the App ({error.status}): its id and private key do not fit"
            return f"GitHub does not answer as it should: {type(error).__name__}"
        return ""

    return probe


def model_probe(api_base: str) -> Probe:
    """Does somebody listen at the model's address? Nothing is asked, so it costs nothing."""
    parts = urlsplit(api_base)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    async def probe() -> str:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            return f"nobody listens at {host}:{port} ({type(error).__name__})"
        writer.close()
        return ""

    return probe
