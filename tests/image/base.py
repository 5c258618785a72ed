"""The Dockerfile on another base, for machines that cannot fetch the one it pins; the file itself stays as it is."""

from tests.dockerfile import PATH, read


def rebased(base: str, text: str | None = None) -> str:
    """The text with `base` in every FROM that names the pinned one; the text itself when `base` is empty."""
    text = PATH.read_text() if text is None else text
    if not base:
        return text
    pinned = {stage.image for stage in read()}
    lines = text.splitlines(keepends=True)
    changed = [_replaced(line, pinned, base) for line in lines]
    if changed == lines:
        raise ValueError("no FROM names the pinned base")
    return "".join(changed)


def _replaced(line: str, pinned: set[str], base: str) -> str:
    words = line.split()
    if words[:1] != ["FROM"] or words[1] not in pinned:
        return line
    return " ".join(["FROM", base, *words[2:]]) + "\n"
