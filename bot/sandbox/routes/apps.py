"""The App's own endpoints: who am I, where am I installed, tokens, the delivery log, the manifest flow."""

import json
import re
import secrets

from bot.sandbox.calls import Call, Route
from bot.sandbox.deliveries import Delivery
from bot.sandbox.errors import ApiError, invalid, not_accessible, not_found
from bot.sandbox.model import App, Installation
from bot.sandbox.ops import installations as ops
from bot.sandbox.principals import InstallationCaller
from bot.sandbox.render import accounts
from bot.sandbox.render.repositories import full
from bot.sandbox.requests import Reply
from bot.sandbox.routes.paging import counted, listing
from bot.sandbox.values import JsonObject, iso

_DELIVERY = "/app/hook/deliveries/{delivery_id}"
_INSTALLATION = "/app/installations/{installation_id}"
_LEVELS = {"read": 1, "write": 2, "admin": 3}
RETENTION_SECONDS = 3 * 24 * 3600


def get_app(call: Call) -> Reply:
    app = call.app()
    count = sum(each.app is app and not each.deleted for each in call.world.installations.values())
    return Reply(200, {**accounts.app(call.world.urls, app), "installations_count": count})


def get_app_by_slug(call: Call) -> Reply:
    app = next((app for app in call.world.apps.values() if app.slug == call.params["app_slug"]), None)
    if app is None:
        raise not_found()
    return Reply(200, accounts.app(call.world.urls, app))


def list_installations(call: Call) -> Reply:
    app = call.app()
    found = [each for each in call.world.installations.values() if each.app is app and not each.deleted]
    return listing(call, found, lambda each: accounts.installation(call.world.urls, each))


def _installation(call: Call) -> Installation:
    app = call.app()
    found = call.world.installations.get(call.number("installation_id"))
    if found is None or found.app is not app or found.deleted:
        raise not_found()
    return found


def get_installation(call: Call) -> Reply:
    return Reply(200, accounts.installation(call.world.urls, _installation(call)))


def delete_installation(call: Call) -> Reply:
    installation = _installation(call)
    ops.uninstall(call.world, installation, installation.app.owner)
    return Reply(204)


def repository_installation(call: Call) -> Reply:
    app = call.app()
    repo = call.world.repository(call.params["owner"], call.params["repo"])
    found = [each for each in call.world.installations_of(repo) if each.app is app] if repo else []
    if not found:
        raise not_found()
    return Reply(200, accounts.installation(call.world.urls, found[0]))


def account_installation(call: Call) -> Reply:
    app, login = call.app(), call.params["login"].lower()
    for each in call.world.installations.values():
        if each.app is app and not each.deleted and each.account.login.lower() == login:
            return Reply(200, accounts.installation(call.world.urls, each))
    raise not_found()


# --- tokens ----------------------------------------------------------------------------------------------------------


def create_token(call: Call) -> Reply:
    installation = _installation(call)
    if installation.suspended_at:
        raise ApiError(403, "This installation has been suspended")
    wanted = call.body.child("permissions")
    permissions = dict(installation.permissions)
    if wanted is not None and wanted.raw():
        permissions = {"metadata": "read"}
        for name in wanted.raw():
            level = wanted.choice(name, ("read", "write", "admin")) or "read"
            if _LEVELS[level] > _LEVELS.get(installation.permissions.get(name, ""), 0):
                raise ApiError(422, "The permissions requested are not granted to this installation.")
            permissions[name] = level
    chosen = _chosen_repositories(call, installation)
    caller = call.world.tokens.add_installation(installation, permissions, chosen)
    data: JsonObject = {
        "token": caller.token,
        "expires_at": iso(caller.expires_at),
        "permissions": permissions,
        "repository_selection": "selected" if chosen is not None or installation.repository_ids is not None else "all",
    }
    if chosen is not None:
        repos = [call.world.repositories[number] for number in sorted(chosen)]
        data["repositories"] = [
            full(call.world.urls, repo, call.world.role(repo, installation.app.bot)) for repo in repos
        ]
    return Reply(201, data)


