"""The `validate` step: inputs and event in; log, annotations, job summary, outputs, report files and comment out.

Exit status 0 passed, 1 findings at or above `fail-on`, 2 the step could not do its work. Outputs and the job summary
are written in every case; an unforeseen error is reported as ours, with its traceback in the log.
"""

from __future__ import annotations

import os
import secrets
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.skills.action import commands
from pipeline.skills.action.annotations import render_annotations
from pipeline.skills.action.changes import ChangesError, Everything, find_changes
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
from pipeline.skills.action.summary import render_comment, render_problem, render_summary
from pipeline.skills.files import DiskTree
from pipeline.skills.findings import Severity, ValidationReport
from pipeline.skills.reports.json_report import render_json
from pipeline.skills.reports.text_report import render_text
from pipeline.skills.subject import Subject
from pipeline.skills.validation import Options, summarize, validate_directories

PASSED, FOUND, UNUSABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Result:
    """What was checked and what came of it."""

    report: ValidationReport
    selection: Selection


def run(environ: Mapping[str, str]) -> int:
    """Does the step and returns its exit status."""
    try:
        inputs = read_inputs(environ)
        result = check(inputs, environ)
        files = write_reports(inputs, result.report, environ)
        publish(inputs, result, files, environ)
    except (InputError, EventError, ChangesError, NothingToCheckError, commands.CommandFileError, OSError) as error:
        return _unusable(str(error), environ)
    except Exception:
        say(commands.grouped("Traceback", traceback.format_exc()))
        return _unusable("The validator failed on an error of its own; the traceback is in the log above.", environ)
    return FOUND if failed(result.report, inputs.fail_on) else PASSED


def check(inputs: Inputs, environ: Mapping[str, str]) -> Result:
    """Validates what the inputs and the event ask for. Raises what makes that impossible."""
    tree = DiskTree(inputs.workspace)
    options = Options(profile=inputs.profile)
    if inputs.scope is Scope.ALL:
        selection = select_all(tree, inputs.paths)
        return Result(validate_directories(tree, selection.chosen, options=options), selection)
    changes = find_changes(inputs.workspace, read_event(environ), environ)
    selection = select_changed(tree, inputs.paths, changes)
    if isinstance(changes, Everything):
        return Result(validate_directories(tree, selection.chosen, options=options), selection)
    chosen = frozenset(selection.chosen)
    siblings = [summarize(Subject(tree, skill)) for skill in selection.found if skill not in chosen]
    report = validate_directories(tree, selection.chosen, options=options, siblings=siblings)
    kept = tuple(finding for finding in report.repository if concerns_change(finding, selection, changes))
    return Result(replace(report, repository=kept), selection)


def failed(report: ValidationReport, fail_on: FailOn) -> bool:
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
    return Files(report=path, sarif=None)


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
    commands.add_summary(environ, render_summary(report, result.selection))
    say(commands.grouped("Findings", render_text(report)))
    say(render_annotations(report))
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
