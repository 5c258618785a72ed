"""Markdown as a thread shows it: rendered, then sanitised; numbers and addresses in the text become links."""

import html
import posixpath
import re
from collections.abc import Container
from dataclasses import dataclass
from urllib.parse import quote

from markdown_it import MarkdownIt
from markupsafe import Markup

from bot.sandbox.pages.sanitise import rebuild

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_LINKED = re.compile(
    r"(?P<url>https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]}])|(?<![\w&/#])#(?P<number>\d{1,9})\b"
    r"|(?<![\w./@-])@(?P<login>[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?)"
)


@dataclass(frozen=True)
class Place:
    """Where a text stands: `root` is the repository's page, `numbers` the threads there are, `folder` the file's."""

    root: str
    numbers: Container[int] = ()
    logins: Container[str] = ()
    folder: str = ""
    ref: str = "main"


def render(text: str | None, place: Place) -> Markup:
    """Safe HTML. Hidden comments vanish; raw HTML keeps only what the sanitiser lists."""

    def words(data: str) -> str:
        return _linked(data, place)

    def link(address: str) -> str:
        return _absolute(address, place)

    return Markup(rebuild(_MARKDOWN.render(text or ""), words, link))  # noqa: S704 - built anew from escaped parts


def without_frontmatter(text: str) -> tuple[str, str]:
    """The YAML between the first two `---` lines, and what follows it."""
    found = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    return (found[1], text[found.end() :]) if found else ("", text)


def _linked(text: str, place: Place) -> str:
    parts, position = [], 0
    for match in _LINKED.finditer(text):
        parts.append(html.escape(text[position : match.start()]))
        parts.append(_link(match, place))
        position = match.end()
    return "".join([*parts, html.escape(text[position:])])


def _link(match: re.Match[str], place: Place) -> str:
    shown = html.escape(match[0])
    if match["url"]:
        return f'<a href="{shown}" rel="nofollow noreferrer">{shown}</a>'
    if match["login"]:
        return f'<span class="mention">{shown}</span>' if match["login"].lower() in place.logins else shown
    if int(match["number"]) in place.numbers:
        return f'<a href="{html.escape(place.root)}/issues/{match["number"]}">{shown}</a>'
    return shown


def _absolute(address: str, place: Place) -> str:
    """A relative address is a file next to this one, as in a repository."""
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/|#", address):
        return address
    path = posixpath.normpath(posixpath.join(place.folder, address.split("#", 1)[0]))
    return f"{place.root}/blob/{quote(place.ref)}/{quote(path.lstrip('./'), safe='/%')}"