def _chosen_repositories(call: Call, installation: Installation) -> frozenset[int] | None:
    names, ids = call.body.texts("repositories"), call.body.integers("repository_ids")
    if names is None and ids is None:
        return None
    reachable = call.world.repositories_of(installation)
    by_name = {repo.name.lower(): repo.id for repo in reachable}
    known = {repo.id for repo in reachable}
    chosen = [by_name.get(name.lower()) for name in names or []] + [
        each if each in known else None for each in ids or []
    ]
    if None in chosen:
        words = "There is at least one repository that does not exist or is not accessible to the parent installation."
        raise ApiError(422, words)
    return frozenset(each for each in chosen if each is not None)


def _token_caller(call: Call) -> InstallationCaller:
    if not isinstance(call.principal, InstallationCaller):
        raise ApiError(403, "You must authenticate with an installation access token in order to list repositories.")
    return call.principal


def revoke_token(call: Call) -> Reply:
    call.world.tokens.revoke(_token_caller(call).token)
    return Reply(204)


def installation_repositories(call: Call) -> Reply:
    caller = _token_caller(call)
    if caller.installation.suspended_at:
        raise ApiError(403, "This installation has been suspended")
    world = call.world
    repos = [repo for repo in world.repositories_of(caller.installation) if caller.covers(repo.id)]
    selection = "all" if caller.repository_ids is None and caller.installation.repository_ids is None else "selected"
    role = world.role
    bot = caller.installation.app.bot
    extra: JsonObject = {"repository_selection": selection}
    return counted(call, "repositories", repos, lambda repo: full(world.urls, repo, role(repo, bot)), extra=extra)


# --- the App's webhook -----------------------------------------------------------------------------------------------


def _hook_config(app: App) -> JsonObject:
    config: JsonObject = {"content_type": "json", "insecure_ssl": "0", "url": app.webhook_url}
    return {**config, "secret": "********"} if app.webhook_secret else config


def get_hook_config(call: Call) -> Reply:
    return Reply(200, _hook_config(call.app()))


def update_hook_config(call: Call) -> Reply:
    app = call.app()
    url, secret = call.body.text("url"), call.body.text("secret")
    app.webhook_url = url if url is not None else app.webhook_url
    app.webhook_secret = secret if secret is not None else app.webhook_secret
    return Reply(200, _hook_config(app))


def _delivery_item(item: Delivery) -> JsonObject:
    return {
        "id": item.id,
        "guid": item.guid,
        "delivered_at": iso(item.delivered_at or item.queued_at),
        "redelivery": item.redelivery,
        "duration": item.duration,
        "status": item.status,
        "status_code": item.status_code,
        "event": item.event,
        "action": item.action,
        "installation_id": item.installation_id,
        "repository_id": item.repository_id,
        "throttled_at": None,
    }


def _log(call: Call) -> list[Delivery]:
    """Newest first; what is still under way or older than three days is not listed."""
    app, now = call.app(), call.world.clock.now()
    return [
        item
        for item in reversed(call.world.courier.log)
        if item.app is app and item.delivered_at and (now - item.delivered_at).total_seconds() < RETENTION_SECONDS
    ]


def list_deliveries(call: Call) -> Reply:
    found = _log(call)
    status = call.query.get("status")
    if status:
        wanted = call.query.choice("status", ("success", "failure"), "success") == "success"
        found = [item for item in found if item.succeeded == wanted]
    cursor = call.query.get("cursor")
    if cursor:
        match = re.fullmatch(r"v1_(\d+)", cursor)
        if match is None:
            raise ApiError(400, "Invalid cursor")
        found = [item for item in found if item.id <= int(match[1])]
    size = call.query.per_page
    headers = {}
    if len(found) > size:
        keep = "".join(f"&{name}={call.query.get(name)}" for name in ("status",) if call.query.get(name))
        address = f"{call.world.urls.api(call.path)}?per_page={size}{keep}&cursor=v1_{found[size].id}"
        headers["Link"] = f'<{address}>; rel="next"'
    return Reply(200, [_delivery_item(item) for item in found[:size]], headers)


