"""Secrets are masked wherever they could be seen."""

import json
import logging
import pickle

import pytest

from bot.github.secrets import MASK, RedactingFilter, Secret, redact, redact_event

LONG = "ghs_1234567_" + "eyJhbGciOi.x-Y_z" * 32


def test_a_secret_shows_itself_only_on_request() -> None:
    secret = Secret("correct horse battery")
    assert "horse" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "correct horse battery"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_a_known_value_is_removed_wherever_it_appears() -> None:
    Secret("correct horse battery staple")
    assert redact("x=correct horse battery staple;") == f"x={MASK};"


@pytest.mark.parametrize(
    "text",
    [
        "ghs_" + "a" * 36,
        LONG,
        "github_pat_" + "A1" * 20,
        "v1." + "0f" * 20,
        "eyJhbGciOiJSUzI1NiJ9.eyJpYXQiOjE3NjM.c2lnbmF0dXJlLWhlcmU",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        "sk-proj-" + "a1" * 16,
    ],
)
def test_what_looks_like_a_token_is_removed_although_unknown(text: str) -> None:
    assert redact(f"before {text} after") == f"before {MASK} after"


def test_ordinary_text_stays() -> None:
    text = "ghs_short, skill-fleet, v1.2.3, 0123456789abcdef0123456789abcdef01234567"
    assert redact(text) == text


def test_log_records_lose_secrets_in_arguments_and_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("test.redaction")
    caplog.handler.addFilter(RedactingFilter())
    token = "ghs_" + "b" * 40
    try:
        raise ValueError(f"bad {token}")
    except ValueError:
        logger.exception("failed with %s", token)
    assert token not in caplog.text
    assert MASK in caplog.text


def test_structured_events_lose_secrets() -> None:
    token = "ghs_" + "c" * 40
    event = redact_event(None, "info", {"event": f"x {token}", "nested": {"headers": [token]}, "count": 3})
    assert token not in str(event)
    assert event["count"] == 3
