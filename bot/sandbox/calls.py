"""One API request on its way through a handler: who asks, what they ask, and whether they may.

Refusals follow GitHub: what a caller cannot see is 404, what an App was not granted is 403, no credential is 401.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from bot.sandbox.errors import (
    ApiError,
    bad_credentials,
    must_be_admin,
    not_accessible,
    not_found,
    requires_authentication,
)
from bot.sandbox.model import Account, App, Issue, Pull, Repository, Role
from bot.sandbox.principals import Anonymous, AppCaller, InstallationCaller, Person, Principal
from bot.sandbox.requests import Body, Query, Reply
from bot.sandbox.world import World

_LEVELS = {"read": 1, "write": 2, "admin": 3}


class Refusal(Enum):
    """How a person without the role is turned away: some endpoints deny that the resource exists."""

    FORBIDDEN = 403
    HIDDEN = 404


@dataclass
class Call:
    world: World
    method: str
    path: str
    params: Mapping[str, str]
    query: Query
    body: Body
    headers: Mapping[str, str]
    principal: Principal

    # --- who ---------------------------------------------------------------------------------------------------------

    @property
    def actor(self) -> Account:
        """The account that acts; an installation acts as its App's bot user."""
        if isinstance(self.principal, Person):
            return self.principal.account
        if isinstance(self.principal, InstallationCaller):
            return self.principal.installation.app.bot
        raise requires_authentication()

    @property
    def via_app(self) -> App | None:
        return self.principal.installation.app if isinstance(self.principal, InstallationCaller) else None

    def app(self) -> App:
        """The calling App, for endpoints that take only its JSON web token."""
        if not isinstance(self.principal, AppCaller):
            raise ApiError(401, "A JSON web token could not be decoded")
        return self.principal.app

    # --- where -------------------------------------------------------------------------------------------------------

    def _locate(self) -> Repository:
        if "repository_id" in self.params:
            found = self.world.repositories.get(int(self.params["repository_id"]))
        else:
            owner, name = self.params["owner"], self.params["repo"]
            found = self.world.repository(owner, name)
            if found is None and (moved := self.world.renamed(owner, name)):
                rest = self.path.split("/", 4)[4:]
                target = self.world.urls.api("/".join([f"/repositories/{moved.id}", *rest]))
                raise ApiError(301 if self.method == "GET" else 307, "Moved Permanently", headers={"Location": target})
        if found is None:
            raise not_found()
        return found

    def repo(
        self, *needs: str, role: Role = Role.READ, refusal: Refusal = Refusal.FORBIDDEN, archived: bool = False
    ) -> Repository:
        """The addressed repository, if the caller may: an App needs one of `needs` ("issues:write"), a person `role`.

        Raises ApiError.
        """
        repo = self._locate()
        writes = any(not need.endswith(":read") for need in needs)
        principal = self.principal
        if isinstance(principal, AppCaller):
            raise bad_credentials()
        if isinstance(principal, Anonymous):
            if repo.private:
                raise not_found()
            if writes or role > Role.READ:
                raise requires_authentication()
        elif isinstance(principal, Person):
            actual = self.world.role(repo, principal.account)
            if actual < Role.READ:
                raise not_found()
            if actual < role:
                raise must_be_admin() if refusal is Refusal.FORBIDDEN else not_found()
        else:
            self._check_installation(principal, repo, needs, writes)
        if writes and repo.archived and not archived:
            raise ApiError(403, "Repository was archived so is read-only.")
        return repo

    def _check_installation(
        self, caller: InstallationCaller, repo: Repository, needs: tuple[str, ...], writes: bool
    ) -> None:
        if caller.installation.suspended_at:
            raise ApiError(403, "This installation has been suspended")
        inside = caller.installation.account is repo.owner and caller.covers(repo.id)
        if not inside and repo.private:
            raise not_found()
        if not inside and not writes:
            return
        if not inside or not any(self.granted(need) for need in needs):
            raise not_accessible()

    def granted(self, need: str) -> bool:
        """Whether the installation token has a permission such as `issues:write`; a person always has."""
        if not isinstance(self.principal, InstallationCaller):
            return True
        name, _, level = need.partition(":")
        installed = self.principal.installation.permissions.get(name, "")
        mine = min(_LEVELS.get(installed, 0), _LEVELS.get(self.principal.permissions.get(name, ""), 0))
        return mine >= _LEVELS[level]

    def role(self, repo: Repository) -> Role:
        """What the caller may do as a person; an installation counts as someone with write access."""
        if isinstance(self.principal, InstallationCaller):
            return Role.WRITE
        return self.world.role(repo, self.actor)

    def check_open(self, repo: Repository, issue: Issue, what: str) -> None:
        """Refuses words in a locked conversation. Only people with write access have them there; an App has none,
        whatever its permissions: https://github.com/renovatebot/renovate/issues/6215"""
        person = isinstance(self.principal, Person) and self.role(repo) >= Role.WRITE
        if issue.locked and not person:
            raise ApiError(403, f"Unable to {what} because issue is locked.")

    # --- threads -----------------------------------------------------------------------------------------------------

    def number(self, name: str) -> int:
        value = self.params[name]
        if not value.isdigit():
            raise not_found()
        return int(value)

    def thread(self, repo: Repository, level: str) -> Issue:
        """The addressed issue or pull request; an issue needs `issues`, a pull request either permission."""
        number = self.number("issue_number")
        issue = repo.issues.get(number)
        if issue is None:
            if number in repo.gone_issues:
                self._gone(repo.gone_issues[number])
            raise not_found()
        allowed = self.granted(f"issues:{level}") or (issue.pull is not None and self.granted(f"pull_requests:{level}"))
        if not allowed:
            raise not_accessible()
        return issue

    def _gone(self, moved_to: str | None) -> None:
        if moved_to is None:
            raise ApiError(410, "This issue was deleted")
        raise ApiError(301 if self.method == "GET" else 307, "Moved Permanently", headers={"Location": moved_to})

    def pull(self, repo: Repository) -> Pull:
        issue = repo.issues.get(self.number("pull_number"))
        if issue is None or issue.pull is None:
            raise not_found()
        return issue.pull


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """`path` in the notation of GitHub's documentation; a name in `deep` may contain slashes."""

    method: str
    path: str
    handler: Handler
    deep: str = ""
