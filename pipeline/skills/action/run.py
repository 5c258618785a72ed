"""The `validate` step: inputs and event in; log, annotations, job summary, outputs, report files and comment out.

Exit status 0 passed, 1 findings at or above `fail-on`, 2 the step could not do its work. Outputs and the job summary
are written in every case; an unforeseen error is reported as ours, with its traceback in the log.
"""

from __future__ import annotations

import os
import secrets
import sys
import tomllib
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.skills.action import commands
from pipeline.skills.action.changes import ChangesError, find_changes
from pipeline.skills.action.comment import keep_comment, marker
from pipeline.skills.action.event import EventError, PullRequest, read_event
from pipeline.skills.action.inputs import Comment, FailOn, InputError, Inputs, Scope, read_inputs
from pipeline.skills.action.selection import (
    NothingToCheckError,
    Selection,
    concerns_change,
    select_all,
    select_changed,
)
from pipeline.skills.action.summary import render_comment, render_job_summary, render_problem
from pipeline.skills.configuration import Configuration, ConfigurationError, read_configuration
from pipeline.skills.files import DiskTree, TooBigError
from pipeline.skills.findings import Severity, ValidationReport
from pipeline.skills.reports.github_report import render_github
from pipeline.skills.reports.json_report import render_json
from pipeline.skills.reports.sarif_report import render_sarif
from pipeline.skills.reports.text_report import render_text
from pipeline.skills.rules.registry import Profile
from pipeline.skills.subject import Subject
from pipeline.skills.suppression import read_baseline
from pipeline.skills.validation import Options, summarize, validate_directories, without_baseline

PASSED, FOUND, UNUSABLE = 0, 1, 2


SETTINGS = ".github/skill-fleet.yml"
LOCAL_ERRORS = (
    InputError,
    EventError,
    ChangesError,
    NothingToCheckError,
    ConfigurationError,
    commands.CommandFileError,
    OSError,
)
"""What the workflow, the repository or the runner can be blamed for; their messages say what to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was checked, what came of it, and whether that is what the workflow wants to fail on."""

    report: ValidationReport
    selection: Selection
    failed: bool


def run(environ: Mapping[str, str]) -> int:
    """Does the step and returns its exit status."""
    try:
        inputs = read_inputs(environ)
        result = check(inputs, environ)
        files = write_reports(inputs, result.report, environ)
        publish(inputs, result, files, environ)
    except LOCAL_ERRORS as error:
        return _unusable(str(error), environ)
    except Exception:
        say(commands.grouped("Traceback", traceback.format_exc()))
        return _unusable("The validator failed on an error of its own; the traceback is in the log above.", environ)
    return FOUND if result.failed else PASSED


def check(inputs: Inputs, environ: Mapping[str, str]) -> Result:
    """Validates what the inputs, the repository's settings and the event ask for. Raises one of LOCAL_ERRORS."""
    tree = DiskTree(inputs.workspace)
    settings = _settings(tree)
    accepted = _baseline(tree, inputs.baseline)
    options = Options(
        profile=inputs.profile or settings.profile or Profile.DEFAULT,
        severities=settings.severities,
        is_repository=True,
    )
    if inputs.scope is Scope.ALL:
        selection = select_all(tree, inputs.paths)
        report = validate_directories(tree, selection.chosen, options=options, jobs=0)
    else:
        changes = find_changes(inputs.workspace, read_event(environ), environ)
        selection = select_changed(tree, inputs.paths, changes)
        chosen = frozenset(selection.chosen)
        siblings = [summarize(Subject(tree, skill)) for skill in selection.found if skill not in chosen]
        report = validate_directories(tree, selection.chosen, options=options, siblings=siblings, jobs=0)
        kept = tuple(finding for finding in report.repository if concerns_change(finding, selection, changes))
        report = replace(report, repository=kept)
    if accepted is not None:
        complete = inputs.paths == ("",) and selection.chosen == selection.found
        report = without_baseline(report, accepted, inputs.baseline, complete=complete)
    fail_on = inputs.fail_on or FailOn(settings.fail_on or "error")
    return Result(report, selection, failed=fails(report, fail_on))


