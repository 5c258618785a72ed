"""Tells the world that something happened: the change feed at once, the subscribed Apps by webhook."""

from bot.sandbox.model import Account, AccountKind, App, Installation, Repository
from bot.sandbox.render import accounts
from bot.sandbox.render.repositories import repository
from bot.sandbox.values import JsonObject, iso
from bot.sandbox.world import World

_ALWAYS_SENT = {"installation", "installation_repositories", "installation_target", "github_app_authorization"}
_NEEDED_PERMISSION = {"check_suite": "checks", "check_run": "checks", "push": "contents", "issues": "issues"}


def _number(data: JsonObject) -> int | None:
    for key in ("issue", "pull_request"):
        thread = data.get(key)
        if isinstance(thread, dict) and isinstance(thread.get("number"), int):
            return int(thread["number"])
    return None


def emit(
    world: World,
    event: str,
    action: str | None,
    repo: Repository,
    sender: Account,
    data: JsonObject,
    only: App | None = None,
) -> None:
    """Announce a repository event. The payload is rendered now, so later changes do not show in it."""
    world.feed.publish(event, action, repo.full_name, _number(data), sender.login, iso(world.clock.now()))
    guid = world.courier.guid()
    payload: JsonObject | None = None
    if world.workflows is not None:
        payload = _payload(world, action, repo, sender, data)
        world.workflows(event, payload, sender.login, only)
    for installation in world.installations_of(repo):
        app = installation.app
        if installation.suspended_at or event not in installation.events or (only is not None and app is not only):
            continue
        if _NEEDED_PERMISSION.get(event, "metadata") not in installation.permissions:
            continue
        if payload is None:
            payload = _payload(world, action, repo, sender, data)
        stamped = {**payload, "installation": {"id": installation.id, "node_id": installation.node_id}}
        world.courier.accept(app, guid, event, action, installation.id, repo.id, stamped)


def _payload(world: World, action: str | None, repo: Repository, sender: Account, data: JsonObject) -> JsonObject:
    payload: JsonObject = {"action": action} if action else {}
    payload.update(data)
    payload.setdefault("repository", repository(world.urls, repo))
    if repo.owner.kind is AccountKind.ORGANIZATION:
        payload["organization"] = accounts.organization(world.urls, repo.owner)
    payload["sender"] = accounts.user(world.urls, sender)
    return payload


def emit_installation(
    world: World, event: str, action: str, installation: Installation, sender: Account, data: JsonObject
) -> None:
    """Announce a change of an installation to its App, subscribed or not."""
    assert event in _ALWAYS_SENT
    world.feed.publish(event, action, None, None, sender.login, iso(world.clock.now()))
    payload: JsonObject = {
        "action": action,
        "installation": accounts.installation(world.urls, installation),
        **data,
        "sender": accounts.user(world.urls, sender),
    }
    guid = world.courier.guid()
    world.courier.accept(installation.app, guid, event, action, installation.id, None, payload)
