"""What a handler gets and gives: a typed reader over the JSON body, the call, the reply. No state, no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bot.sandbox.errors import ApiError, invalid, malformed
from bot.sandbox.values import JsonObject, parse_instant

T = TypeVar("T")


class Body:
    """A JSON object from outside. Every reader answers a wrong type with GitHub's 422."""

    def __init__(self, data: Mapping[str, object], where: str = "/properties") -> None:
        self._data = data
        self._where = where

    def has(self, name: str) -> bool:
        return name in self._data

    def raw(self) -> Mapping[str, object]:
        return self._data

    def _typed(self, name: str, kind: type[T], word: str) -> T | None:
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            shown = "an object" if isinstance(value, dict) else repr(value)
            raise malformed(f"For '{self._where[1:]}/{name}', {shown} is not {word}.")
        return value

    def text(self, name: str) -> str | None:
        return self._typed(name, str, "a string")

    def need_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise malformed(f'"{name}" wasn\'t supplied.')
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            listed = ", ".join(allowed)
            raise malformed(f"For '{self._where[1:]}/{name}', {value} is not a member of [{listed}].")
        return value

    def integer(self, name: str) -> int | None:
        return self._typed(name, int, "an integer")

    def need_integer(self, name: str) -> int:
        value = self.integer(name)
        if value is None:
            raise malformed(f'"{name}" wasn\'t supplied.')
        return value

    def flag(self, name: str) -> bool | None:
        return self._typed(name, bool, "a boolean")

    def instant(self, name: str) -> datetime | None:
        value = self.text(name)
        try:
            return None if value is None else parse_instant(value)
        except ValueError:
            raise malformed(f"For '{self._where[1:]}/{name}', {value} is not a valid date-time.") from None

    def items(self, name: str) -> list[object] | None:
        return self._typed(name, list, "an array")

    def texts(self, name: str) -> list[str] | None:
        values = self.items(name)
        if values is None:
            return None
        for position, value in enumerate(values):
            if not isinstance(value, str):
                raise malformed(f"For '{self._where[1:]}/{name}/{position}', {value!r} is not a string.")
        return [value for value in values if isinstance(value, str)]

    def integers(self, name: str) -> list[int] | None:
        values = self.items(name)
        if values is not None and not all(isinstance(value, int) for value in values):
            raise malformed(f"For '{self._where[1:]}/{name}', {values!r} is not an array of integers.")
        return None if values is None else [value for value in values if isinstance(value, int)]

    def child(self, name: str) -> "Body | None":
        value = self._typed(name, dict, "an object")
        return None if value is None else Body(value, f"{self._where}/{name}")

    def children(self, name: str) -> "list[Body] | None":
        values = self.items(name)
        if values is None:
            return None
        found = []
        for position, value in enumerate(values):
            if not isinstance(value, dict):
                raise malformed(f"For '{self._where[1:]}/{name}/{position}', {value!r} is not an object.")
            found.append(Body(value, f"{self._where}/{name}/{position}"))
        return found


@dataclass
class Reply:
    """An answer: JSON data, or `text` with its own media type."""

    status: int = 200
    data: object | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | bytes | None = None
    content_type: str = "application/json"


NO_CONTENT = 204


@dataclass
class Query:
    values: Mapping[str, str]

    def get(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        value = self.values.get(name, default)
        if value not in allowed:
            raise invalid("Search", name, "invalid")
        return value

    def number(self, name: str, default: int) -> int:
        value = self.values.get(name, "")
        return int(value) if value.isdigit() else default

    def since(self) -> datetime | None:
        value = self.values.get("since")
        if not value:
            return None
        try:
            return parse_instant(value.replace(" ", "+"))
        except ValueError:
            raise ApiError(422, "Invalid since parameter") from None

    @property
    def per_page(self) -> int:
        return max(1, min(100, self.number("per_page", 30)))

    @property
    def page(self) -> int:
        return max(1, self.number("page", 1))


Renderer = Callable[[T], JsonObject]
