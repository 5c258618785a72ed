"""What the Action shows in Markdown: the job summary and the comment. Pure.

The report is rendered as everywhere else; the Action adds what was compared, what is gone, and where to find the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.skills.action.selection import Selection
from pipeline.skills.findings import ValidationReport
from pipeline.skills.reports.summary_report import escape, render_summary

MAX_REMOVED = 50


def render_job_summary(report: ValidationReport, selection: Selection) -> str:
    """The job summary: which skills were checked and why, then the report."""
    return f"{render_summary(report)}{_scope(selection)}"


def render_comment(report: ValidationReport, selection: Selection, environ: Mapping[str, str]) -> str:
    """The comment: the same, with a link to the run."""
    return f"{render_summary(report)}{_scope(selection)}{_link(environ)}"


def render_problem(message: str) -> str:
    """The job summary when the step could not do its work."""
    return f"## Agent Skills: could not be checked\n\n{escape(message)}\n"


def _scope(selection: Selection) -> str:
    lines = [escape(selection.note)] if selection.note else []
    if selection.removed:
        more = len(selection.removed) - MAX_REMOVED
        names = ", ".join(escape(path) for path in selection.removed[:MAX_REMOVED])
        lines.append(f"Removed: {names}{f' and {more} more' if more > 0 else ''}.")
    return "".join(f"\n{line}\n" for line in lines)


def _link(environ: Mapping[str, str]) -> str:
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if not (server.startswith("https://") and repository and run.isdigit()):
        return ""
    return f"\n[All findings]({server}/{repository}/actions/runs/{run})\n"
