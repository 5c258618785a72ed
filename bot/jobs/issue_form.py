"""Reads a request from an issue: the form's answers where the body has them, else the free text alone. Never fails.

GitHub renders a submitted form as `### Label` and the answer below it, `_No response_` where nothing was written. Only
the form's own labels split the text, so headings inside an answer stay part of it; the first of two equal labels wins.
"""

import re
from itertools import pairwise

from markdown_it import MarkdownIt

from bot.credentials import scrub
from pipeline.models import SkillRequest

_NO_RESPONSE = "_No response_"
_PREFIX = re.compile(r"^\s*(skill request|new skill)\s*:\s*", re.IGNORECASE)
_LABELS = {
    "name": "name",
    "skill name": "name",
    "what it should do": "purpose",
    "what should it do": "purpose",
    "what should the skill do": "purpose",
    "purpose": "purpose",
    "when an agent should use it": "when",
    "when should an agent use it": "when",
    "when to use it": "when",
    "examples": "examples",
    "constraints": "constraints",
    "references": "references",
    "existing skill": "existing_skill",
}
_SHORT = {"name", "existing_skill"}
_MAX_TEXT = 70_000
_MAX_LINE = 1_000
_parser = MarkdownIt("commonmark")


def read_request(title: str, body: str, author: str) -> SkillRequest:
    """The request in an issue, without credentials. Untrusted throughout; cut to the bounds of SkillRequest."""
    text = scrub(body.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")[:_MAX_TEXT])
    fields = form_fields(text)
    return SkillRequest(
        title=_PREFIX.sub("", scrub(title.replace("\x00", ""))).strip()[:_MAX_LINE],
        text=text,
        author=author[:100],
        **{name: _bounded(name, answer) for name, answer in fields.items()},
    )


def form_fields(text: str) -> dict[str, str]:
    """Field name to answer, for the form's labels that occur as top-level headings of level three."""
    lines = text.split("\n")
    starts = _label_lines(text)
    ends = [*(begin for begin, _, _ in starts), len(lines)][1:]
    fields: dict[str, str] = {}
    for (_, below, name), end in zip(starts, ends, strict=True):
        answer = "\n".join(lines[below:end]).strip()
        fields.setdefault(name, "" if answer == _NO_RESPONSE else answer)
    return fields


def _label_lines(text: str) -> list[tuple[int, int, str]]:
    """First line of each label, first line below it, field name."""
    tokens = _parser.parse(text)
    found: list[tuple[int, int, str]] = []
    for token, inline in pairwise(tokens):
        if token.type != "heading_open" or token.tag != "h3" or token.level or not token.map:
            continue
        name = _LABELS.get(inline.content.strip().rstrip("?:").strip().casefold())
        if name:
            found.append((token.map[0], token.map[1], name))
    return found


def _bounded(name: str, answer: str) -> str:
    return " ".join(answer.split())[:_MAX_LINE] if name in _SHORT else answer[:_MAX_TEXT]
