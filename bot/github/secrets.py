"""Values that must never be seen: wrapped, known by value, and cut out of whatever leaves the process.

Known values go first because GitHub's tokens have no reliable shape (40 characters once, about 520 now).
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import NoReturn

MASK = "[redacted]"
_MIN_LENGTH = 8
_LINE_LENGTH = 32
_MAX_KNOWN = 4_096
_PATTERNS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,}"
    r"|\bgh[a-z]_[A-Za-z0-9._-]{30,}"
    r"|\bv1\.[0-9a-f]{40}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}",
    re.DOTALL,
)

_known: OrderedDict[str, None] = OrderedDict()
_lasting: set[str] = set()


def register_secret(value: str) -> None:
    """From now on `redact` removes this value wherever it appears. The oldest of several thousand are forgotten."""
    if len(value) < _MIN_LENGTH:
        return
    _known[value] = None
    _known.move_to_end(value)
    while len(_known) > _MAX_KNOWN:
        _known.popitem(last=False)


def register_lasting(value: str) -> None:
    """As `register_secret`, for values of the settings, never forgotten; of a key in lines, each line as well."""
    for part in (value, *value.splitlines()):
        if len(part) >= (_MIN_LENGTH if part == value else _LINE_LENGTH):
            _lasting.add(part)


def redact(text: str) -> str:
    """`text` without any registered secret and without anything that looks like one."""
    return redact_patterns(redact_known(text))


def redact_patterns(text: str, keep: Callable[[str], bool] = lambda value: False) -> str:
    """`text` without anything that looks like a secret, but for what `keep` knows to be none."""
    return _PATTERNS.sub(lambda found: found[0] if keep(found[0]) else MASK, text)


def redact_known(text: str) -> str:
    """`text` without any registered secret; what people wrote that looks like one stays, as their files must."""
    found = [value for value in (*_lasting, *_known) if value in text]
    for value in sorted(found, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(value, MASK)
    return text


class Secret:
    """A value that shows itself only on `reveal()`; it registers itself for redaction and cannot be serialised."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        register_secret(value)

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never written down")


class RedactingFilter(logging.Filter):
    """For log handlers: the final message and a traceback's text lose their secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def redact_event(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """The same as a structlog processor: put it right before the renderer."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
        elif not isinstance(value, int | float | bool | None):
            text = str(value)
            if (clean := redact(text)) != text:
                event[key] = clean
    return event
