"""Writes a parsed Markdown tree as Markdown that means the same and does nothing.

Text is escaped, what GitHub would act on becomes code, HTML becomes visible text, HTML comments go, headings become
bold lines (so that foreign text cannot imitate the bot's own sections), links show where they lead, images are named
but not loaded. Fences that GitHub draws or applies (`mermaid`, `math`, `suggestion`, …) become plain ones.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from bot.comments.references import MARKER, Kind, is_linkable, scan

MAX_NESTING = 40
_OPTIONS = {"maxNesting": MAX_NESTING, "inline_definitions": True, "store_labels": True}
PARSER = MarkdownIt("commonmark", _OPTIONS).enable(["table", "strikethrough"])

ACTIVE_LANGUAGES = frozenset({"mermaid", "math", "geojson", "topojson", "stl", "suggestion"})
_LANGUAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+#_.-]{0,29}")
_SPECIAL = re.compile(r"[\\`*\[\]<>&~|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_BLOCK_START = re.compile(r"(?:[#+=:-]|[0-9]{1,9}(?=[.)]))")
_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class TooDeepError(Exception):
    """The Markdown is nested deeper than we follow; show it as code instead."""


def parse(text: str) -> SyntaxTreeNode:
    """The tree of `text`. Raises TooDeepError instead of losing what lies too deep."""
    tokens = PARSER.parse(text)
    if any(token.level >= MAX_NESTING - 2 for token in tokens):
        raise TooDeepError
    if any(child.level >= MAX_NESTING - 2 for token in tokens for child in token.children or ()):
        raise TooDeepError
    return SyntaxTreeNode(_without_used_definitions(tokens))


def _without_used_definitions(tokens: Sequence[Token]) -> list[Token]:
    """A definition that a link took is shown at the link; any other would hide its words from the reader."""
    used = {child.meta["label"] for token in tokens for child in token.children or () if "label" in child.meta}
    kept = []
    for token in tokens:
        if token.type == "definition" and token.meta["id"] in used:
            used.remove(token.meta["id"])
        else:
            kept.append(token)
    return kept


def parse_inline(text: str) -> Sequence[Token]:
    tokens = PARSER.parseInline(text)
    return tokens[0].children or [] if tokens else []


def blocks(tree: SyntaxTreeNode) -> str:
    """Markdown for the children of a tree."""
    return "\n\n".join(_siblings(tree.children))


def code_block(text: str, language: str = "") -> str:
    """A fence longer than any run of backticks inside. Our own marker cannot be forged in it."""
    body = _disarm(text)
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=2)
    fence = "`" * (longest + 1)
    lines = [f"{fence}{language if _is_plain(language) else ''}", *body.split("\n"), fence]
    # Bots that read raw text would take `/lgtm` at a line start inside a fence for a command.
    if any(re.match(r"/[A-Za-z]", line) for line in lines):
        lines = [f"  {line}" if line else "" for line in lines]
    return "\n".join(lines)


def _is_plain(language: str) -> bool:
    return bool(_LANGUAGE.fullmatch(language)) and language.lower() not in ACTIVE_LANGUAGES


def inline_code(text: str) -> str:
    """A code span around `text` on one line; empty text gives an empty string."""
    words = _disarm(re.sub(r"\s+", " ", text)).strip()
    if not words:
        return ""
    runs = {len(run) for run in re.findall(r"`+", words)}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    pad = " " if words[0] == "`" or words[-1] == "`" else ""
    return f"{fence}{pad}{words}{pad}{fence}"


def _disarm(code: str) -> str:
    return MARKER.sub("<! ", code)


# --- blocks ----------------------------------------------------------------------------------------------------------


def _siblings(nodes: Sequence[SyntaxTreeNode]) -> list[str]:
    written: list[str] = []
    previous = ""
    for node in nodes:
        # Two lists in a row need different markers, or they would become one.
        alternate = _Marker(previous in ("-", ".")) if node.type in ("bullet_list", "ordered_list") else None
        text = _list(node, alternate) if alternate else _block(node)
        if text:
            written.append(text)
            previous = "" if alternate is None else _list_marker(node, alternate)
    return written


@dataclass(frozen=True)
class _Marker:
    second: bool


def _list_marker(node: SyntaxTreeNode, marker: _Marker) -> str:
    if node.type == "bullet_list":
        return "*" if marker.second else "-"
    return ")" if marker.second else "."


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "paragraph":
            return inline(_inline_tokens(node))
        case "heading":
            words = inline([token for token in _inline_tokens(node) if token.type[:3] not in ("em_", "str")])
            return f"**{words}**" if words else ""
        case "fence" | "code_block":
            return _fence(node)
        case "blockquote":
            return "\n".join(f"> {line}" if line else ">" for line in blocks(node).split("\n"))
        case "hr":
            return "___"
        case "table":
            return _table(node)
        case "html_block":
            visible = _HTML_COMMENT.sub("", node.content)
            return inline([token for line in visible.split("\n") for token in (_text(line), _SOFT_BREAK)])
        case "definition":
            return inline(_definition(node))
        case _:
            return blocks(node)


def _inline_tokens(node: SyntaxTreeNode) -> list[Token]:
    child = node.children[0] if node.children else None
    if child is None or child.token is None:
        return []
    return child.token.children or []


def _text(words: str) -> Token:
    return Token("text", "", 0, content=words)


_SOFT_BREAK = Token("softbreak", "br", 0)


def _fence(node: SyntaxTreeNode) -> str:
    """Code; what stands behind its opening fence and is no language comes above it, for GitHub would hide it."""
    language, _, rest = re.sub(r"\s+", " ", node.info or "").strip().partition(" ")
    code = code_block(node.content.removesuffix("\n"), language)
    caption = inline([_text(rest if _is_plain(language) else f"{language} {rest}")])
    return f"{caption}\n\n{code}" if caption else code


def _definition(node: SyntaxTreeNode) -> list[Token]:
    """`[label]: address "title"`, which GitHub would not show, as a visible line."""
    address = Token("link_open", "a", 1, attrs={"href": node.meta["url"]}, markup="autolink")
    title = f" {node.meta['title']}" if node.meta["title"] else ""
    return [_text(f"[{node.meta['label']}]: "), address, Token("link_close", "a", -1), _text(title)]


def _list(node: SyntaxTreeNode, marker: _Marker) -> str:
    sign = _list_marker(node, marker)
    tight = all(child.hidden for item in node.children for child in item.children if child.type == "paragraph")
    items: list[str] = []
    for item in node.children:
        lead = f"{item.info}{sign} "  # the number as it was written
        body = _item_body(_siblings(item.children), item.children, tight)
        indented = "\n".join(f"{' ' * len(lead)}{line}" if line else "" for line in body.split("\n"))
        items.append(lead + indented[len(lead) :] if body else lead.rstrip())
    return ("\n" if tight else "\n\n").join(items)


def _item_body(written: Sequence[str], nodes: Sequence[SyntaxTreeNode], tight: bool) -> str:
    compact = [node.type for node in nodes] in (["paragraph"], ["paragraph", "bullet_list"])
    return ("\n" if tight and compact else "\n\n").join(written)


def _table(node: SyntaxTreeNode) -> str:
    rows = [
        [inline(_inline_tokens(cell), in_table=True) for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{' --- |' * len(rows[0])}")
    return "\n".join(lines)


# --- inline ----------------------------------------------------------------------------------------------------------


@dataclass
class _Line:
    """The inline text written so far, and the plain text waiting to be scanned as one run."""

    in_table: bool
    written: list[str] = field(default_factory=list)
    waiting: str = ""
    fresh: bool = True
    span: str = ""
    """What the code span at the very end of `written` shows: another one right behind it has to become one with it."""

    def text(self, words: str) -> None:
        self.waiting += words

    def flush(self) -> None:
        words, self.waiting = re.sub(r"[ \t\n]+", " ", self.waiting), ""
        position = 0
        for reference in scan(words, at_line_start=self.fresh):
            self._plain(words[position : reference.start])
            self._reference(reference.kind, reference.text)
            position = reference.end
        self._plain(words[position:])

    def raw(self, markup: str, *, visible: bool = True) -> None:
        self.flush()
        self.written.append(markup)
        self.span = ""
        self.fresh = self.fresh and not visible

    def code(self, words: str) -> None:
        self.flush()
        self._code(words)

    def end(self, hard: bool) -> None:
        self.flush()
        self.written.append("\\\n" if hard else "\n")
        self.span = ""
        self.fresh = True

    def _plain(self, words: str) -> None:
        if not words:
            return
        if self.fresh:
            words = words.lstrip()
        escaped = _SPECIAL.sub(r"\\\g<0>", words)
        if self.fresh and (start := _BLOCK_START.match(escaped)):
            end = start.end()
            escaped = f"{escaped[:end]}\\{escaped[end:]}" if escaped[0].isdigit() else f"\\{escaped}"
        self.written.append(escaped)
        self.span = "" if escaped else self.span
        self.fresh = self.fresh and not words

    def _reference(self, kind: Kind, words: str) -> None:
        if kind is Kind.URL and is_linkable(words):
            self.written.append(f"<{words}>")
            self.span = ""
            self.fresh = False
        else:
            self._code(words)

    def _code(self, words: str) -> None:
        if self.span:
            self.written.pop()
        span = inline_code(self.span + words)
        if not span:
            return
        self.written.append(span.replace("|", "\\|") if self.in_table else span)
        self.span += words
        self.fresh = False


def inline(tokens: Sequence[Token], *, in_table: bool = False) -> str:
    """Markdown for inline tokens; lines stay lines, never blank."""
    line = _Line(in_table)
    links: list[tuple[str, str]] = []
    silent = False
    for position, token in enumerate(tokens):
        if token.type == "link_close":
            silent = False
            _link_end(line, *links.pop())
        elif silent:
            continue
        elif token.type == "link_open":
            href, title = str(token.attrs.get("href", "")), str(token.attrs.get("title", ""))
            if _shows_its_address(tokens, position, href):
                _destination(line, href)
                links.append(("", title))
                silent = True
            else:
                links.append((href, title))
        else:
            _leaf(line, token)
    line.flush()
    return "\n".join(filter(None, (part.strip() for part in "".join(line.written).split("\n"))))


def _shows_its_address(tokens: Sequence[Token], position: int, href: str) -> bool:
    """Is the link's text its own address, so that saying it once is enough?"""
    if tokens[position].markup == "autolink":
        return True
    text, close = tokens[position + 1 : position + 3] if len(tokens) > position + 2 else (None, None)
    return text is not None and close is not None and close.type == "link_close" and text.content == href


