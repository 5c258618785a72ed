"""`skill-fleet validate`: arguments in, report out, exit status 0 (pass), 1 (findings) or 2 (usage or I/O error)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.skills.findings import Severity, ValidationReport
from pipeline.skills.reports import Format
from pipeline.skills.rules.registry import Profile
from pipeline.skills.validation import NoSkillsError, Options, validate

PASSED, FOUND, UNUSABLE = 0, 1, 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the sub-command."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="skills, or folders holding skills (default: here)")
    parser.add_argument("--format", choices=[f.value for f in Format], default=Format.TEXT.value)
    parser.add_argument("--output", metavar="FILE", help="write the report there instead of standard output")
    parser.add_argument("--profile", choices=[p.value for p in Profile], default=Profile.DEFAULT.value)
    parser.add_argument(
        "--fail-on", choices=["error", "warning", "never"], default="error", help="what makes the exit status 1"
    )
    parser.add_argument("--frame", action="store_true", help="show the line each finding is about")


def run(arguments: argparse.Namespace) -> int:
    """Validates and reports."""
    try:
        root, paths = locate(arguments.paths)
        report = validate(root, paths=paths, options=Options(profile=Profile(arguments.profile)))
        write(render(report, arguments, root), arguments.output)
    except (NoSkillsError, OSError, ValueError) as error:
        print(f"skill-fleet validate: {error}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    return exit_status(report, arguments.fail_on)


def locate(paths: list[str]) -> tuple[Path, list[str]]:
    """The folder the paths are relative to, and the paths relative to it.

    That is the current folder when it holds all of them. Raises FileNotFoundError for a path that does not exist.
    """
    absolute = []
    for path in paths or ["."]:
        full = os.path.abspath(path)
        if not os.path.lexists(full):
            raise FileNotFoundError(f"{path} does not exist")
        absolute.append(full if os.path.isdir(full) else os.path.dirname(full))
    here = os.getcwd()
    root = here if all(p == here or p.startswith(here + os.sep) for p in absolute) else os.path.commonpath(absolute)
    if root != here and os.path.lexists(os.path.join(root, "SKILL.md")):
        root = os.path.dirname(root)
    return Path(root), [os.path.relpath(p, root).replace(os.sep, "/").removeprefix(".") for p in absolute]


def render(report: ValidationReport, arguments: argparse.Namespace, root: Path) -> str:
    """The report in the chosen format."""
    if arguments.format == Format.JSON.value:
        from pipeline.skills.reports.json_report import render_json

        return render_json(report)
    from pipeline.skills.reports.text_report import render_text

    colour = arguments.output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return render_text(report, colour=colour, source_line=_source(root) if arguments.frame else None)


def _source(root: Path) -> Callable[[str, int], str | None]:
    cache: dict[str, list[str]] = {}

    def line(path: str, number: int) -> str | None:
        if path not in cache:
            try:
                cache[path] = (root / path).read_text("utf-8", "replace").split("\n")
            except OSError:
                cache[path] = []
        lines = cache[path]
        return lines[number - 1].rstrip("\r") if number <= len(lines) else None

    return line


def write(text: str, output: str | None) -> None:
    """Writes the report to a file, or to standard output. Raises OSError when that fails."""
    if output is not None:
        Path(output).write_text(text, encoding="utf-8")
        return
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_status(report: ValidationReport, fail_on: str) -> int:
    """0 or 1, by the worst finding and what the caller wants to fail on."""
    worst = report.worst()
    if fail_on == "never" or worst.rank < Severity(fail_on).rank:
        return PASSED
    return FOUND
