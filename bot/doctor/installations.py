"""What GitHub says about the places where the App is installed: what is granted there, and every repository's set-up.

Reads only, with a token of its own for each installation that is neither kept nor renewed.
"""

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
from pydantic import Field

from bot import repo_config
from bot.doctor.remote import Site, listed
from bot.doctor.report import Level, Line, ok, problem, warn
from bot.github.client import GitHubApi, GitHubClient, Transport
from bot.github.errors import GitHubError, GoneError
from bot.github.models import Account, App, FileContent, InstallationToken, Label, Remote
from bot.github.pacing import Pacer
from bot.github.secrets import Secret
from bot.setup.manifest import missing_permissions

MAX_REPOSITORIES = 25
"""Of one installation; looking at all of a large organization's would use up its quota."""
MAX_INSTALLATIONS = 10
"""Whose repositories are looked at; permissions are compared for all."""


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
    lines = [_judge_installation(site, installation) for installation in found]
    working = [each for each, line in zip(found, lines, strict=True) if line.level is Level.OK]
    for installation in working[:MAX_INSTALLATIONS]:
        lines += await _check_repositories(site, installation)
    return lines


def _judge_installation(site: Site, installation: Installation) -> Line:
    name = f"installation {installation.owner}"
    if installation.suspended_at is not None:
        return warn(name, "suspended", "Its owner can take it up again in the account's settings.")
    if missing := missing_permissions(installation.permissions):
        link = site.host.approve_permissions(installation.id, installation.organization)
        return problem(name, f"not granted: {listed(missing)}", f"Let the account's owner accept them at {link}")
    return ok(name, "everything granted that is needed")


async def _check_repositories(site: Site, installation: Installation) -> list[Line]:
    name = f"repositories of {installation.owner}"
    lines: list[Line] = []
    try:
        async with _reading(site, installation) as api:
            template = "/installation/repositories?per_page=100"
            async for repository in api.getiter(template, {}, InstalledRepository, key="repositories"):
                if repository.archived:
                    continue
                if len(lines) == MAX_REPOSITORIES:
                    return [*lines, ok(name, f"there are more; {MAX_REPOSITORIES} were looked at")]
                lines.append(await _check_repository(api, repository))
    except GitHubError as error:
        lines.append(problem(name, str(error), "Try again; look at https://www.githubstatus.com if it stays."))
    return lines or [warn(name, "there are none", "Choose repositories in the installation's settings.")]


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
        fix = "Correct it on the default branch. Until then the running service goes on with the last good one it saw."
        return problem(repository.full_name, str(error), fix)
    try:
        await api.getitem("/repos/{owner}/{repo}/labels/{label}", {**names, "label": config.label}, Label)
    except GoneError:
        fix = f"Create it: gh label create '{config.label}' --repo {repository.full_name}"
        return warn(repository.full_name, f"has no label `{config.label}`, so requests cannot be marked", fix)
    return ok(repository.full_name, f"label `{config.label}`; {source}")
