"""HTML from outside, built anew from a short list of elements; what is not on the list never reaches the page.

Only comments are hidden; a script's text is shown as text. Text and attributes are written escaped and every
element that was opened is closed, so text cannot leave its box.
"""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urlsplit

_PLAIN = frozenset(
    {
        *("p", "blockquote", "ul", "ol", "li", "pre", "code", "em", "strong", "s", "del", "ins", "a", "q"),
        *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "sub", "sup", "kbd", "samp", "var"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
    }
)
_VOID = frozenset(("br", "hr"))
_ONLY_INSIDE = {
    "li": ("ul", "ol"),
    "thead": ("table",),
    "tbody": ("table",),
    "tr": ("table",),
    "th": ("tr",),
    "td": ("tr",),
    "summary": ("details",),
}
_SCHEMES = frozenset(("", "http", "https", "mailto"))
_LANGUAGE = re.compile(r"language-[\w+#.-]+")
_ALIGN = re.compile(r"text-align:\s*(left|right|center)")
_TASK = re.compile(r"^\s*\[([ xX])\] ")
_EMPTY_HEADER = re.compile(r"<th( class=\"\w+\")?></th>")  # says nothing of its column
_FIRST_HEADING = 3

Words = Callable[[str], str]
"""Turns plain text into HTML; must escape it."""


def rebuild(raw: str, words: Words = html.escape, link: Callable[[str], str] = str) -> str:
    """HTML that is safe to show. `words` writes text outside code and links, `link` rewrites relative addresses."""
    builder = _Builder(words, link)
    builder.feed(raw)
    builder.close()
    return builder.finish()


def safe_address(address: str) -> str | None:
    """The address without control characters if a click on it is harmless, else None."""
    cleaned = re.sub(r"[\x00-\x20\x7f]", "", address)
    try:
        scheme = urlsplit(cleaned).scheme
    except ValueError:
        return None
    return cleaned if scheme.lower() in _SCHEMES else None


class _Builder(HTMLParser):
    def __init__(self, words: Words, link: Callable[[str], str]) -> None:
        super().__init__(convert_charrefs=True)
        self._words, self._link = words, link
        self._out: list[str] = []
        self._open: list[tuple[str, str]] = []  # the name in the source, the name that was written
        self._outline: list[int] = []

    def finish(self) -> str:
        while self._open:
            self._close()
        return _EMPTY_HEADER.sub(r"<td\1></td>", "".join(self._out))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._out.append(f"<{tag}>")
        elif tag == "img":
            self._image(given)
        elif tag in _PLAIN and self._allowed_here(tag):
            written = self._heading(tag) if re.fullmatch(r"h[1-6]", tag) else tag
            if tag == "table":
                self._out.append('<div class="scroll" tabindex="0" role="group" aria-label="Table">')
            self._out.append(f"<{written}{self._attributes(tag, given)}>")
            self._open.append((tag, written))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID and tag != "img":
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in (name for name, _ in self._open):
            while self._close() != tag:
                pass

    def handle_data(self, data: str) -> None:
        names = {name for name, _ in self._open}
        if names & {"a", "code", "pre"}:
            self._out.append(html.escape(data))
            return
        task = _TASK.match(data) if "li" in names and self._out and self._out[-1] in ("<li>", "<p>") else None
        if task:
            self._out.append("☐ " if task[1] == " " else "☑ ")
            data = data[task.end() :]
        self._out.append(self._words(data))

    def _close(self) -> str:
        name, written = self._open.pop()
        self._out.append(f"</{written}>" + ("</div>" if name == "table" else ""))
        return name

    def _allowed_here(self, tag: str) -> bool:
        needed = _ONLY_INSIDE.get(tag)
        return needed is None or any(name in needed for name, _ in self._open)

    def _heading(self, tag: str) -> str:
        """Headings continue the page's outline without gaps, whatever levels the text uses."""
        level = int(tag[1])
        while self._outline and self._outline[-1] >= level:
            self._outline.pop()
        self._outline.append(level)
        return f"h{min(6, _FIRST_HEADING - 1 + len(self._outline))}"

    def _attributes(self, tag: str, given: dict[str, str]) -> str:
        if tag == "a":
            address = safe_address(given.get("href", ""))
            return f' href="{html.escape(self._link(address))}" rel="nofollow noreferrer"' if address else ""
        if tag == "pre":
            return ' tabindex="0"'
        if tag == "code" and _LANGUAGE.fullmatch(given.get("class", "")):
            return f' class="{html.escape(given["class"])}"'
        if tag == "ol" and given.get("start", "").isdecimal():
            return f' start="{int(given["start"][:9])}"'
        if tag in ("th", "td") and (align := _ALIGN.search(given.get("style", ""))):
            return f' class="{align[1]}"'
        return ""

    def _image(self, given: dict[str, str]) -> None:
        """Nothing is fetched from elsewhere: a picture is shown as a link to it."""
        label = html.escape(f"🖼 {given.get('alt') or 'picture'}")
        address = safe_address(given.get("src", ""))
        inside = any(name == "a" for name, _ in self._open)
        if address and not inside:
            self._out.append(f'<a href="{html.escape(self._link(address))}" rel="nofollow noreferrer">{label}</a>')
        else:
            self._out.append(label)
