"""What the list is asked for: repository, status, order and place, read from the address. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from bot.figures.overview import FOR_PEOPLE
from bot.jobs.job import ENDED, JobStatus
from bot.store.listed import Listed

PER_PAGE = 25
GROUPS: dict[str, tuple[str, frozenset[JobStatus]]] = {
    "open": ("all that are open", frozenset(JobStatus) - ENDED),
    "people": ("all that wait for people", FOR_PEOPLE),
    "ended": ("all that have ended", ENDED),
}
_REPOSITORY = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)


class BadQueryError(ValueError):
    """An address that asks for something there cannot be; the text says what."""


@dataclass(frozen=True)
class Query:
    """`status` is one status, a group of them, or "" for all; `after` is the place in the order to go on from."""

    repository: str = ""
    status: str = ""
    waiting: bool = False
    after: tuple[datetime, str] | None = None

    @property
    def statuses(self) -> frozenset[JobStatus]:
        if self.status in GROUPS:
            return GROUPS[self.status][1]
        return frozenset({JobStatus(self.status)}) if self.status else frozenset()

    @property
    def owner(self) -> str | None:
        return self.repository.partition("/")[0] or None

    @property
    def name(self) -> str | None:
        return self.repository.partition("/")[2] or None

    def address(self, after: Listed | None = None) -> str:
        """The address of this list, or of what follows a job in it."""
        asked = {"repository": self.repository, "status": self.status, "order": "waiting" if self.waiting else ""}
        if after is not None:
            at = after.waiting_since if self.waiting else after.updated_at
            asked["after"] = f"{at.isoformat()}~{after.key}" if at is not None else ""
        shown = {name: value for name, value in asked.items() if value}
        return "/jobs" + (f"?{urlencode(shown)}" if shown else "")


def read_query(given: Mapping[str, str]) -> Query:
    """Raises BadQueryError."""
    repository, status = given.get("repository", "").strip(), given.get("status", "")
    if repository and not _REPOSITORY.fullmatch(repository):
        raise BadQueryError("A repository is named OWNER/NAME.")
    if status and status not in GROUPS and status not in set(JobStatus):
        raise BadQueryError("There is no such status.")
    order = given.get("order", "")
    if order not in ("", "waiting"):
        raise BadQueryError("The order is `waiting` or left out.")
    return Query(repository, status, order == "waiting", _place(given.get("after", "")))


def _place(text: str) -> tuple[datetime, str] | None:
    if not text:
        return None
    moment, _, key = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise BadQueryError("That page does not exist.") from None
    if at.tzinfo is None or not key or len(key) > 80:
        raise BadQueryError("That page does not exist.")
    return at.astimezone(UTC), key


STATUS_ORDER = (*[status for status in JobStatus if status not in ENDED], *sorted(ENDED))
