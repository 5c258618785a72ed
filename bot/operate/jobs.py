"""`skill-fleet jobs list|show|retry|cancel|export|import`: the jobs of a service, from the terminal."""

import argparse
import json
import re
import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from bot.figures.jobs import job_summary, timeline_entry
from bot.jobs.job import JobStatus
from bot.operate.archive import export_to, import_from
from bot.operate.orders import Order, give
from bot.operate.session import UsageError, add_database, number, print_table, run_quietly, run_with_stores
from bot.store.inbox import SET_ASIDE
from bot.store.jobs import JobRow
from bot.store.stores import Stores
from pipeline.report import report_of


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="last changed first")
    listing.add_argument("--status", action="append", choices=[status.value for status in JobStatus], default=[])
    listing.add_argument("--repository", metavar="OWNER/NAME")
    listing.add_argument("--limit", type=number, default=50)
    listing.add_argument("--json", action="store_true", help="one JSON object per line")
    show = actions.add_parser("show", help="one job with its timeline, as JSON")
    report = actions.add_parser("report", help="the validation report and quality assessment, as JSON")
    retry = actions.add_parser("retry", help="requeue what was set aside, and take up a job that stopped")
    cancel = actions.add_parser(
        "cancel", help="stop the work on a request, as `/skill cancel` does; nothing is deleted"
    )
    for one in (show, report, retry, cancel):
        one.add_argument("job", metavar="OWNER/NAME#N", help="or the job's key, e.g. 123:4")
    out = actions.add_parser("export", help="write everything but the engine's own records to a file")
    out.add_argument("file", type=Path)
    into = actions.add_parser("import", help="read such a file into an empty database")
    into.add_argument("file", type=Path)
    for action in (out, into):
        action.add_argument(
            "--state", metavar="URL", help="the git repository whose workflow runs keep the jobs (no-server mode)"
        )
    for action in (listing, show, report, retry, cancel, out, into):
        add_database(action)


def run(arguments: argparse.Namespace) -> int:
    async def work(stores: Stores) -> None:
        match arguments.action:
            case "list":
                await _list(stores, arguments)
            case "show":
                await _show(stores, await _find(stores, arguments.job))
            case "report":
                _report(await _find(stores, arguments.job))
            case "retry" | "cancel" as order:
                await _order(stores, await _find(stores, arguments.job), Order(order))
            case "export":
                _say(f"exported {await export_to(stores.database, arguments.file)} rows to {arguments.file}")
            case "import":
                _say(f"imported {await import_from(stores.database, arguments.file)} rows from {arguments.file}")

    if getattr(arguments, "state", None):
        return run_quietly(arguments, lambda: _move(arguments))
    return run_with_stores(arguments, work, make=arguments.action == "import")


async def _move(arguments: argparse.Namespace) -> None:
    from bot.noserver.moving import export_state, import_state  # git and models, which no other action needs
    from bot.noserver.state import StateError

    try:
        if arguments.action == "export":
            _say(f"exported {await export_state(arguments.state, arguments.file)} rows to {arguments.file}")
        else:
            _say(f"imported {await import_state(arguments.state, arguments.file)} rows from {arguments.file}")
    except StateError as error:
        raise UsageError(str(error)) from None


async def _list(stores: Stores, arguments: argparse.Namespace) -> None:
    owner, _, name = (arguments.repository or "").partition("/")
    if arguments.repository and not (owner and name):
        raise UsageError(f"--repository takes OWNER/NAME, not {arguments.repository!r}")
    rows = await stores.jobs.list_jobs(
        statuses=[JobStatus(value) for value in arguments.status],
        owner=owner or None,
        name=name or None,
        limit=arguments.limit,
    )
    if arguments.json:
        for row in rows:
            _say(json.dumps(job_summary(row)))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "status", "phase", "cost", "changed", "title"):
        table.add_column(heading)
    for row in rows:
        job, cost = row.job, row.cost_usd
        table.add_row(
            f"{job.repository.full_name}#{job.issue_number}",
            job.status.value,
            job.journey.phase,
            f"${cost:.4f}" if cost is not None else "-",
            job.updated_at.isoformat(" ", "seconds"),
            Text(job.title),  # a person wrote it: no markup
        )
    print_table(table)


async def _show(stores: Stores, row: JobRow) -> None:
    timeline = [timeline_entry(entry) for entry in await stores.timeline.of(row.job.key)]
    aside = await stores.inbox.list_entries(state=SET_ASIDE, key=row.job.key)
    problems = [{"inbox": entry.id, "event": entry.event, "reason": entry.error} for entry in aside]
    still = await stores.inbox.list_entries(key=row.job.key)
    waiting = [{"inbox": entry.id, "event": entry.event, "reason": entry.error} for entry in still if entry.error]
    _say(json.dumps({**job_summary(row), "waits_for": waiting, "set_aside": problems, "timeline": timeline}, indent=2))


async def _order(stores: Stores, row: JobRow, order: Order) -> None:
    given = await give(stores, row, order)
    if given.refused:
        raise UsageError(given.refused)
    for line in given.told:
        _say(line)


def _report(row: JobRow) -> None:
    report = report_of(row.job.journey)
    if report is None:
        raise UsageError(f"{row.job.key}: nothing has been validated yet")
    _say(report.model_dump_json(indent=2))


async def _find(stores: Stores, name: str) -> JobRow:
    if match := re.fullmatch(r"([^/#\s]+)/([^/#\s]+)#([1-9]\d{0,8})", name):
        row = await stores.jobs.find_by_issue(match[1], match[2], int(match[3]))
    else:
        row = await stores.jobs.find(name)
    if row is None:
        raise UsageError(f"there is no job {name}; `skill-fleet jobs list` shows those there are")
    return row


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
