"""Structured logs: a line explains a decision, with delivery, job and task bound. Never bodies, prompts or secrets."""

import logging
import sys
from typing import Literal

import structlog

from bot.github.secrets import redact


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last gate: whatever a line was made of, tracebacks included, known secrets do not leave in it."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


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
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
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
    handler.setFormatter(_RedactingFormatter(foreign_pre_chain=shared, processors=[*tail, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("bot").setLevel(level)
    logging.getLogger("pipeline").setLevel(level)
