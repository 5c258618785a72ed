"""Traces for OpenTelemetry, switched on by the usual OTEL_EXPORTER_OTLP_ENDPOINT; without it nothing is even loaded.

A span each for a delivery, a task, a phase, a module, a call to the model, an effect and a request to GitHub. Their
attributes are names, keys and numbers: no bodies, prompts, answers or error texts, and secrets are masked. Sending is
a thread's work: a collector that is away costs spans, never time.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import structlog

from bot.github.secrets import redact

if TYPE_CHECKING:
    from aiohttp import web
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
CLOSE_SECONDS = 3.0
"""How long a process that ends waits for its last spans to be sent."""
LONGEST_VALUE = 200

Attribute = str | int | float | bool | None
"""None: not known, so not told."""
Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"

_log = structlog.get_logger(__name__)


class Name(StrEnum):
    """Every span there is."""

    DELIVERY = "delivery"
    TASK = "task"
    PHASE = "phase"
    MODULE = "module"
    MODEL_CALL = "model call"
    EFFECT = "effect"
    GITHUB_REQUEST = "github request"


EVENT = "skill_fleet.event"
DELIVERY_ID = "skill_fleet.delivery"
JOB = "skill_fleet.job"
TASK_ID = "skill_fleet.task"
PHASE = "skill_fleet.phase"
MODULE = "skill_fleet.module"
EFFECT_KEY = "skill_fleet.effect"
EFFECT_KIND = "skill_fleet.effect.kind"
OUTCOME = "skill_fleet.effect.outcome"
COST_USD = "skill_fleet.model.cost_usd"
MODEL = "gen_ai.response.model"
PROMPT_TOKENS = "gen_ai.usage.input_tokens"
COMPLETION_TOKENS = "gen_ai.usage.output_tokens"
METHOD = "http.request.method"
TEMPLATE = "url.template"
STATUS = "http.response.status_code"

Attributes = Mapping[str, Attribute]

_tracer: "Tracer | None" = None
_current: ContextVar["Span | None"] = ContextVar("span", default=None)
"""Not OpenTelemetry's own: MLflow would take our span for the root of its traces, and never end one."""


@contextmanager
def span(name: Name, attributes: Attributes, under: "Span | None" = None) -> Iterator[None]:
    """The time that passes inside; spans opened there are its children. An error is noted by its kind alone."""
    opened = begin(name, attributes, under)
    if opened is None:
        yield
        return
    before = _current.set(opened)
    try:
        yield
    except BaseException as error:
        from opentelemetry.trace import Status, StatusCode

        opened.set_status(Status(StatusCode.ERROR, type(error).__qualname__))
        raise
    finally:
        _current.reset(before)
        opened.end()


def begin(name: Name, attributes: Attributes, under: "Span | None" = None) -> "Span | None":
    """A span whose end somebody else tells; None while nobody collects spans."""
    if _tracer is None:
        return None
    from opentelemetry import trace
    from opentelemetry.context import Context

    above = under or _current.get()
    context = trace.set_span_in_context(above, Context()) if above is not None else Context()
    return _tracer.start_span(name, context, attributes=_told(attributes))


def tell(attributes: Attributes) -> None:
    """More about the span that is open here."""
    if (opened := _current.get()) is not None:
        opened.set_attributes(_told(attributes))


def of_deliveries(handle: Handler) -> Handler:
    """The handler of deliveries with a span around each; the handler itself when nobody collects spans."""
    if _tracer is None:
        return handle

    async def handled(request: "web.Request") -> "web.StreamResponse":
        with span(Name.DELIVERY, {}):
            response = await handle(request)
            tell({STATUS: response.status})
            if response.status in (200, 202):  # only then is known that the headers are GitHub's
                headers = request.headers
                tell({EVENT: headers.get("X-GitHub-Event"), DELIVERY_ID: headers.get("X-GitHub-Delivery")})
            return response

    return handled


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Does the environment name a collector?"""
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    off = off or environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "none"
    return not off and any(environ.get(name, "").strip() for name in ENDPOINTS)


@dataclass(frozen=True)
class Collected:
    """Spans are being sent until `close`."""

    provider: "TracerProvider"
    give_up: Callable[[], None]
    """Ends the exporter's tries."""

    async def close(self) -> None:
        """Send what is left, for CLOSE_SECONDS at most."""
        global _tracer
        _tracer = None
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def finish() -> None:
            self.provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A thread of its own: nobody can end one that waits for the network, and the loop's threads are waited for.
        threading.Thread(target=finish, name="last spans", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()
        except TimeoutError:
            _log.warning("the last spans could not be sent in time", seconds=CLOSE_SECONDS)
            self.give_up()
            await asyncio.sleep(0)


def collect() -> Collected | None:
    """Begin to send spans as the OTEL_* variables say; None when they name no collector or what sends is missing."""
    global _tracer
    if not is_wanted(os.environ):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        # Clusters set these variables for every pod: a missing extra is said, and no reason not to serve.
        _log.warning(
            "a collector is named, but no traces are sent: install skill-fleet[otel], or set OTEL_SDK_DISABLED=true"
        )
        return None
    service = {"service.name": os.environ.get("OTEL_SERVICE_NAME") or "skill-fleet"}
    exporter = OTLPSpanExporter()
    # Not the global one: what others (the engine, MLflow) would trace holds what people wrote.
    provider = TracerProvider(resource=Resource.create(service), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("skill-fleet")
    return Collected(provider, exporter.shutdown)


def _told(attributes: Attributes) -> dict[str, str | int | float | bool]:
    return {
        name: redact(value)[:LONGEST_VALUE] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }
