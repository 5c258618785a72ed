"""Who may drive the sandbox: programs on this machine that call it by a loopback name, so that no web page can."""

from aiohttp import web

from bot.pages.safety import LOOPBACK_ADDRESSES, is_called_by_loopback_name


def is_from_this_machine(request: web.Request) -> bool:
    """A caller on this machine, by a loopback name, and not a script of somebody else's page in a browser here."""
    foreign_page = request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
    return request.remote in LOOPBACK_ADDRESSES and is_called_by_loopback_name(request) and not foreign_page
