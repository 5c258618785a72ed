"""What GitHub says about the App: the clock, who it is, its webhook, its installations and their repositories.

Reads only. A check that GitHub does not answer is a line, never an exception.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
from pydantic import Field

from bot import repo_config
from bot.doctor.report import Line, ok, problem, warn
from bot.github.client import GitHubApi, GitHubClient, Transport
from bot.github.connection import Connection
from bot.github.errors import GitHubError, GoneError, UnauthorizedError
from bot.github.models import Account, App, FileContent, HookDelivery, InstallationToken, Label, Remote
from bot.github.pacing import Pacer
from bot.github.secrets import Secret
from bot.setup.hosts import GitHubHost, is_loopback
from bot.setup.manifest import EVENTS, missing_permissions, required_permissions

SKEW_TO_LOOK_AT = dt.timedelta(seconds=10)
SKEW_TO_REPAIR = dt.timedelta(seconds=60)
"""GitHub refuses an App's signature that lies this far in the future."""
MAX_REPOSITORIES = 25
RECENT_DELIVERIES = 100
_TIMEOUT = aiohttp.ClientTimeout(total=15)


class HookConfig(Remote):
    """The App's webhook; `secret` is masked by GitHub and empty when there is none."""

    url: str = ""
    content_type: str = ""
    insecure_ssl: str | int = "0"
    secret: str = ""


class Installation(Remote):
    """Where the App is installed and what its owner allows."""

    id: int
    account: Account | None = None
    permissions: dict[str, str] = Field(default_factory=dict)
    suspended_at: dt.datetime | None = None

    @property
    def owner(self) -> str:
        return self.account.login if self.account else "?"

    @property
    def organization(self) -> str:
        return self.owner if self.account and self.account.type == "Organization" else ""


class InstalledRepository(Remote):
    """A repository that an installation reaches."""

    name: str
    full_name: str
    owner: Account
    archived: bool = False


@dataclass(frozen=True)
class Site:
    """Where and how to look. `expected_webhook` is empty when the operator did not say where the service is."""

    connection: Connection
    host: GitHubHost
    expected_webhook: str = ""


