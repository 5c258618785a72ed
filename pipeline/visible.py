"""Text as a reader sees it: nothing that is there but invisible survives. Pure."""

import re
import unicodedata

from markdown_it import MarkdownIt

_INVISIBLE = re.compile(
    "[\u00ad\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn"})
_INLINE_COMMENT = re.compile(r"(?<!`)<!--.*?-->(?!`)")
_MARKDOWN = MarkdownIt("commonmark")


def visible(text: str) -> str:
    """Without zero-width, direction, tag and control characters; line ends are LF."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    shown = _INVISIBLE.sub("", lines)
    if shown.replace("\n", "").replace("\t", "").isprintable():  # the usual case, and much faster
        return shown
    return "".join(c for c in shown if c in "\n\t" or unicodedata.category(c) not in _UNPRINTABLE)


def visible_markdown(text: str) -> str:
    """The same, and without HTML comments outside code."""
    shown = visible(text)
    if "<!--" not in shown:
        return shown
    lines = shown.split("\n")
    code: set[int] = set()
    for token in _MARKDOWN.parse(shown):
        if token.map is None:
            continue
        if token.type in ("fence", "code_block"):
            code.update(range(*token.map))
        elif token.type == "html_block" and token.content.lstrip().startswith("<!--"):
            block = re.sub(r"<!--.*?(-->|\Z)", "", token.content, flags=re.DOTALL).rstrip("\n").split("\n")
            height = token.map[1] - token.map[0]
            lines[token.map[0] : token.map[1]] = [*block, *[""] * (height - len(block))][:height]
    kept = [line if number in code else _INLINE_COMMENT.sub("", line) for number, line in enumerate(lines)]
    return "\n".join(kept)