def _link_end(line: _Line, href: str, title: str) -> None:
    """Where the link leads, and the words that show only to a mouse."""
    if href or title:
        line.text(" (")
        _destination(line, href)
        line.text(f"{', ' if href and title else ''}{title})")


def _leaf(line: _Line, token: Token) -> None:
    match token.type:
        case "html_inline":
            line.text(_HTML_COMMENT.sub("", token.content))
        case "code_inline":
            line.code(token.content)
        case "softbreak" | "hardbreak" if line.in_table:
            line.text(" ")
        case "softbreak" | "hardbreak":
            line.end(hard=token.type == "hardbreak")
        case "em_open" | "em_close":
            line.raw("*", visible=False)
        case "strong_open" | "strong_close":
            line.raw("**", visible=False)
        case "s_open" | "s_close":
            line.raw("~~", visible=False)
        case "image":
            line.text(f"{token.content} (image: ")
            _destination(line, str(token.attrs.get("src", "")))
            line.text(f", {title})" if (title := token.attrs.get("title")) else ")")
        case _:
            line.text(token.content)


def _destination(line: _Line, url: str) -> None:
    if is_linkable(url):
        line.raw(f"<{url}>")
    else:
        line.code(url.removeprefix("mailto:"))


# --- reading back ----------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """Plain text that stands together on the page: not in code, not in a link."""

    text: str
    at_line_start: bool


def inline_runs(tokens: Sequence[Token]) -> Iterator[Run]:
    fresh = True
    depth = 0
    for token in tokens:
        depth += token.nesting if token.type.startswith("link_") else 0
        if token.type == "text" and not depth:
            yield Run(token.content, fresh)
        if token.type in ("softbreak", "hardbreak"):
            fresh = True
        elif token.content.strip() or token.type.startswith("link_"):
            fresh = False
