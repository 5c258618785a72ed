"""`make chaos`: play a run and judge it. SEED, REQUESTS, KILLS, DATABASE=sqlite|postgres; exit 1 unless clean."""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.run import Plan, Record, played
from tests.chaos.verdict import Verdict, judge
from tests.databases import running_postgres


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or random.randrange(10_000)))
    parser.add_argument("--requests", type=int, default=int(os.environ.get("REQUESTS") or 60))
    parser.add_argument("--kills", type=int, default=int(os.environ.get("KILLS") or 40))
    parser.add_argument("--database", choices=("sqlite", "postgres"), default=os.environ.get("DATABASE") or "sqlite")
    parser.add_argument("--folder", type=Path, help="where state and logs go (default: a temporary one that stays)")
    arguments = parser.parse_args()
    folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="skill-fleet-chaos-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"seed {arguments.seed}; state and logs: {folder}", highlight=False)
    with ExitStack() as stack:
        if arguments.database == "postgres":
            url = stack.enter_context(running_postgres()).new_database()
        else:
            url = f"sqlite:///{folder / 'bot.db'}"
        bots = 3 if arguments.database == "postgres" else 1
        plan = Plan(arguments.seed, arguments.requests, arguments.kills, url, bots)
        record, verdict = asyncio.run(_play(plan, folder))
    console.print(_table(record, verdict))
    for problem in verdict.problems()[:100]:
        console.print(problem, highlight=False, soft_wrap=True, markup=False)
    console.print(verdict.line(), highlight=False)
    return 0 if verdict.is_clean else 1


async def _play(plan: Plan, folder: Path) -> tuple[Record, Verdict]:
    async with played(plan, folder) as record:
        with (folder / "model.jsonl").open("w") as log:
            log.writelines(json.dumps(asdict(ask)) + "\n" for ask in record.model.asks)
        return record, await judge(record)


def _table(record: Record, verdict: Verdict) -> Table:
    plan = record.plan
    database = "PostgreSQL, three processes" if plan.is_postgres else "SQLite, one process"
    table = Table(title=f"chaos: {database}, seed {plan.seed}", title_justify="left", box=None, pad_edge=False)
    table.add_column("what")
    table.add_column("count", justify="right")
    done = sum(request.done for request in record.requests)
    table.add_row("requests that came to the end people chose", f"{done} of {plan.requests}")
    table.add_row("seconds", f"{record.seconds:.0f}")
    table.add_row("kills (SIGKILL), of these perhaps before ready", f"{record.kills}, {record.kills_at_start}")
    if plan.is_postgres:
        table.add_row("killed for good; frozen past the lease and thawed", f"1; {record.froze}")
    table.add_row("processes that ended themselves", ", ".join(record.ended_by_themselves) or "0")
    for what, count in sorted(record.trouble.items()):
        table.add_row(what, str(count))
    for what, text in sorted(verdict.notes.items()):
        table.add_row(what, text)
    table.add_row("requests that failed and went on by /skill retry", str(sum(r.retries for r in record.requests)))
    table.add_row("longest time from an answer to the kill that took it", f"{verdict.longest_gap:.2f} s")
    return table


if __name__ == "__main__":
    sys.exit(main())