def _settings(tree: DiskTree) -> Configuration:
    """The section of the repository's settings file that is about validation; empty without the file."""
    if tree.entry(SETTINGS) is None:
        return Configuration()
    try:
        return read_configuration(_text(tree, SETTINGS))
    except ConfigurationError as error:
        raise ConfigurationError(f"{SETTINGS}: {error}") from error


def _baseline(tree: DiskTree, path: str) -> Counter[tuple[str, str, str]] | None:
    if not path:
        return None
    try:
        return read_baseline(_text(tree, path))
    except ValueError as error:
        raise InputError(f"The input baseline names {path}, which cannot be used: {error}.") from error


def _text(tree: DiskTree, path: str) -> str:
    try:
        return tree.read(path).decode("utf-8")
    except (TooBigError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is too large or not UTF-8.") from error


def fails(report: ValidationReport, fail_on: FailOn) -> bool:
    """Whether the findings are what the workflow wants to fail on."""
    return fail_on is not FailOn.NEVER and report.worst().rank >= Severity(fail_on.value).rank


@dataclass(frozen=True, slots=True)
class Files:
    """Where the reports were written; `sarif` only when asked for."""

    report: Path
    sarif: Path | None


def write_reports(inputs: Inputs, report: ValidationReport, environ: Mapping[str, str]) -> Files:
    """Writes the JSON report below RUNNER_TEMP, and SARIF where the input says. Raises OSError."""
    folder = Path(environ.get("RUNNER_TEMP") or inputs.workspace) / "skill-fleet" / f"report-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.json"
    _replace(path, render_json(report))
    if inputs.sarif_file is not None:
        _replace(inputs.sarif_file, render_sarif(report, tool_version=_version()))
    return Files(report=path, sarif=inputs.sarif_file)


def _version() -> str:
    """The version of this copy of the Action."""
    with open(Path(__file__).resolve().parents[3] / "pyproject.toml", "rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _replace(path: Path, text: str) -> None:
    """Writes a new file and puts it there, so that a link planted under the name is replaced and not followed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with open(temporary, "x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(temporary, path)


def publish(inputs: Inputs, result: Result, files: Files, environ: Mapping[str, str]) -> None:
    """Tells the log, the job summary, the outputs and the pull request."""
    report = result.report
    totals = report.summary
    commands.set_outputs(
        environ,
        {
            "verdict": report.verdict.value,
            "errors": str(totals.errors),
            "warnings": str(totals.warnings),
            "skills": str(totals.skills),
            "report-file": str(files.report),
            "sarif-file": str(files.sarif) if files.sarif is not None else "",
        },
    )
    commands.add_summary(environ, render_job_summary(report, result.selection))
    say(commands.grouped("Findings", render_text(report)))
    say(render_github(report))
    if inputs.comment is Comment.STICKY:
        say(_comment(inputs, result, environ))


def _comment(inputs: Inputs, result: Result, environ: Mapping[str, str]) -> str:
    event = read_event(environ)
    if not isinstance(event, PullRequest):
        return "No comment: this run belongs to no pull request.\n"
    outcome = keep_comment(
        environ,
        event.number,
        marker(environ, inputs.paths),
        render_comment(result.report, result.selection, environ),
        worth_posting=bool(result.report.findings),
        from_fork=event.from_fork,
    )
    return commands.warning(outcome.message) if outcome.problem else f"{outcome.message}\n"


def say(text: str) -> None:
    """Writes to the log. Characters the runner's console cannot show are escaped."""
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()


def _unusable(message: str, environ: Mapping[str, str]) -> int:
    say(commands.error(message))
    try:
        commands.add_summary(environ, render_problem(message))
        commands.set_outputs(environ, {"verdict": "", "errors": "", "warnings": "", "skills": ""})
    except (commands.CommandFileError, OSError):
        return UNUSABLE  # the runner gave no files to write to; the error above is all that can be said
    return UNUSABLE
