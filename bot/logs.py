"""Structured logs: a line explains a decision, with delivery, job and task bound. Never bodies, prompts or secrets."""

import logging
import re
import sys
from typing import Literal

import structlog

from bot.github.secrets import redact

_QUOTED = re.compile(r"input_value=.*?(?=, input_type=|\Z)", re.DOTALL)
_QUOTED_IN_A_LINE = re.compile(r"input_value=(?!\.\.\.).*?(?=, input_type=)", re.DOTALL)
"""What pydantic quotes of a value that it refuses: a person's or a model's words, most often."""
_INSTEAD = "input_value=..."


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last gate: whatever a line was made of, tracebacks included, known secrets do not leave in it, nor the
    values that an error quotes."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(_QUOTED_IN_A_LINE.sub(_INSTEAD, super().format(record)))


def _without_quotes(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Each text by itself: one that was cut off in the midst of a quote ends there."""
    return {name: _QUOTED.sub(_INSTEAD, value) if isinstance(value, str) else value for name, value in event.items()}


def in_our_form(library: str) -> None:
    """A library that writes to standard error in a form of its own says what it has to say with everybody else."""
    logger = logging.getLogger(library)
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


def configure_logs(level: str, form: Literal["auto", "json", "console"]) -> None:
    """Everything to standard error, ours and the libraries' (from WARNING on) in the same form."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        # Without the values of local variables, which are bodies, prompts and answers.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    tail: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not console:
        tail.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(foreign_pre_chain=shared, processors=[*tail, _without_quotes, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("bot").setLevel(level)
    logging.getLogger("pipeline").setLevel(level)
