"""Read-only API over jobs, for dashboards and scripts: GET /api/jobs, /api/jobs/{owner}/{repo}/{number}, .../events.

Bearer token; without a configured token the API does not exist. It shows what people see on the issue and the figures,
never the request's text, prompts or drafts.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web
from pydantic import JsonValue

from bot.jobs.job import ENDED, JobStatus
from bot.store.jobs import JobRow
from bot.store.stores import Stores
from bot.store.timeline import TimelineEntry
from pipeline.accounting import by_phase, in_order
from pipeline.models import Usage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STREAM_POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0


def job_summary(row: JobRow) -> dict[str, JsonValue]:
    """A job as JSON, without anything a person wrote but the title."""
    job, usage = row.job, row.job.journey.usage
    return {
        "key": job.key,
        "repository": job.repository.full_name,
        "issue": job.issue_number,
        "title": job.title,
        "requester": job.requester,
        "status": job.status.value,
        "phase": job.journey.phase,
        "checkpoint": job.journey.checkpoint.kind if job.journey.checkpoint else None,
        "pull": job.pull.number if job.pull else None,
        "path": job.pull.path if job.pull else None,
        "drafter": job.journey.drafter,
        "calls": usage.calls,
        "tokens": usage.prompt_tokens + usage.completion_tokens,
        "cost_usd": usage.cost_usd,
        "usage": _usage(job.journey.usage_by_module),
        "waiting_since": _time(job.waiting_since),
        "remind_at": _time(job.remind_at),
        "expire_at": _time(job.expire_at),
        "ended_reason": job.ended_reason,
        "created_at": _time(job.created_at),
        "updated_at": _time(job.updated_at),
    }


def timeline_entry(entry: TimelineEntry) -> dict[str, JsonValue]:
    event = entry.event.model_dump(mode="json")
    return {"id": entry.id, **event}


@dataclass(frozen=True)
class Api:
    stores: Stores
    token: str

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
            return await handler(request)

        return guard

    async def list_jobs(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        try:
            statuses = [JobStatus(value) for value in query.getall("status", [])]
            before = datetime.fromisoformat(query["before"]) if "before" in query else None
            limit = int(query.get("limit", "100"))
        except ValueError as error:
            return _problem(400, str(error))
        if before is not None and before.tzinfo is None:
            return _problem(400, "before needs a time zone, e.g. 2026-01-31T12:00:00Z")
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

    async def stream_events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the timeline so far, then live, until the job ends or the client goes."""
        row = await self._find(request)
        if row is None:
            return _problem(404, "no such job")
        try:
            last = int(request.headers.get("Last-Event-ID", "0"))
        except ValueError:
            return _problem(400, "Last-Event-ID must be a number")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        quiet = 0.0
        while True:
            entries = await self.stores.timeline.of(row.job.key, after=last)
            for entry in entries:
                last = entry.id
                data = json.dumps(timeline_entry(entry))
                await response.write(f"id: {entry.id}\nevent: {entry.event.type.value}\ndata: {data}\n\n".encode())
            current = await self.stores.jobs.find(row.job.key)
            if not entries and (current is None or current.job.status in ENDED):
                await response.write(b"event: end\ndata: {}\n\n")
                return response
            quiet = 0.0 if entries else quiet + STREAM_POLL_SECONDS
            if quiet >= HEARTBEAT_SECONDS:
                await response.write(b": still here\n\n")
                quiet = 0.0
            await asyncio.sleep(STREAM_POLL_SECONDS)

    async def _find(self, request: web.Request) -> JobRow | None:
        number = request.match_info["number"]
        if len(number) > 9:
            return None
        return await self.stores.jobs.find_by_issue(
            request.match_info["owner"], request.match_info["repo"], int(number)
        )


def add_api(app: web.Application, stores: Stores, token: str) -> None:
    api = Api(stores, token)
    job = r"/api/jobs/{owner}/{repo}/{number:[1-9]\d*}"
    app.router.add_get("/api/jobs", api.guarded(api.list_jobs))
    app.router.add_get(job, api.guarded(api.show_job))
    app.router.add_get(job + "/events", api.guarded(api.stream_events))


def _problem(status: int, error: str) -> web.Response:
    return web.json_response({"error": error}, status=status)


def _usage(by_module: Mapping[str, Usage]) -> dict[str, JsonValue]:
    """What each phase took, and each of its modules."""
    return {
        phase: {
            **_took(total),
            "modules": {name: _took(usage) for inside, name, usage in in_order(by_module) if inside == phase},
        }
        for phase, total in by_phase(by_module).items()
    }


def _took(usage: Usage) -> dict[str, JsonValue]:
    """An unknown price is null, which is not the same as free."""
    return {
        "calls": usage.calls,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": usage.cost_usd,
        "seconds": round(usage.seconds, 3),
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value is not None else None
