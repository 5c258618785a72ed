"""What GitHub acts on in people's text: mentions, references, closing keywords. Never in code or HTML comments.

The Markdown is rendered in spirit: entities and backslashes are resolved first, tags are dropped, text is what counts.
"""

import html
import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from bot.sandbox.model import Repository

_MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})
_VERB = r"(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)"
_NAME = r"[a-z\d](?:[a-z\d]|-(?=[a-z\d])){0,38}"
_NUMBER = (
    rf"(?:(?P<repo>{_NAME}/[\w.-]+)?#|GH-|(?P<url>https?://[^\s/]+/{_NAME}/[\w.-]+)/(?:issues|pull)/)(?P<number>\d+)\b"
)
_REFERENCE = re.compile(rf"(?<![\w/&#-]){_NUMBER}", re.IGNORECASE)
_CLOSING = re.compile(rf"(?<![\w-]){_VERB}:?\s+{_NUMBER}", re.IGNORECASE)
_MENTION = re.compile(rf"(?<![\w/`@])@({_NAME}(?:/[\w-]+)?)(?![\w-]*@)", re.IGNORECASE)
_CODE = re.compile(r"<!--.*?(?:-->|\Z)|<(code|pre|script|style)\b.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_HOLE = "\0"  # stands where code was, so that words on its two sides stay apart


@dataclass(frozen=True)
class Read:
    """Logins and teams (`org/team`) that are notified, and numbers of this repository that are linked or closed."""

    mentions: tuple[str, ...]
    references: tuple[int, ...]
    closes: tuple[int, ...]


def plain_text(markdown: str) -> str:
    """The text of rendered Markdown, blocks apart, code and links' addresses left out."""
    parts: list[str] = []
    for token in _MARKDOWN.parse(markdown):
        if token.type == "html_block":
            parts.append(html.unescape(_TAG.sub("", _CODE.sub(_HOLE, token.content))))
        in_code = 0
        for child in token.children or []:
            if child.type == "html_inline":
                in_code += bool(re.match(r"<(code|pre)\b", child.content)) - bool(
                    re.match(r"</(code|pre)", child.content)
                )
            elif child.type in ("softbreak", "hardbreak"):
                parts.append("\n")
            elif in_code or child.type in ("code_inline", "image"):
                parts.append(_HOLE)
            else:
                parts.append(child.content if child.type == "text" else "")
        parts.append("\n\n")
    return "".join(parts)


def _numbers(pattern: re.Pattern[str], text: str, repo: Repository) -> tuple[int, ...]:
    here = repo.full_name.lower()
    found = []
    for match in pattern.finditer(text):
        elsewhere = match["repo"] and match["repo"].lower() != here
        if not elsewhere and not (match["url"] and not match["url"].lower().endswith(f"/{here}")):
            found.append(int(match["number"]))
    return tuple(dict.fromkeys(found))


def read(markdown: str, repo: Repository) -> Read:
    text = plain_text(markdown)
    mentions = tuple(dict.fromkeys(match[1].lower() for match in _MENTION.finditer(text)))
    return Read(mentions, _numbers(_REFERENCE, text, repo), _numbers(_CLOSING, text, repo))


def closed_by_commit(message: str, repo: Repository) -> tuple[int, ...]:
    """Issue numbers that a commit with this message, which is not Markdown, closes on the default branch."""
    return _numbers(_CLOSING, message, repo)
