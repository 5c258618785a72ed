"""`skill-fleet setup`: create the GitHub App and write its settings. Exit 0 done, 1 GitHub declined, 2 refused."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from bot.setup.exchange import ExchangeError, NewApp, exchange
from bot.setup.files import AlreadyConfiguredError, Target, UnwritableError, refuse_if_configured, write_files
from bot.setup.hosts import GITHUB_COM_API, GitHubHost, HostError, checked_login, checked_url, github_host
from bot.setup.manifest import MAX_NAME, Manifest, Visibility, manifest
from bot.setup.pages import static_page
from bot.setup.server import Plan, serve


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = "Create the GitHub App in your browser and write its settings and private key (mode 0600)."
    parser.add_argument("--url", help="where GitHub reaches the service, e.g. https://skills.example.com")
    parser.add_argument("--organization", default="", help="who owns the App; left out: your own account")
    parser.add_argument("--name", default="", help="the App's name, unique on this GitHub (default: Skill Fleet ...)")
    parser.add_argument("--public", action="store_true", help="let other accounts install the App")
    parser.add_argument(
        "--github-api-url",
        default=os.environ.get("SKILL_FLEET_GITHUB_API_URL") or GITHUB_COM_API,
        help="REST root; GitHub Enterprise Server: https://HOST/api/v3",
    )
    parser.add_argument("--folder", type=Path, default=Path(), help="where the two files are written (default: here)")
    parser.add_argument("--port", type=int, default=0, help="port of the page on 127.0.0.1 (default: a free one)")
    parser.add_argument("--static", type=Path, metavar="FILE", help="only write a page for your web server to hand out")
    parser.add_argument("--page-url", default="", help="with --static: the address that page will have")
    parser.add_argument("--code", default="", help="finish a set-up begun on such a page")


def run(arguments: argparse.Namespace) -> int:
    """Does it."""
    try:
        return _run(arguments)
    except (HostError, AlreadyConfiguredError, UnwritableError, ValueError) as error:
        return _fail(str(error), 2)
    except ExchangeError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"cannot listen on 127.0.0.1:{arguments.port}: {error.strerror or error}", 2)


def _run(arguments: argparse.Namespace) -> int:
    host = github_host(arguments.github_api_url)
    organization = checked_login(arguments.organization) if arguments.organization else ""
    target = Target(arguments.folder)
    if arguments.code:
        refuse_if_configured(target, os.environ)
        app = asyncio.run(_finish(host, target, arguments.code))
        return _done(app, host, target)
    webhook = webhook_url(arguments.url or "")
    name = arguments.name or default_name(organization)
    visibility = Visibility.PUBLIC if arguments.public else Visibility.PRIVATE

    def make(redirect_url: str) -> Manifest:
        return manifest(
            name=name,
            homepage=webhook.removesuffix("/webhook"),
            webhook_url=webhook,
            redirect_url=redirect_url,
            visibility=visibility,
        )

    if arguments.static:
        return _write_static(arguments, make(checked_url(arguments.page_url, "--page-url")), host, organization)
    make("http://127.0.0.1/created")
    refuse_if_configured(target, os.environ)
    app = asyncio.run(serve(Plan(host, organization, make, target, dict(os.environ)), arguments.port, _announce))
    return _done(app, host, target)


def webhook_url(url: str) -> str:
    """The address of deliveries for a service at `url`. Raises HostError."""
    if not url:
        raise HostError("--url is needed: the address at which GitHub reaches the service (https://...)")
    base = checked_url(url, "--url")
    return base if urlsplit(base).path.endswith("/webhook") else f"{base}/webhook"


def default_name(organization: str) -> str:
    """A name that says whose it is; names are unique on a GitHub."""
    return f"Skill Fleet {organization}".strip()[:MAX_NAME].strip()


async def _finish(host: GitHubHost, target: Target, code: str) -> NewApp:
    async with aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar()) as session:
        app = await exchange(session, host, code)
    write_files(target, app, host)
    return app


def _write_static(arguments: argparse.Namespace, content: Manifest, host: GitHubHost, organization: str) -> int:
    command = ["skill-fleet", "setup"]
    if host.api != GITHUB_COM_API:
        command += ["--github-api-url", host.api]
    page = static_page(content, host, organization, tuple(command))
    try:
        arguments.static.write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise UnwritableError(f"{arguments.static} cannot be written: {error.strerror}") from error
    _say(f"Wrote {arguments.static}. Serve it at {content['redirect_url']} and open it there.")
    return 0


def _announce(url: str) -> None:
    _say(
        "Open this address in a browser on this machine (it works once):\n\n"
        f"    {url}\n\n"
        "On a remote machine forward the port first: ssh -L PORT:127.0.0.1:PORT HOST, with the port above.\n"
        "Waiting for GitHub; Ctrl-C stops."
    )


def _done(app: NewApp, host: GitHubHost, target: Target) -> int:
    _say(
        f"The App {app.slug} ({app.id}) is set up.\n"
        f"  settings     {target.environment}\n"
        f"  private key  {target.key}\n\n"
        "Next:\n"
        f"  1. Install it on your repositories: {app.install_url(host)}\n"
        f"  2. Load the settings:               set -a; . {target.environment.absolute()}; set +a\n"
        "  3. Look whether all is well:        skill-fleet doctor\n"
        "  4. Start:                           skill-fleet serve\n\n"
        "A model is optional: SKILL_FLEET_MODEL=PROVIDER/NAME and SKILL_FLEET_MODEL_API_KEY (docs/configuration.md)."
    )
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(reason: str, status: int) -> int:
    sys.stderr.write(f"skill-fleet setup: {reason}\n")
    return status
