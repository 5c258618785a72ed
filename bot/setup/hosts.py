"""Which GitHub: its REST root and its web root, for github.com, GHE.com and GitHub Enterprise Server."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

GITHUB_COM_API = "https://api.github.com"
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})\Z")
_API_PATH = "/api/v3"


class HostError(ValueError):
    """An address or account name that cannot be used; the text says what is expected."""


def is_loopback(host: str) -> bool:
    """Is this name or address the machine itself?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class GitHubHost:
    """One GitHub. `api` has no trailing slash; `web` is where people look."""

    api: str
    web: str

    @property
    def web_origin(self) -> str:
        """Scheme, host and port of the web root: what a Content-Security-Policy names."""
        parts = urlsplit(self.web)
        return f"{parts.scheme}://{parts.netloc}"

    def new_app(self, organization: str, state: str) -> str:
        """Where a manifest is posted to. An empty organization means the person's own account."""
        where = f"/organizations/{quote(organization, safe='')}" if organization else ""
        return f"{self.web}{where}/settings/apps/new?state={quote(state, safe='')}"

    def install(self, slug: str) -> str:
        """Where an App is installed. Enterprise Server has its own word for public Apps."""
        path = "apps" if self.web_origin == "https://github.com" else "github-apps"
        return f"{self.web}/{path}/{quote(slug, safe='')}/installations/new"

    def app_settings(self, slug: str, organization: str = "") -> str:
        """Where the App's owner changes its settings and makes a new private key."""
        where = f"/organizations/{quote(organization, safe='')}" if organization else ""
        return f"{self.web}{where}/settings/apps/{quote(slug, safe='')}"

    def approve_permissions(self, installation: int, organization: str = "") -> str:
        """Where an installation's owner accepts the permissions that the App asks for by now."""
        where = f"/organizations/{quote(organization, safe='')}" if organization else ""
        return f"{self.web}{where}/settings/installations/{installation}/permissions/update"


def github_host(api_url: str = GITHUB_COM_API) -> GitHubHost:
    """The host behind a REST root. Raises HostError."""
    api = checked_url(api_url, "the REST root")
    parts = urlsplit(api)
    host = parts.hostname or ""
    if api == GITHUB_COM_API:
        return GitHubHost(api, "https://github.com")
    if host == "github.com" or (host == "api.github.com" and parts.path):
        raise HostError(f"{api_url}: the REST root of github.com is {GITHUB_COM_API}")
    if host.startswith("api.") and host.endswith(".ghe.com"):
        return GitHubHost(api, f"https://{host.removeprefix('api.')}")
    if api.endswith(_API_PATH):
        return GitHubHost(api, api.removesuffix(_API_PATH))
    if is_loopback(host):
        return GitHubHost(api, api)
    raise HostError(
        f"{api_url}: not a REST root of GitHub. Expected {GITHUB_COM_API}, https://HOST{_API_PATH} "
        "(GitHub Enterprise Server) or https://api.NAME.ghe.com"
    )


def web_root(api_url: str) -> str:
    """Where people look, as far as it can be told from a REST root."""
    try:
        return github_host(api_url).web
    except HostError:
        return api_url.rstrip("/")


def checked_url(url: str, what: str) -> str:
    """`url` without trailing slash: https (or http on this machine), nothing but a plain address. Raises HostError."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise HostError(f"{url}: not a URL ({error})") from error
    if parts.scheme not in {"https", "http"} or not host:
        raise HostError(f"{url}: {what} must start with https:// and name a host")
    if parts.scheme == "http" and not is_loopback(host):
        raise HostError(f"{url}: {what} must use https (http is for this machine only)")
    if parts.username is not None or parts.query or parts.fragment or re.search(r"[\s\"'<>\\^`{|}]", url):
        raise HostError(f"{url}: {what} must be a plain address, without credentials, query, fragment or blanks")
    return url.rstrip("/")


def checked_login(login: str) -> str:
    """An account name as GitHub allows it. Raises HostError."""
    if not _LOGIN.match(login):
        raise HostError(f"{login!r} is not an account name: letters, digits and hyphens, at most 39")
    return login
