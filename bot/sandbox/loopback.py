"""Who may drive the sandbox: programs on this machine that call it by a loopback name, so that no web page can."""

from aiohttp import web

_ADDRESSES = ("127.0.0.1", "::1")
_NAMES = ("127.0.0.1", "localhost", "::1")


def is_called_by_loopback_name(request: web.Request) -> bool:
    """False for another host's name: a DNS entry that was rebound to this machine."""
    return request.url.host in _NAMES


def is_from_this_machine(request: web.Request) -> bool:
    """A caller on this machine, by a loopback name, and not a script of somebody else's page in a browser here."""
    foreign_page = request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return request.remote in _ADDRESSES and is_called_by_loopback_name(request) and not foreign_page
