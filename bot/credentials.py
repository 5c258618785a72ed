"""Finding credentials in text: what people and models wrote comes in without them, so that nothing made of it has one.

Known values (our own settings and tokens) go wherever they stand; unknown ones when they have a provider's format and
are no example. Pure but for the known values; never fails.
"""

import re

from pydantic import JsonValue

from bot.github.secrets import MASK, redact_known, redact_patterns, register_lasting
from pipeline.skills.rules.security_text import is_example, real_credentials

_SHORTEST = 8
_LONGEST_PLACEHOLDER = 80
_URL_PASSWORD = re.compile(r"://[^/@\s:]*:([^/@\s]{8,})@")
_SECRET_NAME = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
_SHORTEST_OF_ENVIRONMENT = 16


def scrub(text: str) -> str:
    """`text` without credentials; examples (`ghp_xxxx…`, `AKIAIOSFODNN7EXAMPLE`) stay."""
    if len(text) < _SHORTEST:
        return text
    text = redact_patterns(redact_known(text), keep=_is_placeholder)
    for found in list(real_credentials(text)):
        text = text.replace(found.value, MASK)
    return text


def _is_placeholder(value: str) -> bool:
    """Short and said to be none, or too regular to be random. In hundreds of random characters any word occurs."""
    return len(value) <= _LONGEST_PLACEHOLDER and is_example(value)


def scrub_json(value: JsonValue) -> JsonValue:
    """The same for every text in a JSON value, names included."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, list):
        return [scrub_json(item) for item in value]
    if isinstance(value, dict):
        return {scrub(name): scrub_json(item) for name, item in value.items()}
    return value


def register_settings(secrets: dict[str, str], environ: dict[str, str]) -> None:
    """From now on these values leave in no text: the settings' own, the passwords in addresses among them, and the
    environment's variables that are called a key, token, secret or password."""
    for value in secrets.values():
        for password in _URL_PASSWORD.findall(value):
            register_lasting(password)
        if "://" not in value:
            register_lasting(value)
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_OF_ENVIRONMENT and not value.startswith(("/", "~")):
            register_lasting(value)
