"""One language model for all jobs: limits, retries, fallbacks and metering around DSPy's own client.

A call either returns typed outputs or raises `CallFailed` with one sentence for the person. DSPy's cache and retries
are off: the first mixes endpoints, the second obeys any Retry-After.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import dspy
from dspy.lm15 import (
    AccessPolicy,
    EndpointSupport,
    ModelSupport,
    OpenAIChatCompat,
    ProviderDefinition,
    register_provider,
)
from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError, LMInvalidRequestError

from pipeline.journey import Failure
from pipeline.lm.failures import Reaction, TruncatedAnswer, react
from pipeline.lm.gate import Gate
from pipeline.lm.metered import Meter, MeteredLM, metering
from pipeline.lm.settings import ModelSettings, is_reasoning
from pipeline.lm.wire import WireAdapter
from pipeline.models import Usage
from pipeline.runtime import CallFailed, StoredResult
from pipeline.typed import adapter

_COMPATIBLE = "compatible"
_FIRST_LIMIT_WHEN_UNSET = 8_192
_BACKOFF_SECONDS = 1.0
_CONNECTIONS_PER_CLIENT = 100
_COMPLAINT_CHARACTERS = 6_000


class Slots:
    """Calls in flight at once, for each provider on its own; shared by all models of a process.

    The processes that share the work share the limit, too: each takes an equal part, at least one.
    """

    def __init__(self, concurrency: int, processes: Callable[[], int] = lambda: 1) -> None:
        self._concurrency = concurrency
        self._processes = processes
        self._by_provider: dict[str, Gate] = {}

    def of(self, model: str) -> Gate:
        return self._by_provider.setdefault(model.partition("/")[0], Gate(self._part))

    def _part(self) -> int:
        return max(1, self._concurrency // max(1, self._processes()))


class LanguageModel:
    """The `Drafter` behind a configured model, or behind `chosen`, one of those the settings allow instead of it.

    Key, address and limits are the settings' in either case. Close it with `aclose` when the process ends.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        chosen: str = "",
        slots: Slots | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
        self.settings = settings
        self._sleep = sleep
        self._chance = chance
        self._slots = slots or Slots(settings.concurrency)
        self.name = chosen or settings.model
        names = dict.fromkeys((self.name, *settings.fallbacks))
        self._models = tuple(_Clients(name, settings) for name in names)

    async def aclose(self) -> None:
        for clients in self._models:
            for lm in clients.all:
                await lm.aclose()

    async def answer(self, predictor: Any, inputs: Mapping[str, object], spent: Usage) -> StoredResult:
        """Ask until there is a readable answer or every cure was tried. See `Drafter.answer`."""
        meter = Meter(spent, self.settings.budget_tokens, self.settings.budget_usd)
        failures: list[Failure] = []
        for clients in self._models:
            try:
                outputs = await self._ask(clients, predictor, inputs, meter)
            except _Unusable as unusable:
                failures.append(unusable.reaction.failure)
                if not unusable.reaction.other_model:
                    break
            else:
                return StoredResult(outputs=outputs, usage=meter.total(), model=clients.name)
        raise CallFailed(failures[0], meter.total())

    async def _ask(
        self, clients: "_Clients", predictor: Any, inputs: Mapping[str, object], meter: Meter
    ) -> dict[str, Any]:
        name, lm = clients.name, clients.next()
        limit = self.settings.max_tokens
        doubled = complained = False
        schema = True
        complaint: tuple[str, str] | None = None
        tries = 0
        while True:
            try:
                meter.check()
                wire = WireAdapter(schema=schema, complaint=complaint)
                async with self._slots.of(name):
                    return await self._request(lm, wire, predictor, inputs, meter, limit if doubled else None)
            except TruncatedAnswer as cut:
                if doubled:
                    raise _Unusable(react(cut, name, self.settings.timeout_seconds)) from None
                doubled, limit = True, 2 * (limit or max(cut.completion_tokens, _FIRST_LIMIT_WHEN_UNSET // 2))
            except AdapterParseError as unreadable:
                if complained:
                    raise _Unusable(react(unreadable, name, self.settings.timeout_seconds)) from None
                complained, complaint = True, _complain(unreadable)
            except Exception as error:
                if schema and _schema_refused(error):
                    schema = False
                    continue
                reaction = react(error, name, self.settings.timeout_seconds)
                pause = self._pause(reaction, tries)
                if pause is None:
                    raise _Unusable(reaction) from None
                tries += 1
                await self._sleep(pause)

    async def _request(
        self,
        lm: MeteredLM,
        wire: WireAdapter,
        predictor: Any,
        inputs: Mapping[str, object],
        meter: Meter,
        limit: int | None,
    ) -> dict[str, Any]:
        config: dict[str, Any] = {} if limit is None else {_limit_name(lm.model): limit}
        with (
            metering(meter),
            dspy.context(lm=lm, adapter=wire, trace=[], warn_on_type_mismatch=False),
        ):
            async with asyncio.timeout(self.settings.timeout_seconds):
                prediction = await predictor.acall(**inputs, config=config)
        return as_json(inputs.get("signature") or predictor.signature, prediction)

    def _pause(self, reaction: Reaction, tries: int) -> float | None:
        """Seconds until the next try (between half and all of the backoff, or what the provider asks); None: stop."""
        if not reaction.again or tries >= self.settings.retries:
            return None
        if reaction.wait is not None:
            return reaction.wait if reaction.wait <= self.settings.max_wait_seconds else None
        backoff: float = min(_BACKOFF_SECONDS * 2.0**tries, self.settings.max_wait_seconds)
        return backoff * (0.5 + self._chance() / 2)


class _Unusable(Exception):  # noqa: N818 - private signal from one model to the next
    def __init__(self, reaction: Reaction) -> None:
        super().__init__(reaction.failure.code)
        self.reaction = reaction


def as_json(signature: Any, prediction: Any) -> dict[str, Any]:
    """The outputs of a prediction as JSON values, by field name."""
    return {
        name: adapter(field.annotation).dump_python(prediction[name], mode="json")
        for name, field in signature.output_fields.items()
    }


class _Clients:
    """One model's clients, in turn: each keeps at most 100 connections, whatever more we are allowed."""

    def __init__(self, name: str, settings: ModelSettings) -> None:
        self.name = name
        self.all = [
            _client(name, settings, MeteredLM) for _ in range(-(-settings.concurrency // _CONNECTIONS_PER_CLIENT))
        ]
        self._turns = itertools.cycle(self.all)

    def next(self) -> MeteredLM:
        return next(self._turns)


LM = TypeVar("LM", bound=MeteredLM)


def client(settings: ModelSettings, kind: type[LM]) -> LM:
    """A bare client of the configured model, without our retries: for optimisation, which is DSPy's own loop."""
    return _client(settings.model, settings, kind)


def _client(name: str, settings: ModelSettings, kind: type[LM]) -> LM:
    provider = name.partition("/")[0]
    own = provider == settings.model.partition("/")[0]
    options: dict[str, Any] = {}
    if own and settings.api_key is not None:
        options["api_key"] = settings.api_key.get_secret_value()
    if own and settings.api_base is not None:
        options["api_base"] = settings.api_base.rstrip("/")
    routed = name
    if own and provider in ("openai", _COMPATIBLE) and _is_private(settings.api_base):
        _declare_compatible()
        routed = f"{_COMPATIBLE}/{name.partition('/')[2]}"
    return kind(
        routed,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        cache=False,
        num_retries=0,
        timeout=settings.timeout_seconds,
        **options,
    )


def _is_private(api_base: str | None) -> bool:
    return api_base is not None and not api_base.startswith("https://api.openai.com")


def _declare_compatible() -> None:
    """Tell DSPy that an OpenAI-compatible server takes JSON schemas; for unknown models it assumes the contrary."""
    register_provider(
        ProviderDefinition.chat(
            AccessPolicy(
                provider=_COMPATIBLE,
                supports=EndpointSupport(complete=True, stream=True, models=True),
                auth_modes=("bearer",),
                base_url="http://127.0.0.1:8080/v1",
            ),
            compat=OpenAIChatCompat(
                instruction_role="system",
                max_tokens_field="max_tokens",
                stream_usage="include",
                thinking_format="none",
            ),
            placeholder_key="none",
        ),
        supports=ModelSupport(response_schema=True, function_calling=False),
    )


def _limit_name(model: str) -> str:
    return "max_completion_tokens" if is_reasoning(model) else "max_tokens"


def _schema_refused(error: Exception) -> bool:
    """A 400 or 422 that is not about length: some servers only refuse the schema, so ask once without it."""
    return (
        isinstance(error, LMInvalidRequestError)
        and not isinstance(error, ContextWindowExceededError)
        and error.status in (400, 422)
    )


def _complain(error: AdapterParseError) -> tuple[str, str]:
    answer = str(error.lm_response or "")[:_COMPLAINT_CHARACTERS] or "(nothing)"
    reason = str(error.__cause__ or "it is not a JSON object with all the fields")[:1_000]
    return answer, f"That answer could not be read: {reason}"
