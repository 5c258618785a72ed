"""`skill-fleet validate`: arguments in, report out, exit status 0 (pass), 1 (findings) or 2 (usage or I/O error)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.skills.discovery import find_skills
from pipeline.skills.files import DiskTree
from pipeline.skills.findings import Severity, ValidationReport
from pipeline.skills.reports import Format
from pipeline.skills.rules.registry import Profile, Rule, all_rules
from pipeline.skills.validation import NoSkillsError, Options, collect_less, validate, without_baseline

PASSED, FOUND, UNUSABLE = 0, 1, 2
PROGRESS_FROM = 200
"""Skills; a shorter run is over before a progress bar could be read."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of the sub-command."""
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="skills, or folders holding skills (default: here)")
    add("--format", choices=[f.value for f in Format], default=Format.TEXT.value, help="how to report (default: text)")
    add("--output", metavar="FILE", help="write the report there instead of standard output")
    add("--profile", choices=[p.value for p in Profile], help="for whom to validate (default: default)")
    add("--fail-on", choices=["error", "warning", "never"], help="what makes the exit status 1 (default: error)")
    add("--changed-since", metavar="REF", help="only skills that differ from this Git reference")
    add("--baseline", metavar="FILE", help="accept the findings listed there")
    add("--write-baseline", metavar="FILE", help="write the findings of this run there, and pass")
    add("--config", metavar="FILE", help="settings (default: .github/skill-fleet.yml, when it is there)")
    add("--fix", action="store_true", help="repair what can be repaired without changing the meaning")
    add("--explain", metavar="RULE", help="say what a rule checks, why, and how to comply; then stop")
    add("--frame", action="store_true", help="show the line each finding is about")
    add("--jobs", type=int, default=0, metavar="N", help="processes (default: one per core from 100 skills on)")


def run(arguments: argparse.Namespace) -> int:
    """Validates and reports."""
    try:
        if arguments.explain is not None:
            return _explain(arguments.explain)
        collect_less()
        return _validate(arguments)
    except (NoSkillsError, OSError, ValueError) as error:
        print(f"skill-fleet validate: {error}", file=sys.stderr)  # noqa: T201
        return UNUSABLE


def _validate(arguments: argparse.Namespace) -> int:
    root, paths = locate(arguments.paths)
    options, fail_on = _options(arguments, root)
    if arguments.changed_since is not None:
        root, paths = _changed(root, paths, arguments.changed_since)
    accepted = _baseline(arguments.baseline)
    report = _run(root, paths, options, arguments)
    if arguments.fix:
        report = _fix(root, paths, options, arguments, report)
    if arguments.write_baseline is not None:
        from pipeline.skills.suppression import write_baseline

        Path(arguments.write_baseline).write_text(write_baseline(report.findings), encoding="utf-8")
        return PASSED
    if accepted is not None:
        complete = arguments.changed_since is None and not arguments.paths
        report = without_baseline(report, accepted, arguments.baseline, complete=complete)
    write(render(report, arguments, root), arguments.output)
    return exit_status(report, fail_on)


def _run(root: Path, paths: Sequence[str], options: Options, arguments: argparse.Namespace) -> ValidationReport:
    if arguments.changed_since is not None and not paths:
        return ValidationReport(())
    in_context = arguments.changed_since is not None
    with _progress(arguments) as progress:
        return validate(
            root, paths=paths, options=options, progress=progress, jobs=arguments.jobs, in_context=in_context
        )


