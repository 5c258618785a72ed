"""Type adapters by annotation, made once: building one costs more than most of what is done with it."""

import hashlib
import json
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter


@lru_cache(maxsize=512)
def adapter(annotation: Any) -> TypeAdapter[Any]:
    """The adapter of a field's annotation."""
    return TypeAdapter(annotation)


@lru_cache(maxsize=512)
def schema_digest(annotation: Any) -> str:
    """SHA-256 (hex) of the annotation's JSON schema: changes when an answer would have to look different."""
    return hashlib.sha256(json.dumps(adapter(annotation).json_schema(), sort_keys=True).encode()).hexdigest()
