"""`skill-fleet sandbox`: run a sandbox until interrupted. Exit 2 when its directory or port cannot be used."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bot.sandbox.seeding import Seed, folder_files
from bot.sandbox.server import Sandbox, StateDirectoryError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", choices=["127.0.0.1", "::1", "localhost"], help="loopback address"
    )
    parser.add_argument("--port", type=int, default=8480, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument("--state-dir", type=Path, help="where repositories and secrets go (default: a temporary one)")
    parser.add_argument("--webhook-url", default="", help="where the App's webhook deliveries are sent")
    parser.add_argument("--webhook-secret", help="the webhook's secret (default: a random one)")
    parser.add_argument("--seed-dir", type=Path, help="files laid over the example repository's content")
    parser.add_argument(
        "--enterprise", action="store_true", help="serve the API below /api/v3, as Enterprise Server does"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the connection as one line of JSON, secrets included"
    )


def run(args: argparse.Namespace) -> int:
    seed_dir: Path | None = args.seed_dir
    if seed_dir is not None and not seed_dir.is_dir():
        sys.stderr.write(f"skill-fleet sandbox: --seed-dir {seed_dir} is not a directory\n")
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="skill-fleet-sandbox-") as temporary:
            asyncio.run(_serve(args, args.state_dir or Path(temporary) / "state"))
    except (StateDirectoryError, OSError) as error:
        sys.stderr.write(f"skill-fleet sandbox: {error}\n")
        return 2
    return 0


async def _serve(args: argparse.Namespace, state_dir: Path) -> None:
    seed = replace(Seed(), files=folder_files(args.seed_dir))
    sandbox = await Sandbox.create(
        state_dir,
        seed,
        host=args.host,
        port=args.port,
        webhook_url=args.webhook_url,
        webhook_secret=args.webhook_secret,
        enterprise=args.enterprise,
    )
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sys.stdout.write((json.dumps(sandbox.connection()) if args.json else _welcome(sandbox)) + "\n")
    sys.stdout.flush()
    try:
        await stop.wait()
    finally:
        await sandbox.close()


def _welcome(sandbox: Sandbox) -> str:
    return "\n".join(
        [
            f"GitHub sandbox on {sandbox.url} (API: {sandbox.api_url})",
            f"  in a browser {sandbox.url}/{sandbox.repository.full_name}",
            f"  App          {sandbox.app.slug}, id {sandbox.app.id}",
            f"  private key  {sandbox.private_key_file}",
            f"  connection   {sandbox.world.root / 'sandbox.json'} (tokens of the people, webhook secret)",
            "Stop with Ctrl-C.",
        ]
    )
