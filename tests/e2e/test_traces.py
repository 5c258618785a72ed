"""Traces at a collector that speaks OTLP over HTTP: what each holds, what none holds, and nobody to send them to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bot import spans
from bot.jobs.job import JobStatus
from tests.e2e.town import Town, town
from tests.ports import free_port
from tests.scripted_author import Author
from tests.scripted_model import ScriptedModel

KEY = "canary-of-the-model-9Lw4Rt8Vn3Mp6Ys1"
WORDS = "the quarterly numbers of the northern branch"


class Collector:
    """What was sent, as sent and as read."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.services: set[str] = set()
        self.spans: list[Span] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            found = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.services.add(found["service.name"])
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: spans.Name) -> list[Span]:
        return [span for span in self.spans if span.name == name]


def _of(span: Span) -> dict[str, object]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}


@asynccontextmanager
async def _listening(handler: object) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/traces", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _traced_town(folder: Path, endpoint: str, patch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    async with ScriptedModel() as model:
        Author(model)
        settings = {"model": "openai/scripted", "model_api_base": model.base_url, "model_api_key": KEY}
        async with town(folder, f"sqlite:///{folder / 'bot.db'}", reconcile_minutes=0, **settings) as there:
            yield there


async def test_a_collector_sees_each_step_of_a_request_and_nothing_that_anybody_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector()
    async with _listening(collector.take) as endpoint:
        async with _traced_town(tmp_path, endpoint, monkeypatch) as there:
            number = await there.to_preview(when=f"When somebody asks for {WORDS}.")
            job = await there.bot.job(number)
            refused = await there.github.session.post(f"{there.bot.url}/webhook", data=b"{}")
            assert refused.status == 415
            text = (job.journey.model_dump_json() + "".join(await there.words(number))).encode()
        assert WORDS.encode() in text
    assert collector.services == {"skill-fleet"}
    assert {span.name for span in collector.spans} == set(spans.Name)

    by_id = {span.span_id: span for span in collector.spans}
    above = {
        (span.name, by_id[span.parent_span_id].name if span.parent_span_id in by_id else "") for span in collector.spans
    }
    expected = {("phase", "task"), ("module", "phase"), ("model call", "module"), ("effect", "task"), ("task", "")}
    assert expected | {("github request", "effect"), ("delivery", "")} <= above
    assert {_of(span)[spans.JOB] for span in collector.named(spans.Name.TASK)} == {job.key}
    assert {_of(span)[spans.PHASE] for span in collector.named(spans.Name.PHASE)} == {"understanding", "generation"}
    answered = {_of(span)[spans.STATUS]: _of(span) for span in collector.named(spans.Name.DELIVERY)}
    assert {spans.EVENT, spans.DELIVERY_ID} <= answered[202].keys()
    assert answered[415].keys() == {spans.STATUS}, "nobody knows yet whose headers these are"
    for call in collector.named(spans.Name.MODEL_CALL):
        told = _of(call)
        assert told[spans.PROMPT_TOKENS] and told[spans.COMPLETION_TOKENS] and told[spans.MODULE]
    for request in collector.named(spans.Name.GITHUB_REQUEST):
        assert "{" in str(_of(request)[spans.TEMPLATE]) or str(_of(request)[spans.TEMPLATE]).startswith("/app")
    known = {value for name, value in vars(spans).items() if name.isupper() and isinstance(value, str)}
    assert {key for span in collector.spans for key in _of(span)} <= known
    sent = b"".join(collector.bodies)
    for secret in (KEY, WORDS, "release notes", "Bearer", "northern", there.bot.settings()["webhook_secret"]):
        assert secret.encode() not in sent, f"{secret!r} was sent to the collector"


async def test_a_collector_that_is_away_delays_nothing_and_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "CLOSE_SECONDS", 0.2)
    async with _traced_town(tmp_path, f"http://127.0.0.1:{free_port()}", monkeypatch) as there:
        assert await there.status(await there.file(start=False)) is JobStatus.QUEUED
        await asyncio.wait_for(there.bot.stop(), 20)


async def test_a_collector_that_never_answers_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with _listening(never) as endpoint:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setattr(spans, "CLOSE_SECONDS", 0.5)
        collected = spans.collect()
        assert collected is not None
        with spans.span(spans.Name.TASK, {spans.JOB: "7:1"}):
            pass
        async with asyncio.timeout(20):
            await collected.close()
            await asked.wait()


async def test_an_error_is_told_by_its_kind_and_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = Collector()
    async with _listening(collector.take) as endpoint:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        collected = spans.collect()
        assert collected is not None
        with pytest.raises(ValueError, match="what somebody wrote"), spans.span(spans.Name.TASK, {}):
            raise ValueError("what somebody wrote")
        with spans.span(spans.Name.EFFECT, {spans.EFFECT_KEY: "ghp_" + "b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcPaEuo"}):
            pass
        await collected.close()
    [failed, masked] = collector.spans
    assert (failed.status.code, failed.status.message) == (Status.STATUS_CODE_ERROR, "ValueError")
    assert not failed.events
    assert "b7Qz9Lk2" not in str(_of(masked))


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_sent_where_a_collector_is_named(environ: dict[str, str], wanted: bool) -> None:
    assert spans.is_wanted(environ) is wanted


def test_a_collector_without_the_extra_is_said_and_no_reason_not_to_serve(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert spans.collect() is None
    assert "install skill-fleet[otel]" in capsys.readouterr().out
