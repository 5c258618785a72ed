"""GitHub Actions as far as a workflow sees it: the App behind `GITHUB_TOKEN`, and the events that start runs.

Workflows themselves are not run here: whoever calls `enable` is told of each event that would start one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.model import AccountKind, App, Installation, Repository
from bot.sandbox.values import JsonObject
from bot.sandbox.world import World

SLUG = "github-actions"
APP_ID = 15368
LARGEST = {
    "issues": "write",
    "pull_requests": "write",
    "contents": "write",
    "checks": "write",
    "actions": "write",
    "statuses": "write",
}
"""What `permissions:` of a workflow may give at most, as far as the sandbox knows permissions."""

OnEvent = Callable[[str, JsonObject], None]
"""(event, payload): a workflow on this event would run now."""


@dataclass(frozen=True)
class Actions:
    """GitHub Actions, enabled for the repositories of one account."""

    world: World
    app: App
    installation: Installation

    def token(self, repo: Repository, permissions: Mapping[str, str]) -> str:
        """The `GITHUB_TOKEN` of a run with these `permissions:`."""
        granted = {"metadata": "read", **permissions}
        return self.world.tokens.add_installation(self.installation, granted, frozenset({repo.id})).token


def enable(world: World, repo: Repository, on_event: OnEvent) -> Actions:
    """Make the App, and tell of the repository's events. What `GITHUB_TOKEN` itself does starts no run."""
    bot = world.account(f"{SLUG}[bot]") or world.add_account(f"{SLUG}[bot]", AccountKind.BOT, SLUG)
    now = world.clock.now()
    app = App(
        id=APP_ID,
        slug=SLUG,
        name="GitHub Actions",
        owner=repo.owner,
        bot=bot,
        client_id="Iv1.05c79e9ad1f6bdfa",
        public_key_pem="",
        permissions={"metadata": "read", **LARGEST},
        events=[],
        created_at=now,
    )
    world.apps[app.id] = app
    installation = Installation(
        id=world.ids.next("installation") - 2_400_000_000,
        app=app,
        account=repo.owner,
        permissions=dict(app.permissions),
        events=[],
        created_at=now,
        updated_at=now,
    )
    world.installations[installation.id] = installation

    def started(event: str, payload: JsonObject, sender: str, only: App | None) -> None:
        if sender != bot.login and only is not app:
            on_event(event, payload)

    world.workflows = started
    return Actions(world, app, installation)
