"""Lists over several answers, with GitHub's `Link` header: addresses by repository id, query kept."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from bot.sandbox.calls import Call
from bot.sandbox.model import Repository
from bot.sandbox.requests import Reply
from bot.sandbox.values import JsonObject

T = TypeVar("T")


def link_path(call: Call, repo: Repository | None) -> str:
    if repo is None or "repository_id" in call.params:
        return call.path
    rest = call.path.split("/", 4)[4:]
    return "/".join([f"/repositories/{repo.id}", *rest])


def window(call: Call, items: Sequence[T], repo: Repository | None = None) -> tuple[Sequence[T], dict[str, str]]:
    """The asked page of a list and its headers."""
    size, page = call.query.per_page, call.query.page
    last = max(1, -(-len(items) // size))
    path = link_path(call, repo)

    def link(number: int, rel: str) -> str:
        query = urlencode({**call.query.values, "page": number})
        return f'<{call.world.urls.api(path)}?{query}>; rel="{rel}"'

    links = []
    if page > 1:
        links += [link(min(page - 1, last), "prev")]
    if page < last:
        links += [link(page + 1, "next"), link(last, "last")]
    if page > 1:
        links += [link(1, "first")]
    return items[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {}


def listing(call: Call, items: Sequence[T], render: Callable[[T], JsonObject], repo: Repository | None = None) -> Reply:
    shown, headers = window(call, items, repo)
    return Reply(200, [render(item) for item in shown], headers)


def counted(
    call: Call,
    key: str,
    items: Sequence[T],
    render: Callable[[T], JsonObject],
    repo: Repository | None = None,
    extra: JsonObject | None = None,
) -> Reply:
    """The form `{total_count, <key>: [...]}`."""
    shown, headers = window(call, items, repo)
    return Reply(200, {"total_count": len(items), **(extra or {}), key: [render(item) for item in shown]}, headers)
