"""Read-only API over jobs, for dashboards and scripts: GET /api/figures, /api/jobs, and of one job
/api/jobs/{owner}/{repo}/{number}, .../account, .../report, .../events. What it shows is made in `bot.figures`.

Bearer token; without a configured token the API does not exist. It shows what people see on the issue and the figures,
never the request's text, prompts or drafts.
"""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from bot.figures.jobs import account_of, job_summary, timeline_entry
from bot.figures.overview import overview
from bot.jobs.job import ENDED, JobStatus
from bot.store.jobs import JobRow
from bot.store.stores import Stores
from bot.store.timeline import TimelineEntry
from pipeline.report import report_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STREAM_POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Api:
    stores: Stores
    token: str
    running: Callable[[], bool]

    def guarded(self, handler: Handler) -> Handler:
        async def guard(request: web.Request) -> web.StreamResponse:
            if not self.token:
                raise web.HTTPNotFound
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                return web.json_response(
                    {"error": "send the token as `Authorization: Bearer ...`"},
                    status=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
            if any("\0" in text for text in (request.path, *request.query.values())):
                return _problem(400, "no name holds a NUL")  # and PostgreSQL takes none
            return await handler(request)

        return guard

    async def list_jobs(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        try:
            statuses = [JobStatus(value) for value in query.getall("status", [])]
            before = _time(query["before"]) if "before" in query else None
            limit = int(query.get("limit", "100"))
        except ValueError as error:
            return _problem(400, str(error))
        if not 1 <= limit <= 500:
            return _problem(400, "limit must be between 1 and 500")
        rows = await self.stores.jobs.list_jobs(
            statuses=statuses, owner=query.get("owner"), name=query.get("repo"), limit=limit, before=before
        )
        return web.json_response({"jobs": [job_summary(row) for row in rows]})

    async def show_job(self, request: web.Request) -> web.StreamResponse:
        row = await self._find(request)
        if row is None:
            return _problem(404, "no such job")
        return web.json_response(job_summary(row))

    async def show_account(self, request: web.Request) -> web.StreamResponse:
        row = await self._find(request)
        if row is None:
            return _problem(404, "no such job")
        account, _ = await account_of(self.stores, row, datetime.now(UTC))
        return web.json_response(account.model_dump(mode="json"))

    async def show_figures(self, request: web.Request) -> web.StreamResponse:
        found = await overview(self.stores, datetime.now(UTC))
        return web.json_response(found.model_dump(mode="json"))

    async def show_report(self, request: web.Request) -> web.StreamResponse:
        """The validation report and the quality assessment of the last validated version."""
        row = await self._find(request)
        report = report_of(row.job.journey) if row is not None else None
        if report is None:
            return _problem(404, "no such job" if row is None else "nothing has been validated yet")
        return web.json_response(report.model_dump(mode="json"))

    async def stream_events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the timeline so far, then live, until the job ends or the client goes."""
        row = await self._find(request)
        if row is None:
            return _problem(404, "no such job")
        try:
            last = min(int(request.headers.get("Last-Event-ID", "0")), LARGEST_ID)
        except ValueError:
            return _problem(400, "Last-Event-ID must be a number")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        async for entries in self._followed(row.job.key, last, request):
            for entry in entries:
                data = json.dumps(timeline_entry(entry))
                await response.write(f"id: {entry.id}\nevent: {entry.event.type.value}\ndata: {data}\n\n".encode())
            if not entries:
                await response.write(b": still here\n\n")
        if self.running() and is_listening(request):
            await response.write(b"event: end\ndata: {}\n\n")
        return response

    async def _followed(self, key: str, last: int, request: web.Request) -> AsyncIterator[list[TimelineEntry]]:
        """The timeline as it grows, until the job ended, the reader went away or the service stops; nothing now and
        then as a heartbeat."""
        quiet = 0.0
        while self.running() and is_listening(request):
            entries = await self.stores.timeline.of(key, after=last)
            if entries:
                last, quiet = entries[-1].id, 0.0
                yield entries
            else:
                current = await self.stores.jobs.revision(key)
                if current is None or current[1] in ENDED:
                    return
                quiet += STREAM_POLL_SECONDS
            if quiet >= HEARTBEAT_SECONDS:
                yield []
                quiet = 0.0
            await asyncio.sleep(STREAM_POLL_SECONDS)

    async def _find(self, request: web.Request) -> JobRow | None:
        number = request.match_info["number"]
        if len(number) > 9:
            return None
        return await self.stores.jobs.find_by_issue(
            request.match_info["owner"], request.match_info["repo"], int(number)
        )


def is_listening(request: web.Request) -> bool:
    """False once who asked has gone away: nobody else ends a stream that has nothing to say."""
    return request.transport is not None and not request.transport.is_closing()


def _time(text: str) -> datetime:
    """Raises ValueError."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("before needs a time zone, e.g. 2026-01-31T12:00:00Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("before is out of range") from None


def _always() -> bool:
    return True


def add_api(app: web.Application, stores: Stores, token: str, running: Callable[[], bool] = _always) -> None:
    """`running` ends open streams when the service stops."""
    api = Api(stores, token, running)
    job = r"/api/jobs/{owner}/{repo}/{number:[1-9]\d*}"
    app.router.add_get("/api/jobs", api.guarded(api.list_jobs))
    app.router.add_get(job, api.guarded(api.show_job))
    app.router.add_get("/api/figures", api.guarded(api.show_figures))
    app.router.add_get(job + "/account", api.guarded(api.show_account))
    app.router.add_get(job + "/report", api.guarded(api.show_report))
    app.router.add_get(job + "/events", api.guarded(api.stream_events))


def _problem(status: int, error: str) -> web.Response:
    return web.json_response({"error": error}, status=status)
