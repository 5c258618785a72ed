"""A Markdown file's change as readers see it: whole blocks, rendered, those that went and those that came. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from markdown_it import MarkdownIt

from bot.sandbox.pages.markdown import without_frontmatter

_BLOCKS = MarkdownIt("commonmark").enable(["table"])
_MAX_BLOCKS = 600


@dataclass(frozen=True)
class Block:
    """A paragraph, list, table, code block or heading as Markdown."""

    kind: Literal["added", "removed", "kept"]
    text: str


def compare(before: str, after: str) -> tuple[Block, ...]:
    """The blocks of both texts in order; a changed one is there twice. Empty when there are too many to compare."""
    old, new = list(_split(before)), list(_split(after))
    if len(old) + len(new) > _MAX_BLOCKS:
        return ()
    found: list[Block] = []
    for action, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if action == "equal":
            found += [Block("kept", text) for text in old[start:end]]
        else:
            found += [Block("removed", text) for text in old[start:end]]
            found += [Block("added", text) for text in new[new_start:new_end]]
    return tuple(found)


def _split(text: str) -> Iterator[str]:
    front, body = without_frontmatter(text)
    if front:
        yield f"```yaml\n{front}```\n"
    lines = body.splitlines(keepends=True)
    for token in _BLOCKS.parse(body):
        if token.level == 0 and token.nesting >= 0 and token.map:
            yield "".join(lines[token.map[0] : token.map[1]]).rstrip("\n") + "\n"
