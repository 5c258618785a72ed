"""What can go wrong with a model, as one plain sentence each. Provider texts, prompts and keys never get through."""

from dataclasses import dataclass

import dspy
from dspy.utils.exceptions import (
    AdapterParseError,
    ContextWindowExceededError,
    LMAuthError,
    LMBillingError,
    LMConfigurationError,
    LMError,
    LMInvalidRequestError,
    LMRateLimitError,
    LMServerError,
    LMTimeoutError,
    LMTransportError,
    LMUnsupportedModelError,
    is_retryable_lm_error,
)

from pipeline.journey import Failure

_TOO_LARGE = 413
"""What proxies and some providers say instead of naming the context length."""


class TruncatedAnswer(dspy.LMError):
    """The answer was cut at the token limit. DSPy itself would accept it."""

    default_code = "truncated"

    def __init__(self, completion_tokens: int) -> None:
        super().__init__("answer cut at the token limit")
        self.completion_tokens = completion_tokens


class RefusedAnswer(dspy.LMError):
    """The provider's content filter withheld the answer."""

    default_code = "refused"


class BudgetExceeded(Exception):  # noqa: N818 - says what happened
    """The job reached its budget. `limit` is the budget in words, e.g. `200,000 tokens`."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


@dataclass(frozen=True)
class Reaction:
    """What to do about an error: the failure to report if it stays, and which cures are worth trying."""

    failure: Failure
    again: bool = False
    other_model: bool = False
    wait: float | None = None


def react(error: Exception, model: str, waited: float) -> Reaction:
    """The reaction to an error of one attempt. `waited` is the attempt's time limit in seconds."""
    if isinstance(error, BudgetExceeded):
        return Reaction(_failure("budget_exceeded", f"This request has used up its model budget of {error.limit}."))
    if isinstance(error, TruncatedAnswer):
        return Reaction(
            _failure(
                "truncated",
                f"The model {model} cut its answer at the token limit twice; raise the limit or ask for less.",
                retryable=True,
            ),
            other_model=True,
        )
    if isinstance(error, RefusedAnswer):
        return Reaction(
            _failure(
                "refused", f"The model {model} refused to answer; rewording the request may help.", retryable=True
            ),
            other_model=True,
        )
    if isinstance(error, AdapterParseError):
        return Reaction(
            _failure("malformed", f"The model {model} twice gave an answer that could not be read.", retryable=True),
            other_model=True,
        )
    if isinstance(error, TimeoutError | LMTimeoutError):
        ours = isinstance(error, TimeoutError)
        when = f"within {waited:g} seconds" if ours else "in time; its provider stopped waiting"
        return Reaction(
            _failure("timeout", f"The model {model} did not answer {when}.", retryable=True),
            again=True,
            other_model=True,
        )
    if isinstance(error, LMError):
        return _react_to_provider(error, model)
    raise error


def _react_to_provider(error: LMError, model: str) -> Reaction:
    if isinstance(error, LMRateLimitError):
        wait = error.retry_after
        asked = f" and asks to wait {wait:,.0f} seconds" if wait else ""
        return Reaction(
            _failure("rate_limited", f"The provider of {model} limits our requests{asked}.", retryable=True),
            again=True,
            other_model=True,
            wait=wait,
        )
    if isinstance(error, LMAuthError):
        return Reaction(
            _failure("auth", f"The provider of {model} refused our key; an operator has to correct it."),
            other_model=True,
        )
    if isinstance(error, LMBillingError):
        return Reaction(
            _failure("billing", f"The account for {model} has no credit left; an operator has to top it up."),
            other_model=True,
        )
    if isinstance(error, LMUnsupportedModelError):
        return Reaction(
            _failure("model_unknown", f"The provider does not know the model {model}; an operator has to correct it."),
            other_model=True,
        )
    if isinstance(error, ContextWindowExceededError) or error.status == _TOO_LARGE:
        return Reaction(
            _failure("context_overflow", f"This request is too long for the model {model}; shorten it and try again."),
            other_model=True,
        )
    if isinstance(error, LMInvalidRequestError):
        return Reaction(
            _failure("invalid_request", f"The provider of {model} did not accept our question."), other_model=True
        )
    if isinstance(error, LMServerError):
        return Reaction(
            _failure("provider_unavailable", f"The provider of {model} has a problem of its own.", retryable=True),
            again=True,
            other_model=True,
            wait=error.retry_after,
        )
    if isinstance(error, LMTransportError):
        timed_out = "timed out" in error.message.lower()
        code = "timeout" if timed_out else "unreachable"
        message = "did not answer in time" if timed_out else "could not be reached"
        return Reaction(_failure(code, f"The model {model} {message}.", retryable=True), again=True, other_model=True)
    if isinstance(error, LMConfigurationError):
        return Reaction(
            _failure("configuration", f"The model {model} is not set up completely; an operator has to correct it.")
        )
    again = is_retryable_lm_error(error) or _unreadable_body(error)
    return Reaction(
        _failure("provider_error", f"The provider of {model} answered with something unusable.", retryable=True),
        again=again,
        other_model=True,
    )


def _unreadable_body(error: LMError) -> bool:
    """A 200 whose body is not the API's JSON: a proxy's page or a cut connection, often gone the next time."""
    return error.status in (None, 200)


def _failure(code: str, message: str, *, retryable: bool = False) -> Failure:
    return Failure(code=code, message=message, retryable=retryable)
