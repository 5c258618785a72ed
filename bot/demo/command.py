"""`skill-fleet demo`: one request from issue to merged skill. Exit 0 as told, 1 when anything deviates, 2 no start."""

import argparse
import asyncio
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.text import Text

from bot.demo.narrator import Narrator
from bot.demo.people import DeviationError, People
from bot.demo.processes import DidNotStartError, Running, started
from bot.demo.story import Story

_PATIENCE, _PATIENCE_WITH_MODEL = 60.0, 900.0
_WIDTH_WHEN_PIPED = 110


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", action="store_true", help="leave sandbox and bot running afterwards, until Ctrl-C")
    parser.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        help=f"longest wait for a step of the bot (default: {_PATIENCE:.0f}, with a model {_PATIENCE_WITH_MODEL:.0f})",
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the conversation as an SVG picture there")
    parser.add_argument("--directory", type=Path, help="where state and logs go (default: a temporary one)")


def run(args: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends sandbox and bot on the way out
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_WHEN_PIPED)
    directory: Path = args.directory or Path(tempfile.mkdtemp(prefix="skill-fleet-demo-"))
    model = os.environ.get("SKILL_FLEET_MODEL", "")
    drafter = f"the model {model}" if model else "the outline drafter (no language model: SKILL_FLEET_MODEL is not set)"
    console.print(Text(f"Skill Fleet demo, drafted by {drafter}. State and logs: {directory}", style="dim"))
    try:
        with started(directory.resolve()) as running:
            picture = Console(width=92, record=True, file=io.StringIO()) if args.picture else None
            patience = args.patience or (_PATIENCE_WITH_MODEL if model else _PATIENCE)
            line = asyncio.run(_play(running, Narrator(console, with_model=bool(model), picture=picture), patience))
            if picture is not None:
                picture.print(Text(f"promoted {line}", style="bold green"), soft_wrap=True)
                args.picture.write_text(_svg(picture))
            console.print(Text(f"promoted {line}", style="bold green"), soft_wrap=True)
            if args.keep:
                _wait(running, console)
    except DidNotStartError as error:
        console.print(Text(str(error), style="bold red"), soft_wrap=True)
        return 2
    except DeviationError as error:
        console.print(Text(f"The demo deviated: {error}. Logs: {directory}", style="bold red"), soft_wrap=True)
        return 1
    if args.directory is None:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def _svg(picture: Console) -> str:
    """The recorded conversation; fonts are the reader's own, nothing is fetched."""
    svg = picture.export_svg(title="A request becomes a skill")
    return re.sub(r"@font-face\s*\{[^}]*\}", "", svg)


async def _play(running: Running, narrator: Narrator, patience: float) -> str:
    began = time.monotonic()
    async with aiohttp.ClientSession() as session:
        people = People(session, running.sandbox_url, running.repository, running.tokens)
        line = await Story(people, narrator, patience).play()
    narrator.console.print(Text(f"The whole road took {time.monotonic() - began:.1f} s.", style="dim"))
    return f"{running.repository}{line}"


def _wait(running: Running, console: Console) -> None:
    """Both processes stay until the person has seen enough."""
    console.print(
        f"\nOpen     {running.sandbox_url}/{running.repository} in a browser: the same, by hand, as any of its people\n"
        f"Sandbox  {running.sandbox_url}\nBot      {running.bot_url}\nJobs     {running.bot_url}/jobs\n"
        f"State    {running.directory}\n"
        "Both keep running. Stop with Ctrl-C.",
        soft_wrap=True,
    )
    try:
        while True:
            time.sleep(3_600)
    except KeyboardInterrupt:
        console.print("Stopping.")
