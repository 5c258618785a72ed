"""URL paths from templates and validated values: the only way a request gets its address.

`{name}` is the whole template language. Every value is percent-encoded as one segment, `/` included, so that nothing
a person or a repository wrote can reach another endpoint. URLs found in payloads are never called.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

Vars = Mapping[str, str | int]

_VARIABLE = re.compile(r"\{([a-z_]+)\}")
_TEMPLATE = re.compile(r"/(?:[A-Za-z0-9._\-/?&=%,:]|\{[a-z_]+\})*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_LENGTH = 1_000


class BadAddressError(ValueError):
    """A value that cannot be part of an address. Raised before anything is sent."""


def path(template: str, values: Vars) -> str:
    """`template` with every `{name}` replaced. Raises BadAddressError for a bad template or value."""
    if not _TEMPLATE.match(template) or ".." in template or "//" in template:
        raise BadAddressError(f"not a URL template: {template!r}")
    return _VARIABLE.sub(lambda match: _segment(match[1], values), template)


def _segment(name: str, values: Vars) -> str:
    if name not in values:
        raise BadAddressError(f"no value for {{{name}}}")
    value = values[name]
    text = str(value)
    if isinstance(value, bool) or not text or len(text) > _MAX_LENGTH:
        raise BadAddressError(f"{{{name}}} must have 1 to {_MAX_LENGTH} characters")
    if text in {".", ".."} or _CONTROL.search(text):
        raise BadAddressError(f"{{{name}}} holds something that is not part of an address: {text[:80]!r}")
    return quote(text, safe="")
