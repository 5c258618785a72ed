"""What GitHub says about the App: the clock, who it is, what it asks for, its webhook and the latest deliveries.

Reads only. A check that GitHub does not answer is a line, never an exception.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from bot.doctor.report import Line, ok, problem, warn
from bot.github.client import GitHubApi
from bot.github.connection import Connection
from bot.github.errors import GitHubError, GoneError, UnauthorizedError
from bot.github.models import App, HookDelivery, Remote
from bot.setup.hosts import GitHubHost, is_loopback
from bot.setup.manifest import EVENTS, missing_permissions, required_permissions

SKEW_TO_LOOK_AT = dt.timedelta(seconds=10)
SKEW_TO_REPAIR = dt.timedelta(seconds=60)
"""GitHub refuses an App's signature that lies this far in the future."""
RECENT_DELIVERIES = 100
_TIMEOUT = aiohttp.ClientTimeout(total=15)


class HookConfig(Remote):
    """The App's webhook; `secret` is masked by GitHub and empty when there is none."""

    url: str = ""
    content_type: str = ""
    insecure_ssl: str | int = "0"
    secret: str = ""


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
        lines.append(problem("app permissions", f"the App does not ask for {listed(missing)}", fix))
    more = {name: level for name, level in app.permissions.items() if name not in required_permissions()}
    if more:
        fix = f"Take them away at {where}/permissions: less can go wrong."
        lines.append(warn("app permissions", f"the App asks for more than it needs: {listed(more)}", fix))
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
    lines = judge_hook(hook, site.expected_webhook)
    if not hook.url:
        return lines
    return [*lines, await _check_deliveries(site.connection.app)]


def judge_hook(hook: HookConfig, expected: str) -> list[Line]:
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


def listed(permissions: dict[str, str]) -> str:
    return ", ".join(f"{name}: {level}" for name, level in sorted(permissions.items()))
