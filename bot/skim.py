"""What intake has to know of a payload, picked out of its JSON without building the rest in memory. Pure.

A delivery is 13 kB of which five values decide what becomes of it; building all of it costs several times the rest of
answering. What is picked has the very shape that `bot.subjects` reads, so it decides the same as on the whole payload.
All of the body is checked to be JSON (a `NaN` where nobody looks is let pass).
"""

from collections.abc import Mapping

from pydantic import JsonValue
from pydantic_core import CoreSchema, SchemaValidator, from_json
from pydantic_core import core_schema as schema


class SkimError(ValueError):
    """The bytes are not a JSON object; the text says what they are not."""


def skim(body: bytes) -> Mapping[str, JsonValue]:
    """The values that `bot.subjects` looks at; an object that is something else counts as empty. Raises SkimError."""
    try:
        picked: dict[str, JsonValue] = _PAYLOAD.validate_json(body)
    except ValueError:
        raise SkimError(_what_is_wrong(body)) from None
    return picked


def _what_is_wrong(body: bytes) -> str:
    try:
        from_json(body)
    except ValueError:
        return "the body is not JSON in UTF-8"
    return "the body is not a JSON object"


def _object(**fields: CoreSchema) -> CoreSchema:
    """An object of which only these fields are wanted; anything else than an object counts as one without fields."""
    return schema.with_default_schema(_only(fields), default_factory=dict, on_error="default")


def _only(fields: Mapping[str, CoreSchema]) -> CoreSchema:
    return schema.typed_dict_schema(
        {name: schema.typed_dict_field(value, required=False) for name, value in fields.items()}
    )


_ANY = schema.any_schema()
_PULL = _object(number=_ANY, head=_object(ref=_ANY, repo=_object(id=_ANY)))
_SUITE = _object(head_branch=_ANY, head_sha=_ANY, pull_requests=_ANY)
_PAYLOAD = SchemaValidator(
    _only(
        {
            "action": _ANY,
            "ref": _ANY,
            "repository": _object(id=_ANY, default_branch=_ANY),
            "installation": _object(id=_ANY),
            "sender": _object(type=_ANY),
            "label": _object(name=_ANY),
            "comment": _object(body=_ANY),
            "issue": _object(number=_ANY, pull_request=_ANY),
            "pull_request": _PULL,
            "check_run": _object(external_id=_ANY, pull_requests=_ANY, check_suite=_SUITE),
            "check_suite": _SUITE,
        }
    )
)
