"""A Markdown body cut at its `##` headings, byte for byte: joining the parts gives the body back. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.visible import visible_markdown

_HEADING = re.compile(r"^ {0,3}##[ \t]+(?P<title>.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(?P<mark>`{3,}|~{3,})(?P<info>.*)$")


@dataclass(frozen=True)
class Part:
    """`heading` is "" for what stands before the first `##`; `text` is everything, the heading's line included."""

    heading: str
    text: str

    @property
    def below(self) -> str:
        """The text without the heading's line."""
        return self.text.partition("\n")[2] if self.heading else self.text


def split(body: str) -> list[Part]:
    """The parts in order; the first has no heading and may be empty. Headings inside code fences do not count."""
    parts: list[list[str]] = [[]]
    headings = [""]
    fence = ""
    for line in body.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        if match := _FENCE.match(bare):
            mark = match["mark"]
            if not fence and not (mark[0] == "`" and "`" in match["info"]):
                fence = mark
            elif fence and mark[0] == fence[0] and len(mark) >= len(fence) and not match["info"].strip():
                fence = ""
        elif not fence and (heading := _HEADING.match(bare)):
            headings.append(heading["title"] or "Section")
            parts.append([])
        parts[-1].append(line)
    return [Part(heading, "".join(lines)) for heading, lines in zip(headings, parts, strict=True)]


def join(parts: Sequence[Part]) -> str:
    """The body. A part that would run into the next heading gets the missing blank line; others stay untouched."""
    texts: list[str] = []
    for part in parts:
        if texts and texts[-1].strip() and part.heading and not texts[-1].endswith("\n\n"):
            texts[-1] = texts[-1].rstrip("\n") + "\n\n"
        texts.append(part.text)
    return "".join(texts)


def part(heading: str, markdown: str) -> Part:
    """A part with its own heading line, ready to stand between others."""
    title = " ".join(heading.replace("#", " ").split()) or "Section"
    return Part(title, f"## {title}\n\n{markdown.strip()}\n\n")


def intro(markdown: str) -> Part:
    """The part before the first `##`."""
    return Part("", f"{markdown.strip()}\n\n" if markdown.strip() else "")


def rename(section: Part, heading: str) -> Part:
    """The part under another heading, its text below untouched."""
    title = " ".join(heading.replace("#", " ").split())
    return replace(section, heading=title, text=f"## {title}\n{section.below}")


def headings(body: str) -> list[str]:
    """The `##` headings in order."""
    return [found.heading for found in split(body) if found.heading]


def unwrapped(body: str) -> str:
    """What a model wrote, without a fence around the whole and without frontmatter it was told not to write."""
    text = visible_markdown(body).strip("\n")
    lines = text.split("\n")
    first = _FENCE.match(lines[0])
    if first and first["info"].strip().lower() in ("", "markdown", "md") and lines[-1].strip() == first["mark"]:
        inner = lines[1:-1]
        if sum(1 for line in inner if _FENCE.match(line)) % 2 == 0:
            lines = inner
    if lines and lines[0].strip() == "---" and "---" in (rest := [line.strip() for line in lines[1:40]]):
        keys = lines[1 : rest.index("---") + 1]
        if any(re.match(r"[A-Za-z_-]+\s*:", key) for key in keys):
            lines = lines[rest.index("---") + 2 :]
    return "\n".join(lines).strip("\n") + "\n"
