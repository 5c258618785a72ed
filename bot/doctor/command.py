"""`skill-fleet doctor`: exit 0 when nothing has to be repaired, 1 when something has, 2 for a usage error."""

import argparse
import asyncio
import datetime as dt
import os
import sys
from collections.abc import Mapping

from bot.doctor.installations import check_installations
from bot.doctor.local import check_app_id, check_database, check_key, check_settings, configured_model
from bot.doctor.model import ping_model
from bot.doctor.remote import Site, check_app, check_clock, check_webhook
from bot.doctor.report import Level, Line, as_json, as_text, problem, verdict
from bot.github.connection import GitHubOptions, connect
from bot.github.secrets import Secret, register_secret
from bot.settings import Settings
from bot.setup.command import webhook_url
from bot.setup.hosts import GitHubHost, HostError, github_host


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = "Look at settings, key, clock, App, webhook, permissions, database and labels."
    parser.add_argument("--url", default="", help="where GitHub should reach the service; compared with the webhook")
    parser.add_argument(
        "--model", action="store_true", help="also make one tiny call to the model (costs a few tokens)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look, print, and say by the exit status whether something has to be repaired."""
    try:
        expected = webhook_url(arguments.url) if arguments.url else ""
    except HostError as error:
        sys.stderr.write(f"skill-fleet doctor: {error}\n")
        return 2
    lines = asyncio.run(examine(os.environ, expected_webhook=expected, call_model=arguments.model))
    sys.stdout.write(as_json(lines) if arguments.json else as_text(lines))
    return 1 if verdict(lines) is Level.PROBLEM else 0


async def examine(environ: Mapping[str, str], *, expected_webhook: str, call_model: bool) -> list[Line]:
    """Every check, in the order in which things depend on each other."""
    settings, lines = check_settings(environ)
    if settings is None:
        return lines
    for secret in (*settings.webhook_secret, settings.model_api_key, settings.api_token):
        register_secret(secret.get_secret_value())
    lines += [check_app_id(settings), check_key(settings), await check_database(settings)]
    chosen, line = configured_model(settings)
    lines.append(await ping_model(chosen) if chosen is not None and call_model else line)
    try:
        host = github_host(settings.github_api_url)
    except HostError as error:
        return [*lines, problem("github", str(error), "Correct SKILL_FLEET_GITHUB_API_URL.")]
    lines.append(await check_clock(host, lambda: dt.datetime.now(dt.UTC)))
    blocked = any(each.level is Level.PROBLEM and each.check in {"app id", "private key", "github"} for each in lines)
    return lines if blocked else [*lines, *await _ask_github(settings, host, expected_webhook)]


async def _ask_github(settings: Settings, host: GitHubHost, expected_webhook: str) -> list[Line]:
    key = Secret(settings.github_private_key.get_secret_value())
    async with connect(GitHubOptions(settings.github_app_id, key, settings.github_api_url)) as connection:
        site = Site(connection, host, expected_webhook)
        app, lines = await check_app(site)
        if app is None:
            return lines
        return [*lines, *await check_webhook(site), *await check_installations(site, app)]
