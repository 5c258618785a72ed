"""Trading the one-time code of the manifest flow for the App: its id, private key and webhook secret.

The code is the credential, so the call carries no other, goes to the configured host only and follows no redirect.
https://docs.github.com/rest/apps/apps#create-a-github-app-from-a-manifest
"""

import re
from typing import Annotated

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from bot.setup.hosts import GitHubHost

API_VERSION = "2022-11-28"
MAX_ANSWER = 1024 * 1024
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10)
_CODE = re.compile(r"[A-Za-z0-9_-]{8,128}\Z")


class ExchangeError(Exception):
    """GitHub did not hand out the App; the text says why and what to do. Never holds the code or a secret."""


class Owner(BaseModel):
    """The account that the App belongs to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    login: str = ""
    type: str = "User"


class NewApp(BaseModel):
    """The App as GitHub made it. Shown nowhere; written to two files."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[int, Field(gt=0)]
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$")]
    name: str = ""
    owner: Owner = Owner()
    html_url: str = ""
    pem: SecretStr = Field(min_length=1)
    webhook_secret: SecretStr = Field(min_length=1)

    @property
    def organization(self) -> str:
        """The owner when it is an organization, else empty."""
        return self.owner.login if self.owner.type == "Organization" else ""

    def install_url(self, host: GitHubHost) -> str:
        """Where to install it: below the page GitHub names, if that is on the same GitHub."""
        if self.html_url.startswith(f"{host.web}/") and self.html_url.endswith(f"/{self.slug}"):
            return f"{self.html_url}/installations/new"
        return host.install(self.slug)


async def exchange(session: aiohttp.ClientSession, host: GitHubHost, code: str) -> NewApp:
    """The App that the code stands for. A code works once, for an hour. Raises ExchangeError."""
    if not _CODE.match(code):
        raise ExchangeError("that is not a code from GitHub: letters and digits only. Start the set-up again.")
    headers = {
        "Accept": "application/vnd.github+json",
        "User-Agent": "skill-fleet",
        "X-GitHub-Api-Version": API_VERSION,
    }
    url = f"{host.api}/app-manifests/{code}/conversions"
    try:
        async with session.post(url, headers=headers, allow_redirects=False, timeout=TIMEOUT) as response:
            body = await response.content.read(MAX_ANSWER)
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ExchangeError(
            f"{host.api} cannot be reached ({type(error).__name__}). The App exists on GitHub but its key was not "
            f"fetched: check the network, delete the App at {host.web}/settings/apps and start the set-up again."
        ) from error
    if status != 201:
        raise ExchangeError(_refusal(status, host))
    try:
        return NewApp.model_validate_json(body)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, problem["loc"])) or "JSON" for problem in error.errors()}))
        raise ExchangeError(
            f"GitHub's answer is not what it documents ({fields}). Delete the App at {host.web}/settings/apps "
            "and start the set-up again."
        ) from None


def _refusal(status: int, host: GitHubHost) -> str:
    if status in {404, 410, 422}:
        return "GitHub does not know this code: it works once and for an hour. Start the set-up again."
    if status in {301, 302, 307, 308}:
        return f"{host.api} redirects elsewhere; credentials are not fetched from there. Check --github-api-url."
    if status in {403, 429}:
        return "GitHub limits requests from this address at the moment. Wait some minutes and start the set-up again."
    return f"GitHub answered with status {status}. Wait a little and start the set-up again."
