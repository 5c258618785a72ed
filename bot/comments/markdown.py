"""The one sanitiser: everything people or models wrote passes here before it goes into a comment, title or commit.

In: untrusted text. Out: Markdown (or plain text) with the same meaning in which nothing is active: no mentions,
references, back-reference links, closing keywords, commands, markers, HTML, remote images, drawings or invisible
characters. The result is a fixed point: sanitising it again changes nothing. Whatever cannot be brought to one, or
still shows something active when read back, is shown as a code block instead. Never raises.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.comments import render
from bot.comments.audit import is_inert
from bot.comments.invisible import clean, reveal
from bot.comments.references import MARKER, break_plain, scan

LIMIT = 65_536
"""What GitHub accepts as the body of a comment or pull request, in characters."""
ROOM = 64_000
"""What our texts may use of it; the rest is for the hidden markers that the effects add."""
_PASSES = 6
_PROSE = re.compile(r"[A-Za-z](?:[A-Za-z0-9 ,;()'\"/?%+-]|[.:!](?= |$))*")
"""One line in which no character can be Markdown where it stands; a `scan` has to say the rest."""
_LEFT_OUT = "\\[… {count} more characters are not shown\\]"


@dataclass(frozen=True)
class Fitted:
    """A body within the limit, and what had to stay outside (None when all of it fits)."""

    body: str
    overflow_text: str | None


def safe_block(text: str, max_chars: int = 20_000) -> str:
    """Inert Markdown of any number of paragraphs, at most `max_chars` long; a cut is visible and breaks no fence."""
    source = clean(text).text.strip("\n")
    # Parsing a text far beyond the limit would cost time for nothing.
    if len(source) <= 2 * max_chars and len(result := _stable_block(source)) <= max_chars:
        return result
    kept = max_chars
    for _ in range(12):
        notice = _LEFT_OUT.format(count=f"{len(source) - kept:,}")
        body = _stable_block(source[:kept])
        result = f"{body}\n\n{notice}" if body else notice
        if len(result) <= max_chars and _stable_block(result) == result:
            return result
        excess = max(len(result) - max_chars, 1)
        kept = max(0, min(kept - excess, kept * 9 // 10))
    return inline_code("…")


def safe_inline(text: str, max_chars: int = 600) -> str:
    """Inert Markdown on one line, at most `max_chars` long, ending in `…` when cut."""
    source = _one_line(clean(text).text)
    kept = len(source) if len(source) <= 2 * max_chars else max_chars
    while True:
        result = _stable_inline(source if kept == len(source) else source[:kept].rstrip() + "…")
        if len(result) <= max_chars:
            return result
        if not kept:
            return "…"[:max_chars]
        kept = max(0, min(kept - (len(result) - max_chars), kept * 9 // 10))


def cell(text: str, max_chars: int = 300) -> str:
    """`safe_inline` for a table cell: no bar divides it, not even one inside code."""
    return re.sub(r"(?<!\\)\|", r"\\|", safe_inline(text, max_chars))


def safe_plain(text: str, max_chars: int = 200) -> str:
    """One inert line without Markdown, for titles and the subjects and lines of commit messages."""
    source = _one_line(clean(text).text)
    words = _plain(source[: 4 * max_chars])
    if len(source) <= 4 * max_chars and len(words) <= max_chars:
        return words
    kept = max_chars - 1
    while len(cut := _plain(words[:kept]) + "…") > max_chars or _plain(cut) != cut:
        kept -= 1
    return cut


def code_block(text: str, language: str = "", max_chars: int | None = None) -> str:
    """`text` exactly as it is in a fence longer than any inside; invisible characters are shown, a cut is announced."""
    source = reveal(text).rstrip("\n")
    if max_chars is None or len(block := render.code_block(source, language)) <= max_chars:
        return render.code_block(source, language)
    kept = max(0, max_chars - (len(block) - len(source)) - 60)
    notice = _LEFT_OUT.format(count=f"{len(source) - kept:,}")
    return f"{render.code_block(source[:kept], language)}\n\n{notice}"


def suggestion(lines: Sequence[str]) -> str | None:
    """What GitHub offers to put in place of the lines that a review comment stands at: exactly these.

    None when they hold something that we never write as it is: invisible characters, our marker, a line that other
    bots would take for a command.
    """
    text = "\n".join(lines)
    if reveal(text) != text or MARKER.search(text) or any(re.match(r"/[A-Za-z]", line) for line in lines):
        return None
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return "\n".join([f"{fence}suggestion", *lines, fence])


def inline_code(text: str) -> str:
    """`text` as a code span on one line."""
    return render.inline_code(reveal(text))


def quote(text: str, max_chars: int = 2_000) -> str:
    """Inert Markdown as a block quote."""
    return "\n".join(f"> {line}" if line else ">" for line in safe_block(text, max_chars).split("\n"))


def details(summary: str, body: str) -> str:
    """A folded section. `summary` is plain text and made safe here; `body` must already be safe Markdown."""
    return f"<details>\n<summary>{_summary(summary)}</summary>\n\n{body}\n\n</details>"


def fit(body: str, overflow: str = "", notice: str = "") -> Fitted:
    """`body` with `overflow` below it if both fit; else `body` and `notice`, and the overflow for somewhere else."""
    whole = f"{body}\n\n{overflow}" if overflow else body
    if len(whole) <= ROOM:
        return Fitted(whole, None)
    if not overflow:
        return Fitted(safe_block(body, ROOM), body)
    shorter = f"{body}\n\n{notice}" if notice else body
    return Fitted(shorter if len(shorter) <= ROOM else safe_block(shorter, ROOM), overflow)


def removed_characters(text: str) -> int:
    """How many invisible characters the sanitiser takes out of `text`, so that people can be told."""
    return clean(text).removed


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _plain(text: str) -> str:
    for _ in range(_PASSES):
        again = break_plain(MARKER.sub("<! ", _one_line(text)))
        if again == text:
            return text
        text = again
    return re.sub(r"[^\w\s]", "", text)


def _summary(text: str) -> str:
    words = _one_line(clean(text).text)
    parts: list[str] = []
    position = 0
    for reference in scan(words, at_line_start=True):
        parts += [html.escape(words[position : reference.start]), f"<code>{html.escape(reference.text)}</code>"]
        position = reference.end
    return "".join([*parts, html.escape(words[position:])])


def _visible(text: str) -> str:
    """What joined two characters may stand alone once markup has come between them or gone."""
    return clean(text).text


def _stable_block(source: str) -> str:
    try:
        text = _visible(render.blocks(render.parse(source)))
        for _ in range(_PASSES):
            tree = render.parse(text)
            again = _visible(render.blocks(tree))
            if again == text:
                if is_inert(tree):
                    return text
                break
            text = again
    except (render.TooDeepError, RecursionError):
        pass
    return render.code_block(source)


def _stable_inline(source: str) -> str:
    if _PROSE.fullmatch(source) and next(scan(source, at_line_start=True), None) is None:
        return source  # most of what is said: parsing it would only find that out
    return _parsed_inline(source)


def _parsed_inline(source: str) -> str:
    text = _one_line(_visible(render.inline(render.parse_inline(source))))
    for _ in range(_PASSES):
        again = _one_line(_visible(render.inline(render.parse_inline(text))))
        if again == text:
            tree = render.parse(text)
            plain = not text or [node.type for node in tree.children] == ["paragraph"]
            return text if plain and is_inert(tree) else inline_code(source)
        text = again
    return inline_code(source)
