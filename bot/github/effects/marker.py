"""The invisible line that says which effect wrote a text: how a write is found again when its answer was lost."""

import hashlib
import re

MAX_BODY = 65_536
_LINE = re.compile(r"<!-- skill-fleet job=(?P<job>\S+) effect=(?P<effect>[0-9a-f]{16}) -->\s*\Z")


def marker(job_key: str, key: str) -> str:
    return f"<!-- skill-fleet job={job_key} effect={hashlib.sha256(key.encode()).hexdigest()[:16]} -->"


def marked(body: str, job_key: str, key: str) -> str:
    """`body` with its marker as the last line."""
    return f"{body.rstrip()}\n\n{marker(job_key, key)}"


def carries(body: str | None, job_key: str, key: str) -> bool:
    """Is this the text of exactly that effect? Only the last line counts, so a quoted marker proves nothing."""
    match = _LINE.search(body or "")
    return match is not None and match[0].rstrip() == marker(job_key, key)


def same_text(one: str | None, other: str | None) -> bool:
    """Equal but for line endings and surrounding space, which GitHub changes."""
    return _normal(one) == _normal(other)


def _normal(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()
