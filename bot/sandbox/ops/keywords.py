"""Closing keywords, read the way GitHub reads them: never inside code, quotes count, HTML comments do not."""

import re

from markdown_it import MarkdownIt

from bot.sandbox.model import Repository

_MARKDOWN = MarkdownIt("commonmark")
_VERB = r"(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)"
_TARGET = r"(?:(?P<repo>[\w.-]+/[\w.-]+)?#|(?P<url>https?://[^\s/]+/[\w.-]+/[\w.-]+/issues/)|GH-)(?P<number>\d+)\b"
_CLOSING = re.compile(rf"(?<![\w-]){_VERB}:?\s+{_TARGET}", re.IGNORECASE)


def _plain(markdown: str) -> str:
    parts: list[str] = []
    for token in _MARKDOWN.parse(markdown):
        for child in token.children or []:
            if child.type == "text":
                parts.append(child.content)
            elif child.type in ("softbreak", "hardbreak"):
                parts.append("\n")
            else:
                parts.append("\0" if child.type == "code_inline" else "")
        parts.append("\n\n")
    return "".join(parts)


def _numbers(text: str, repo: Repository) -> list[int]:
    found = []
    for match in _CLOSING.finditer(text):
        elsewhere = match["repo"] and match["repo"].lower() != repo.full_name.lower()
        other_url = match["url"] and not match["url"].lower().endswith(f"/{repo.full_name.lower()}/issues/")
        if not elsewhere and not other_url:
            found.append(int(match["number"]))
    return list(dict.fromkeys(found))


def closed_by_description(markdown: str, repo: Repository) -> list[int]:
    """Issue numbers of this repository that merging a pull request with this description closes."""
    return _numbers(_plain(markdown), repo)


def closed_by_commit(message: str, repo: Repository) -> list[int]:
    """Issue numbers that a commit with this message closes once it is on the default branch."""
    return _numbers(message, repo)
