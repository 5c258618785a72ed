"""Users, organizations, Apps and installations as JSON."""

from bot.sandbox.model import Account, AccountKind, App, Installation
from bot.sandbox.urls import Urls
from bot.sandbox.values import JsonObject, iso, iso_or_none, node_id

_LISTS = ("followers", "organizations", "repos", "received_events", "subscriptions")
_TEMPLATES = {
    "following": "{/other_user}",
    "gists": "{/gist_id}",
    "starred": "{/owner}{/repo}",
    "events": "{/privacy}",
}
_TEMPLATE_PATHS = {"organizations": "orgs"}


def user(urls: Urls, account: Account) -> JsonObject:
    base = urls.user(account)
    is_bot = account.kind is AccountKind.BOT
    page = f"/apps/{account.login.removesuffix('[bot]')}" if is_bot else f"/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "avatar_url": urls.web(f"/_sandbox/avatars/{account.id}"),
        "gravatar_id": "",
        "url": base,
        "html_url": urls.web(page),
        **{f"{name}_url": f"{base}/{_TEMPLATE_PATHS.get(name, name)}" for name in _LISTS},
        **{f"{name}_url": f"{base}/{name}{template}" for name, template in _TEMPLATES.items()},
        "type": account.kind.value,
        "user_view_type": "public",
        "site_admin": False,
    }


def user_or_none(urls: Urls, account: Account | None) -> JsonObject | None:
    return None if account is None else user(urls, account)


def profile(urls: Urls, account: Account, public_repos: int) -> JsonObject:
    empty = ("company", "location", "email", "hireable", "bio", "twitter_username")
    return {
        **user(urls, account),
        "name": account.name,
        "blog": "",
        **dict.fromkeys(empty),
        "public_repos": public_repos,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": iso(account.created_at),
        "updated_at": iso(account.created_at),
    }


def own_profile(urls: Urls, account: Account, public_repos: int) -> JsonObject:
    zero = ("private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators")
    return {
        **profile(urls, account, public_repos),
        **dict.fromkeys(zero, 0),
        "two_factor_authentication": True,
        "plan": {"name": "free", "space": 0, "collaborators": 0, "private_repos": 0},
    }


def organization(urls: Urls, account: Account) -> JsonObject:
    base = urls.api(f"/orgs/{account.login}")
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "url": base,
        **{f"{name}_url": f"{base}/{name}" for name in ("repos", "events", "hooks", "issues")},
        "members_url": f"{base}/members{{/member}}",
        "public_members_url": f"{base}/public_members{{/member}}",
        "avatar_url": urls.web(f"/_sandbox/avatars/{account.id}"),
        "description": None,
    }


def app(urls: Urls, item: App) -> JsonObject:
    return {
        "id": item.id,
        "client_id": item.client_id,
        "slug": item.slug,
        "node_id": node_id("A", item.id),
        "owner": user(urls, item.owner),
        "name": item.name,
        "description": "",
        "external_url": urls.web(f"/apps/{item.slug}"),
        "html_url": urls.web(f"/apps/{item.slug}"),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.created_at),
        "permissions": dict(item.permissions),
        "events": list(item.events),
    }


def app_or_none(urls: Urls, item: App | None) -> JsonObject | None:
    return None if item is None else app(urls, item)


def installation(urls: Urls, item: Installation) -> JsonObject:
    is_org = item.account.kind is AccountKind.ORGANIZATION
    settings = f"/organizations/{item.account.login}" if is_org else ""
    return {
        "id": item.id,
        "client_id": item.app.client_id,
        "account": user(urls, item.account),
        "repository_selection": "all" if item.repository_ids is None else "selected",
        "access_tokens_url": urls.api(f"/app/installations/{item.id}/access_tokens"),
        "repositories_url": urls.api("/installation/repositories"),
        "html_url": urls.web(f"{settings}/settings/installations/{item.id}"),
        "app_id": item.app.id,
        "app_slug": item.app.slug,
        "target_id": item.account.id,
        "target_type": item.account.kind.value,
        "permissions": dict(item.permissions),
        "events": list(item.events),
        "created_at": iso(item.created_at),
        "updated_at": iso(item.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user_or_none(urls, item.suspended_by),
        "suspended_at": iso_or_none(item.suspended_at),
    }
