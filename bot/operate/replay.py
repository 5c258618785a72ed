"""`skill-fleet replay FILE --event NAME [--sign]`: send a stored payload to a running service, as GitHub would."""

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp

from bot.operate.session import UsageError
from bot.settings import SettingsError, load

PATIENCE_SECONDS = 30


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the payload, JSON as GitHub sent it")
    parser.add_argument("--event", required=True, help="the event's name, e.g. issue_comment")
    parser.add_argument("--delivery", help="delivery id; a new one unless given (a known one changes nothing)")
    parser.add_argument("--sign", action="store_true", help="sign with SKILL_FLEET_WEBHOOK_SECRET")
    parser.add_argument("--url", default="http://127.0.0.1:8080/webhook", help="where the service listens")


def run(arguments: argparse.Namespace) -> int:
    """Exit status: 0 accepted, 1 refused by the service, 2 nothing was sent."""
    try:
        body = _payload(arguments.file)
        headers = _headers(arguments, body)
        status, answer = asyncio.run(_post(_webhook(arguments.url), body, headers))
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        reason = f"{arguments.url} is no address; it looks like http://127.0.0.1:8080/webhook"
    except TimeoutError:
        reason = f"{arguments.url} did not answer within {PATIENCE_SECONDS} s; it may have taken the event"
    except (UsageError, ValueError, SettingsError, OSError, aiohttp.ClientError) as error:
        reason = str(error)
    else:
        sys.stdout.write(f"{status} {answer}\n")
        return 0 if 200 <= status < 300 else 1
    sys.stderr.write(f"skill-fleet replay: {reason}\n")
    return 2


def _payload(path: Path) -> bytes:
    try:
        body = path.read_bytes()
        json.loads(body)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    return body


def _webhook(url: str) -> str:
    """Where only the service is named, its webhook."""
    return url.rstrip("/") + "/webhook" if urlsplit(url).path in ("", "/") else url


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
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, data=body, headers=headers) as response,
    ):
        return response.status, await response.text()
