"""`skill-fleet replay FILE --event NAME [--sign]`: send a stored payload to a running service, as GitHub would."""

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
from pathlib import Path
from uuid import uuid4

import aiohttp

from bot.settings import SettingsError, load


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the payload, JSON as GitHub sent it")
    parser.add_argument("--event", required=True, help="the event's name, e.g. issue_comment")
    parser.add_argument("--delivery", help="delivery id; a new one unless given (a known one changes nothing)")
    parser.add_argument("--sign", action="store_true", help="sign with SKILL_FLEET_WEBHOOK_SECRET")
    parser.add_argument("--url", default="http://127.0.0.1:8080/webhook", help="where the service listens")


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 accepted, 1 refused by the service, 2 nothing was sent."""
    try:
        body = arguments.file.read_bytes()
        json.loads(body)
        headers = _headers(arguments, body)
        status, answer = asyncio.run(_post(arguments.url, body, headers))
    except (OSError, ValueError, SettingsError, aiohttp.ClientError) as error:
        sys.stderr.write(f"skill-fleet replay: {error}\n")
        return 2
    sys.stdout.write(f"{status} {answer}\n")
    return 0 if 200 <= status < 300 else 1


def _headers(arguments: argparse.Namespace, body: bytes) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": arguments.event,
        "X-GitHub-Delivery": arguments.delivery or str(uuid4()),
    }
    if arguments.sign:
        secret = load().webhook_secrets[0]
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return headers


async def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        return response.status, await response.text()