class _progress:  # noqa: N801 - used as a function
    """A progress bar on standard error for long runs at a terminal; nothing otherwise."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._wanted = sys.stderr.isatty() and arguments.format == Format.TEXT.value
        self._stop: Callable[[], None] | None = None
        self._advance: Callable[[int], None] | None = None

    def __enter__(self) -> Callable[[int, int], None] | None:
        return self._report if self._wanted else None

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            self._stop()

    def _report(self, done: int, total: int) -> None:
        if total < PROGRESS_FROM:
            return
        if self._advance is None:
            from rich.console import Console
            from rich.progress import Progress

            bar = Progress(console=Console(stderr=True), transient=True)
            task = bar.add_task("validating", total=total)
            bar.start()
            self._stop = bar.stop
            self._advance = lambda count: bar.update(task, completed=count)
        self._advance(done)


def _options(arguments: argparse.Namespace, root: Path) -> tuple[Options, str]:
    """What the command line says, else the settings file, else the defaults. Raises ValueError for a broken file."""
    from pipeline.skills.configuration import Configuration, ConfigurationError, read_configuration

    default = root / ".github" / "skill-fleet.yml"
    path = Path(arguments.config) if arguments.config is not None else default
    configuration = Configuration()
    if arguments.config is not None or default.is_file():
        try:
            configuration = read_configuration(path.read_text("utf-8"))
        except (ConfigurationError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from error
    profile = Profile(arguments.profile) if arguments.profile else configuration.profile or Profile.DEFAULT
    fail_on = arguments.fail_on or configuration.fail_on or "error"
    return Options(profile=profile, severities=configuration.severities), fail_on


def _changed(root: Path, paths: Sequence[str], reference: str) -> tuple[Path, list[str]]:
    """The repository's root, and the changed skills below the paths."""
    from pipeline.skills.changed import changed_paths, touched_skills

    top, changed = changed_paths(root, reference)
    inside = [os.path.relpath(root / path, top).replace(os.sep, "/").removeprefix(".") for path in paths]
    touched = touched_skills(find_skills(DiskTree(top)), changed)
    wanted = [s for s in touched if any(not p or s == p or s.startswith(f"{p}/") for p in inside)]
    return top, wanted


def _baseline(path: str | None) -> dict[tuple[str, str, str], int] | None:
    if path is None:
        return None
    from pipeline.skills.suppression import read_baseline

    try:
        return dict(read_baseline(Path(path).read_text("utf-8")))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error


def _fix(
    root: Path, paths: Sequence[str], options: Options, arguments: argparse.Namespace, report: ValidationReport
) -> ValidationReport:
    """Repairs and validates again until nothing can be repaired; the report is of what remains."""
    from pipeline.skills.fixing import MAX_PASSES, fix_on_disk

    for _ in range(MAX_PASSES):
        if not fix_on_disk(root, report.findings):
            break
        report = _run(root, paths, options, arguments)
    return report


def _explain(rule_id: str) -> int:
    rule = all_rules().get(rule_id.upper())
    if rule is None:
        raise ValueError(f"there is no rule {rule_id}; the rules are {', '.join(all_rules())}")
    write(explanation(rule), None)
    return PASSED


def explanation(rule: Rule) -> str:
    """A rule in words, with its examples."""
    from pipeline.skills.reports.rules_page import example_text

    parts = [
        f"{rule.id}  {rule.severity.value}  {rule.origin}{'  fixable' if rule.fixable else ''}",
        f"Reports {rule.what}.",
        rule.why,
        f"How to fix: {rule.fix}",
        f"Source: {rule.source}",
        f"Bad:\n\n{_indented(example_text(rule.bad))}",
        f"Good:\n\n{_indented(example_text(rule.good))}",
    ]
    return "\n\n".join(parts) + "\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip("\n").split("\n"))


def locate(paths: Sequence[str]) -> tuple[Path, list[str]]:
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
    relative = [os.path.relpath(p, root).replace(os.sep, "/") for p in absolute]
    return Path(root), ["" if path == "." else path for path in relative]


def render(report: ValidationReport, arguments: argparse.Namespace, root: Path) -> str:
    """The report in the chosen format."""
    match Format(arguments.format):
        case Format.JSON:
            from pipeline.skills.reports.json_report import render_json

            return render_json(report)
        case Format.GITHUB:
            from pipeline.skills.reports.github_report import render_github

            return render_github(report)
        case Format.SUMMARY:
            from pipeline.skills.reports.summary_report import render_summary

            return render_summary(report)
        case Format.SARIF:
            from pipeline.skills.reports.sarif_report import render_sarif

            return render_sarif(report, tool_version=_version())
        case Format.TEXT:
            from pipeline.skills.reports.text_report import render_text

            colour = arguments.output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
            return render_text(report, colour=colour, source_line=_source(root) if arguments.frame else None)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("skill-fleet")
    except PackageNotFoundError:
        return "0.0.0"


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
        sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))
        sys.stdout.flush()
    except UnicodeEncodeError:
        sys.stdout.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_status(report: ValidationReport, fail_on: str) -> int:
    """0 or 1, by the worst finding and what the caller wants to fail on."""
    worst = report.worst()
    if fail_on == "never" or worst.rank < Severity(fail_on).rank:
        return PASSED
    return FOUND
