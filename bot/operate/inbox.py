"""`skill-fleet inbox list|show|requeue|drop`: the stored events of a service, from the terminal."""

import argparse
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from bot.operate.session import UsageError, add_database, number, print_table, run_with_stores
from bot.store.inbox import SET_ASIDE, InboxEntry
from bot.store.stores import Stores


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="newest first")
    listing.add_argument("--state", choices=("open", SET_ASIDE, "all"), default="open")
    listing.add_argument("--limit", type=number, default=50)
    show = actions.add_parser("show", help="one event with its body: what a person wrote, treat it as such")
    requeue = actions.add_parser("requeue", help="open events again, whatever became of them")
    drop = actions.add_parser("drop", help="close events, open or set aside, without dealing with them")
    for several in (requeue, drop):
        several.add_argument("ids", nargs="+", type=number, metavar="ID")
    show.add_argument("id", type=number)
    for action in (listing, show, requeue, drop):
        add_database(action)


def run(arguments: argparse.Namespace) -> int:
    async def work(stores: Stores) -> None:
        match arguments.action:
            case "list":
                _print(await stores.inbox.list_entries(state=arguments.state, limit=arguments.limit))
            case "show":
                await _show(stores, arguments.id)
            case "requeue":
                keys = await stores.inbox.requeue(await _known(stores, arguments.ids), datetime.now(UTC))
                sys.stdout.write(f"open again; jobs concerned: {', '.join(found.key for found in keys)}\n")
            case "drop":
                wanted = await _known(stores, arguments.ids)
                dropped = await stores.inbox.drop(wanted, datetime.now(UTC))
                late = sorted(set(wanted) - dropped)
                sys.stdout.write(f"dropped: {_listed(dropped)}; dealt with before: {_listed(late)}\n")

    return run_with_stores(arguments, work)


async def _known(stores: Stores, ids: list[int]) -> list[int]:
    unknown = [id_ for id_ in ids if await stores.inbox.entry(id_) is None]
    if unknown:
        raise UsageError(f"there is no event {', '.join(map(str, unknown))}; nothing was changed")
    return ids


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(ids))) or "none"


async def _show(stores: Stores, id_: int) -> None:
    entry = await stores.inbox.entry(id_)
    if entry is None:
        raise UsageError(f"there is no event {id_}")
    told = {
        "id": entry.id,
        "delivery": entry.delivery,
        "job": entry.key,
        "event": entry.event,
        "action": entry.action,
        "received_at": entry.received_at.isoformat(),
        "state": _state(entry),
        "attempts": entry.attempts,
        "error": entry.error,
    }
    sys.stdout.write(json.dumps(told, indent=2) + "\n" + ascii(entry.body.decode("utf-8", "replace")) + "\n")


def _print(entries: list[InboxEntry]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "job", "event", "received", "state", "tries", "reason"):
        table.add_column(heading)
    for entry in entries:
        received = entry.received_at.isoformat(" ", "seconds")
        name, reason = f"{entry.event}.{entry.action}", Text(entry.error or "")
        table.add_row(str(entry.id), entry.key, name, received, _state(entry), str(entry.attempts), reason)
    print_table(table)


def _state(entry: InboxEntry) -> str:
    return "open" if entry.done_by is None else entry.done_by