async def check_clock(host: GitHubHost, now: Callable[[], dt.datetime]) -> Line:
    """This machine's clock against GitHub's `Date` header, to the second."""
    try:
        async with (
            aiohttp.ClientSession(trust_env=True, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(f"{host.api}/rate_limit", allow_redirects=False, timeout=_TIMEOUT) as response,
        ):
            header = response.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        reason = str(error) or type(error).__name__
        return problem(
            "github",
            f"{host.api} cannot be reached: {reason}",
            "Check SKILL_FLEET_GITHUB_API_URL, DNS, the proxy (HTTPS_PROXY) and the firewall.",
        )
    try:
        skew = abs(now() - parsedate_to_datetime(header))
    except (TypeError, ValueError):
        return warn("clock", "GitHub did not say what time it is", "Look whether a proxy answers in its place.")
    seconds = f"{skew.total_seconds():.0f} s from GitHub's clock"
    fix = "Let this machine keep time by NTP (chrony, systemd-timesyncd)."
    if skew >= SKEW_TO_REPAIR:
        return problem("clock", f"{seconds}: the App's signatures are refused", fix)
    return warn("clock", seconds, fix) if skew >= SKEW_TO_LOOK_AT else ok("clock", seconds)


async def check_app(site: Site) -> tuple[App | None, list[Line]]:
    """Is the App who it says, and does it ask for what it needs?"""
    try:
        app = await site.connection.app.getitem("/app", {}, App)
    except UnauthorizedError as error:
        fix = "The id and the private key do not belong together. Check SKILL_FLEET_GITHUB_APP_ID and the key file."
        return None, [problem("app", f"GitHub refuses the App's signature: {error.message}", fix)]
    except GoneError:
        fix = "Check SKILL_FLEET_GITHUB_APP_ID; the App may have been deleted, or lives on another GitHub."
        return None, [problem("app", f"{site.host.web} knows no App with this id", fix)]
    except GitHubError as error:
        return None, [problem("app", str(error), "Try again; look at https://www.githubstatus.com if it stays.")]
    return app, [ok("app", f"{app.slug} ({app.id}) on {site.host.web}"), *_judge_app(app, site.host)]


def _judge_app(app: App, host: GitHubHost) -> list[Line]:
    where = host.app_settings(app.slug)
    lines = []
    if missing := missing_permissions(app.permissions):
        fix = f"Add them at {where}/permissions (an organization's App: in its settings), then approve them."
        lines.append(problem("app permissions", f"the App does not ask for {_listed(missing)}", fix))
    more = {name: level for name, level in app.permissions.items() if name not in required_permissions()}
    if more:
        fix = f"Take them away at {where}/permissions: less can go wrong."
        lines.append(warn("app permissions", f"the App asks for more than it needs: {_listed(more)}", fix))
    if unheard := [event for event in EVENTS if event not in app.events]:
        fix = f"Subscribe to them at {where}/permissions."
        lines.append(problem("app events", f"the App does not hear {', '.join(unheard)}", fix))
    return lines or [ok("app permissions", "the App asks for what it needs, and for nothing more")]


async def check_webhook(site: Site) -> list[Line]:
    """Will deliveries come here, signed, as JSON, over a verified connection? And did the last ones?"""
    try:
        hook = await site.connection.app.getitem("/app/hook/config", {}, HookConfig)
    except GitHubError as error:
        return [problem("webhook", str(error), "Activate the webhook in the App's settings.")]
    lines = _judge_hook(hook, site.expected_webhook)
    if not hook.url:
        return lines
    return [*lines, await _check_deliveries(site.connection.app)]


def _judge_hook(hook: HookConfig, expected: str) -> list[Line]:
    if not hook.url:
        return [
            problem("webhook", "the App has no webhook address", "Set it in the App's settings: https://.../webhook")
        ]
    lines = []
    parts = urlsplit(hook.url)
    if expected and hook.url != expected:
        lines.append(problem("webhook", f"deliveries go to {hook.url}, not to {expected}", "Correct it in the App."))
    elif not parts.path.endswith("/webhook"):
        lines.append(warn("webhook", f"deliveries go to {hook.url}", "The service takes them at /webhook."))
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        lines.append(problem("webhook", f"{hook.url} is not https", "Put TLS in front and correct the address."))
    if hook.content_type not in {"", "json"}:
        fix = "Choose `application/json` as content type in the App's settings."
        lines.append(problem("webhook", f"deliveries come as {hook.content_type}", fix))
    if str(hook.insecure_ssl) == "1":
        lines.append(
            problem("webhook", "GitHub does not verify the certificate", "Enable SSL verification in the App.")
        )
    if not hook.secret:
        fix = "Set the App's webhook secret to the value of SKILL_FLEET_WEBHOOK_SECRET."
        lines.append(problem("webhook", "the App signs nothing: it has no webhook secret", fix))
    return lines or [ok("webhook", hook.url)]


async def _check_deliveries(app: GitHubApi) -> Line:
    seen: list[HookDelivery] = []
    try:
        template = "/app/hook/deliveries?per_page={count}"
        async for delivery in app.getiter(template, {"count": RECENT_DELIVERIES}, HookDelivery):
            seen.append(delivery)
            if len(seen) >= RECENT_DELIVERIES:
                break
    except GitHubError as error:
        return warn("deliveries", str(error), "Look at the App's settings, Advanced, Recent deliveries.")
    return judge_deliveries(seen)


def judge_deliveries(seen: Sequence[HookDelivery]) -> Line:
    """Newest first, as GitHub lists them. What was accepted on a later try counts as accepted."""
    accepted = {each.guid for each in seen if 200 <= each.status_code < 300}
    failed = [each for each in seen if each.guid not in accepted]
    if not seen:
        return ok("deliveries", "none yet")
    if not failed:
        return ok("deliveries", f"the last {len(seen)} were accepted")
    latest = failed[0]
    status = latest.status_code or "no answer"
    meaning = {401: "wrong secret", 403: "wrong secret", 404: "wrong address", 503: "could not be stored"}
    reason = f"{status} ({meaning[latest.status_code]})" if latest.status_code in meaning else str(status)
    when = f"{latest.delivered_at:%Y-%m-%d %H:%M} UTC"
    return warn(
        "deliveries",
        f"{len(failed)} of the last {len(seen)} were not accepted, the latest at {when}: {reason}",
        "The running service asks for them again by itself; if they keep failing see docs/operations.md.",
    )


async def check_installations(site: Site, app: App) -> list[Line]:
    """Every installation: suspended, permissions granted, and its repositories."""
    found: list[Installation] = []
    try:
        async for installation in site.connection.app.getiter("/app/installations", {}, Installation):
            found.append(installation)
    except GitHubError as error:
        return [problem("installations", str(error), "Try again.")]
    if not found:
        fix = f"Install it: {site.host.install(app.slug)}"
        return [warn("installations", "the App is installed nowhere, so it hears nothing", fix)]
    lines: list[Line] = []
    for installation in found:
        lines += await _check_installation(site, installation)
    return lines


async def _check_installation(site: Site, installation: Installation) -> list[Line]:
    name = f"installation {installation.owner}"
    if installation.suspended_at is not None:
        return [warn(name, "suspended", "Its owner can take it up again in the account's settings.")]
    if missing := missing_permissions(installation.permissions):
        link = site.host.approve_permissions(installation.id, installation.organization)
        fix = f"Let the account's owner accept them at {link}"
        return [problem(name, f"not granted: {_listed(missing)}", fix)]
    lines = [ok(name, "everything granted that is needed")]
    try:
        lines += await _check_repositories(site, installation)
    except GitHubError as error:
        lines.append(problem(name, f"its repositories cannot be looked at: {error}", "Try again."))
    return lines


async def _check_repositories(site: Site, installation: Installation) -> list[Line]:
    async with _reading(site, installation) as api:
        found: list[InstalledRepository] = []
        more = False
        template = "/installation/repositories?per_page=100"
        async for repository in api.getiter(template, {}, InstalledRepository, key="repositories"):
            if repository.archived:
                continue
            if len(found) == MAX_REPOSITORIES:
                more = True
                break
            found.append(repository)
        lines = [await _check_repository(api, repository) for repository in found]
    if more:
        lines.append(ok(f"installation {installation.owner}", f"more repositories; looked at {MAX_REPOSITORIES}"))
    return lines


class _OneToken:
    """The credential of one short look: it is not renewed."""

    scheme: Literal["token"] = "token"

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def secret(self) -> Secret:
        return self._token

    async def after_401(self, rejected: Secret, attempt: int, headers: Mapping[str, str]) -> Secret | None:
        return None


@asynccontextmanager
async def _reading(site: Site, installation: Installation) -> AsyncIterator[GitHubApi]:
    """A client that may read every repository of the installation. Raises GitHubError."""
    minted = await site.connection.app.post(
        "/app/installations/{installation}/access_tokens",
        {"installation": installation.id},
        {"permissions": {"metadata": "read", "contents": "read", "issues": "read"}},
        InstallationToken,
    )
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=True) as session:
        transport = Transport(session, site.host.api, Pacer())
        yield GitHubClient(transport, _OneToken(Secret(minted.token)))


async def _check_repository(api: GitHubApi, repository: InstalledRepository) -> Line:
    """Its configuration must be readable and its request label must exist, else the form's label is dropped."""
    names = {"owner": repository.owner.login, "repo": repository.name}
    try:
        file = await api.getitem("/repos/{owner}/{repo}/contents/.github/skill-fleet.yml", names, FileContent)
        config = repo_config.load(file.text)
        source = ".github/skill-fleet.yml is valid"
    except GoneError:
        config, source = repo_config.RepoConfig(), "defaults (no .github/skill-fleet.yml)"
    except repo_config.InvalidConfigError as error:
        fix = "Correct it on the default branch; until then nothing is started there."
        return problem(repository.full_name, str(error), fix)
    try:
        await api.getitem("/repos/{owner}/{repo}/labels/{label}", {**names, "label": config.label}, Label)
    except GoneError:
        fix = f"Create it: gh label create '{config.label}' --repo {repository.full_name}"
        return warn(repository.full_name, f"has no label `{config.label}`, so requests cannot be marked", fix)
    return ok(repository.full_name, f"label `{config.label}`; {source}")


def _listed(permissions: dict[str, str]) -> str:
    return ", ".join(f"{name}: {level}" for name, level in sorted(permissions.items()))
