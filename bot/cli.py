"""`skill-fleet`: one console script, one lazily imported module per sub-command, so that `validate` stays light.

A sub-command's module has `configure(parser)` and `run(arguments) -> int`; it is imported only when asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

COMMANDS: dict[str, tuple[str, str]] = {
    "validate": ("pipeline.skills.command", "check skills against the specification and good practice"),
    "create": ("pipeline.create", "write a skill in the terminal; leaves a branch in a local repository"),
    "serve": ("bot.serve", "run the GitHub bot"),
    "jobs": ("bot.operate.jobs", "look at jobs, try again, export and import"),
    "inbox": ("bot.operate.inbox", "look at stored events, requeue or drop them"),
    "replay": ("bot.operate.replay", "send a stored payload to a running service"),
    "optimize": ("bot.operate.optimize", "learn better instructions from merged and rejected requests"),
    "doctor": ("bot.doctor.command", "look whether everything is set up well, and say what to do"),
    "setup": ("bot.setup.command", "create the GitHub App and write its settings"),
    "sandbox": ("bot.sandbox.command", "run a GitHub stand-in on this machine, to try the bot without an account"),
    "demo": ("bot.demo.command", "play one request from issue to merged skill, on this machine alone"),
}
"""Sub-command -> the module that implements it, and one line for the help."""


class Command(Protocol):
    """What a sub-command's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declares its arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Does it, and returns the exit status."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a sub-command; returns its exit status (2 for a usage error, 130 when interrupted)."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="skill-fleet", description="Agent Skills: requested, written, validated.")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    chosen = next((word for word in words if not word.startswith("-")), None)
    modules: dict[str, Command] = {}
    for name, (module, summary) in COMMANDS.items():
        command_parser = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            modules[name] = cast(Command, import_module(module))
            modules[name].configure(command_parser)
    arguments = parser.parse_args(words)
    if arguments.version:
        from importlib.metadata import version

        sys.stdout.write(f"skill-fleet {version('skill-fleet')}\n")
        return 0
    if arguments.command is None:
        parser.print_help()
        return 2
    return modules[arguments.command].run(arguments)
