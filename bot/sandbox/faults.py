"""Trouble on demand: a rule picks requests by method and path, and what befalls them."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to "
    "GitHub Support for help, please include the request ID."
)


class Kind(StrEnum):
    """`*_after` and `truncate` apply the request first: its answer is lost, its effect is not."""

    STATUS = "status"
    SECONDARY = "secondary"
    SECONDARY_429 = "secondary429"
    PRIMARY = "primary"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    STATUS_AFTER = "status_after"
    TRUNCATE = "truncate"
    DELAY = "delay"


@dataclass
class Fault:
    """`method` may be `*`, or `write` for anything but GET; `path` is searched for as a regular expression."""

    kind: Kind
    method: str = "*"
    path: str = ".*"
    times: int = 1
    skip: int = 0
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    seconds: float = 0.0
    retry_after: int = 1
    login: str = "*"
    hits: int = 0

    def takes(self, method: str, path: str, login: str) -> bool:
        methods = {"*": True, "write": method not in ("GET", "HEAD")}.get(self.method, self.method == method)
        if not methods or self.login not in ("*", login) or self.times <= 0 or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.hits += 1
        return True
