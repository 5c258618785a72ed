"""The whole state of one sandbox and how to find things in it. Rules of what may change it live in `ops`."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.sandbox.deliveries import Courier
from bot.sandbox.feed import Feed
from bot.sandbox.model import (
    Account,
    AccountKind,
    App,
    CheckRun,
    CheckSuite,
    Comment,
    Installation,
    Issue,
    Pull,
    Repository,
    ReviewComment,
    Role,
)
from bot.sandbox.principals import Tokens
from bot.sandbox.urls import Urls
from bot.sandbox.values import Clock, Ids, JsonObject, iso


@dataclass
class Limits:
    """What a caller may use up. The secondary limit is off unless a number of writes per minute is set."""

    requests_per_hour: int = 5000
    writes_per_minute: int | None = None
    secondary_status: int = 403
    retry_after: int = 60


@dataclass(frozen=True)
class Notice:
    """Somebody was notified: a login or `org/team` was mentioned in a thread."""

    whom: str
    by: str
    repository: str
    number: int


@dataclass
class World:
    root: Path
    clock: Clock = field(default_factory=Clock)
    ids: Ids = field(default_factory=Ids)
    limits: Limits = field(default_factory=Limits)
    dice: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - repeatable order, no secret
    urls: Urls = field(default_factory=lambda: Urls("http://127.0.0.1"))
    accounts: dict[str, Account] = field(default_factory=dict)
    repositories: dict[int, Repository] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    manifests: dict[str, dict[str, object]] = field(default_factory=dict)  # one-time codes of the App manifest flow
    feed: Feed = field(default_factory=Feed)
    notices: list[Notice] = field(default_factory=list)
    mergeability_takes_looks: int = 1
    workflows: Callable[[str, JsonObject, str, App | None], None] | None = None
    """Told (event, payload, sender, the only App that hears it) of what may start workflows; see `actions`."""

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.clock)
        self.courier = Courier(self.clock, self.ids, self.dice)

    # --- finding -----------------------------------------------------------------------------------------------------

    def account(self, login: str) -> Account | None:
        return self.accounts.get(login.lower())

    def account_by_email(self, email: str) -> Account | None:
        return next((each for each in self.accounts.values() if each.email.lower() == email.lower()), None)

    def repository(self, owner: str, name: str) -> Repository | None:
        wanted = f"{owner}/{name}".lower()
        return next((repo for repo in self.repositories.values() if repo.full_name.lower() == wanted), None)

    def renamed(self, owner: str, name: str) -> Repository | None:
        """The repository that had this name once."""
        wanted = f"{owner}/{name}".lower()
        return next((repo for repo in self.repositories.values() if wanted in repo.former_names), None)

    def role(self, repo: Repository, account: Account) -> Role:
        if account is repo.owner:
            return Role.ADMIN
        return max(repo.roles.get(account.id, Role.NONE), Role.NONE if repo.private else Role.READ)

    def installations_of(self, repo: Repository) -> list[Installation]:
        """Where an App is installed on this repository, suspended ones included."""
        return [
            each
            for each in self.installations.values()
            if not each.deleted
            and each.account is repo.owner
            and (each.repository_ids is None or repo.id in each.repository_ids)
        ]

    def repositories_of(self, installation: Installation) -> list[Repository]:
        return [
            repo
            for repo in self.repositories.values()
            if repo.owner is installation.account
            and (installation.repository_ids is None or repo.id in installation.repository_ids)
        ]

    def find_comment(self, repo: Repository, comment_id: int) -> tuple[Issue, Comment] | None:
        issue = repo.threads.get(comment_id)
        comment = next((each for each in issue.comments if each.id == comment_id), None) if issue else None
        return (issue, comment) if issue and comment else None

    def find_review_comment(self, repo: Repository, comment_id: int) -> tuple[Pull, ReviewComment] | None:
        for pull in repo.pulls:
            for comment in pull.review_comments:
                if comment.id == comment_id:
                    return pull, comment
        return None

    def find_run(self, repo: Repository, run_id: int) -> CheckRun | None:
        return next((run for run in repo.runs if run.id == run_id), None)

    def find_suite(self, repo: Repository, suite_id: int) -> CheckSuite | None:
        return next((suite for suite in repo.suites if suite.id == suite_id), None)

    # --- making ------------------------------------------------------------------------------------------------------

    def note(self, event: str, action: str, repo: Repository, number: int | None, by: Account) -> None:
        """Tell the feed of a change that GitHub has no webhook for."""
        self.feed.publish(event, action, repo.full_name, number, by.login, iso(self.clock.now()))

    def add_account(self, login: str, kind: AccountKind = AccountKind.USER, name: str = "") -> Account:
        account = Account(
            id=self.ids.next("account"), login=login, kind=kind, name=name or login, created_at=self.clock.now()
        )
        self.accounts[login.lower()] = account
        return account

    def close(self) -> None:
        for repo in self.repositories.values():
            repo.git.close()
