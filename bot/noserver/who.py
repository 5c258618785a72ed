"""Who we are on GitHub when all we have is a token, and how it is reached: the run's own token, or an App's key.

A workflow's token acts as `github-actions[bot]`, an App's token as that App's bot. Only GitHub can tell which it is;
guessing would let the bot take its own words for somebody else's.
"""

from dataclasses import dataclass

import aiohttp

from bot.github.client import TIMEOUT, USER_AGENT
from bot.github.connection import Connection
from bot.github.models import App, Installation
from bot.github.secrets import Secret
from bot.jobs.identity import BotIdentity
from bot.noserver.event import Run
from bot.settings import SettingsError

WITHOUT_APP = 1
"""Stands for the installation where there is none. A server that takes the jobs over puts its own in its place."""
_BOT = "[bot]"


@dataclass(frozen=True)
class Who:
    """Our identity, and the installation that deliveries are said to come through."""

    identity: BotIdentity
    installation_id: int


async def by_token(session: aiohttp.ClientSession, connection: Connection, run: Run, token: Secret) -> Who:
    """Raises GitHubError, or SettingsError for a token that is not an App's."""
    login = await _viewer(session, run.graphql_url, token)
    if not login.endswith(_BOT):
        raise SettingsError(
            f"the input token is a person's ({login}). Leave it out to use the workflow's own, or give that of a "
            "GitHub App: only an App can write check runs, and a person's words would be taken for the bot's."
        )
    app = await connection.app.getitem("/apps/{slug}", {"slug": login.removesuffix(_BOT)}, App)
    return Who(BotIdentity(app_id=app.id, login=login, web=connection.web), WITHOUT_APP)


async def by_app(connection: Connection, run: Run) -> Who:
    """Raises GitHubError when id or key are wrong, or the App is not installed on the repository."""
    identity = await connection.identity()
    at = {"owner": run.owner, "repo": run.repository}
    installation = await connection.app.getitem("/repos/{owner}/{repo}/installation", at, Installation)
    return Who(identity, installation.id)


async def _viewer(session: aiohttp.ClientSession, url: str, token: Secret) -> str:
    """The login behind a token: the one question that every kind of token may ask."""
    headers = {"Authorization": f"bearer {token.reveal()}", "User-Agent": USER_AGENT}
    try:
        async with session.post(url, json={"query": "{viewer{login}}"}, headers=headers, timeout=TIMEOUT) as response:
            answer = await response.json()
            return str(answer["data"]["viewer"]["login"])
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"GitHub does not say whose token this is ({type(error).__name__} from {url}). Is the input token valid?"
        ) from None
