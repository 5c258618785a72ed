"""What a workflow step says to the runner: commands on standard output, and the files it names in the environment.

Text from the repository never reaches the log unguarded: a line that looks like a command would be obeyed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

SUMMARY_BYTES = 1_000_000
"""GitHub refuses a step's summary above 1 MiB; this leaves room."""


class CommandFileError(Exception):
    """The runner named no file for outputs or summaries; the message says which."""


def escape_data(text: str) -> str:
    """The text as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def notice(message: str) -> str:
    """A command that shows a notice at the run, with a final newline."""
    return f"::notice title=Skill Fleet::{escape_data(message)}\n"


def warning(message: str) -> str:
    """A command that shows a warning at the run, with a final newline."""
    return f"::warning title=Skill Fleet::{escape_data(message)}\n"


def error(message: str) -> str:
    """A command that shows an error at the run, with a final newline."""
    return f"::error title=Skill Fleet::{escape_data(message)}\n"


def verbatim(text: str, *, token: str | None = None) -> str:
    """The text for the log with command processing off, so that nothing in it is obeyed."""
    stop = token or secrets.token_hex(16)
    body = text if text.endswith("\n") or not text else f"{text}\n"
    return f"::stop-commands::{stop}\n{body}::{stop}::\n"


def grouped(title: str, text: str) -> str:
    """A folded part of the log holding text as it is. The title is ours, the text may be anyone's."""
    return f"::group::{escape_data(title)}\n{verbatim(text)}::endgroup::\n"


def set_outputs(environ: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Writes the step's outputs. Raises CommandFileError when the runner named no file."""
    lines: list[str] = []
    for name, value in outputs.items():
        delimiter = f"end-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")
    _append(environ, "GITHUB_OUTPUT", "".join(lines))


def add_summary(environ: Mapping[str, str], markdown: str) -> None:
    """Adds to the job summary, cut at a line before GitHub's limit."""
    _append(environ, "GITHUB_STEP_SUMMARY", limited(markdown, SUMMARY_BYTES))


def limited(markdown: str, limit: int) -> str:
    """The text in at most so many bytes: cut at a line, and the cut is said."""
    if len(markdown.encode()) <= limit:
        return markdown
    note = "\n\n_The rest did not fit; the report file has all of it._\n"
    kept = markdown.encode()[: limit - len(note.encode())].decode("utf-8", "ignore")
    return kept.rpartition("\n")[0] + note


def _append(environ: Mapping[str, str], variable: str, text: str) -> None:
    path = environ.get(variable)
    if not path:
        raise CommandFileError(f"{variable} is not set: this runs inside GitHub Actions.")
    with Path(path).open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)
