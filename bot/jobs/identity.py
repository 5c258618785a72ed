"""Who we are on GitHub, so that our own words are never taken for somebody else's."""

from pydantic import Field

from pipeline.models import Value

GITHUB_COM = "https://github.com"


class BotIdentity(Value):
    """The App by number and the login it acts under. Never judged by a name's suffix: anyone can own an App."""

    app_id: int
    login: str
    web: str = Field(GITHUB_COM, description="the GitHub we are on, as people see it; no trailing slash")

    @property
    def hears_buttons(self) -> bool:
        """Is the bot told of presses on its check run? A workflow's token is not: GitHub starts no run then."""
        return not self.is_login("github-actions[bot]")

    def is_login(self, login: str) -> bool:
        return login.casefold() == self.login.casefold()