def _delivery(call: Call) -> Delivery:
    number = call.number("delivery_id")
    found = next((item for item in _log(call) if item.id == number), None)
    if found is None:
        raise not_found()
    return found


def get_delivery(call: Call) -> Reply:
    item = _delivery(call)
    return Reply(
        200,
        {
            **_delivery_item(item),
            "url": item.app.webhook_url,
            "request": {"headers": dict(item.request_headers), "payload": item.payload},
            "response": {"headers": dict(item.response_headers), "payload": item.response_body},
        },
    )


def redeliver(call: Call) -> Reply:
    call.world.courier.redeliver(_delivery(call))
    return Reply(202, {})


# --- manifest --------------------------------------------------------------------------------------------------------


def convert_manifest(call: Call) -> Reply:
    """Turns the one-time code of the manifest flow into a new App and its secrets, once."""
    manifest = call.world.manifests.pop(call.params["code"], None)
    if manifest is None:
        raise not_found()
    name = str(manifest.get("name") or "app")
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if any(app.slug == slug for app in call.world.apps.values()):
        raise invalid("Integration", "name", "already_exists", "Name is already taken")
    owner = call.world.account(str(manifest["owner"]))
    assert owner is not None
    hook = manifest.get("hook_attributes")
    url = str(hook.get("url", "")) if isinstance(hook, dict) else ""
    permissions, events = manifest.get("default_permissions"), manifest.get("default_events")
    private, public = ops.generate_key()
    app = ops.create_app(
        call.world,
        slug,
        name,
        owner,
        public,
        {str(k): str(v) for k, v in permissions.items()} if isinstance(permissions, dict) else {},
        [str(event) for event in events] if isinstance(events, list) else [],
        webhook_url=url,
        webhook_secret=secrets.token_hex(20),
    )
    secret = {"client_secret": secrets.token_hex(20), "webhook_secret": app.webhook_secret, "pem": private}
    return Reply(201, {**accounts.app(call.world.urls, app), **secret})


def store_manifest(world_manifests: dict[str, dict[str, object]], manifest_json: str, owner: str) -> str:
    """What the web form of the manifest flow does: keep the manifest, give a one-time code. Raises ApiError 422."""
    try:
        manifest = json.loads(manifest_json)
    except ValueError:
        raise ApiError(422, "Manifest is not valid JSON") from None
    if not isinstance(manifest, dict) or not manifest.get("url"):
        raise ApiError(422, "Manifest is missing the required key: url")
    hook = manifest.get("hook_attributes")
    if isinstance(hook, dict) and "secret" in hook:
        raise ApiError(422, "Manifest: hook_attributes must not contain a secret")
    code = secrets.token_hex(20)
    world_manifests[code] = {**manifest, "owner": owner}
    return code


def refuse_app_user(call: Call) -> None:
    if isinstance(call.principal, InstallationCaller):
        raise not_accessible()


ROUTES = [
    Route("GET", "/app", get_app),
    Route("GET", "/apps/{app_slug}", get_app_by_slug),
    Route("GET", "/app/installations", list_installations),
    Route("GET", _INSTALLATION, get_installation),
    Route("DELETE", _INSTALLATION, delete_installation),
    Route("POST", _INSTALLATION + "/access_tokens", create_token),
    Route("GET", "/repos/{owner}/{repo}/installation", repository_installation),
    Route("GET", "/orgs/{login}/installation", account_installation),
    Route("GET", "/users/{login}/installation", account_installation),
    Route("DELETE", "/installation/token", revoke_token),
    Route("GET", "/installation/repositories", installation_repositories),
    Route("GET", "/app/hook/config", get_hook_config),
    Route("PATCH", "/app/hook/config", update_hook_config),
    Route("GET", "/app/hook/deliveries", list_deliveries),
    Route("GET", _DELIVERY, get_delivery),
    Route("POST", _DELIVERY + "/attempts", redeliver),
    Route("POST", "/app-manifests/{code}/conversions", convert_manifest),
]
