"""The writing side of SKILL.md: `SkillMetadata`, and `render_skill`, the one place that renders frontmatter.

Invariant: what is rendered is read back unchanged by every YAML 1.1 and 1.2 loader, and by clients that read line by
line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from pipeline.skills.document import read_document
from pipeline.skills.frontmatter import YamlType, is_yaml_1_1_boolean, plain_scalar_type

NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


def _sane_metadata(value: Mapping[str, str]) -> Mapping[str, str]:
    for key in value:
        if not key.strip():
            raise ValueError("a metadata key is empty")
    return value


OneLine = Annotated[str, BeforeValidator(_one_line)]


class SkillMetadata(BaseModel):
    """A skill's frontmatter values, valid by construction. Raises ValidationError naming the field and the limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=64)]
    description: Annotated[OneLine, StringConstraints(min_length=1, max_length=1024)]
    license: Annotated[OneLine, StringConstraints(min_length=1, max_length=500)] | None = None
    compatibility: Annotated[OneLine, StringConstraints(min_length=1, max_length=500)] | None = None
    metadata: Annotated[Mapping[str, str], AfterValidator(_sane_metadata)] = Field(default_factory=dict)
    allowed_tools: Annotated[OneLine, StringConstraints(min_length=1)] | None = None


def render_skill(metadata: SkillMetadata, body: str) -> str:
    """The text of a SKILL.md: keys in the specification's order, values double-quoted on one line, LF, one final
    newline.

    NUL characters, which no client reads, are dropped from the body.
    """
    lines = ["---", f"name: {_plain_name(metadata.name)}", f"description: {quoted(metadata.description)}"]
    if metadata.license is not None:
        lines.append(f"license: {quoted(metadata.license)}")
    if metadata.compatibility is not None:
        lines.append(f"compatibility: {quoted(metadata.compatibility)}")
    if metadata.metadata:
        lines.append("metadata:")
        lines.extend(f"  {_key(key)}: {quoted(value)}" for key, value in metadata.metadata.items())
    if metadata.allowed_tools is not None:
        lines.append(f"allowed-tools: {quoted(metadata.allowed_tools)}")
    text = body.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip("\n").rstrip()
    return "\n".join([*lines, "---", "", text, ""]) if text else "\n".join([*lines, "---", ""])


def read_metadata(text: str) -> SkillMetadata:
    """The metadata of a SKILL.md. Raises ValueError when there is no readable frontmatter or a value breaks a limit."""
    document = read_document(text.encode("utf-8", "surrogatepass"))
    blocking = [problem.message for problem in document.problems]
    if document.yaml is not None and document.yaml.root is None:
        blocking.extend(problem.message for problem in document.yaml.problems)
    if blocking:
        raise ValueError(f"SKILL.md {blocking[0]}")
    values: dict[str, object] = {
        key.replace("-", "_"): value.text
        for key, value in document.fields.items()
        if key in ("name", "description", "license", "compatibility", "allowed-tools") and value.is_string
    }
    extra = document.fields.get("metadata")
    if extra is not None and extra.type is YamlType.MAPPING:
        values["metadata"] = {entry.key.text: entry.value.text for entry in extra.fields}
    return SkillMetadata.model_validate(values)


def quoted(text: str) -> str:
    """A YAML double-quoted scalar on one line that every loader reads back as `text`."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if character == "\n":
        return "\\n"
    if character == "\t":
        return "\\t"
    if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code > 0xFFFF:
        return character if code not in (0x2028, 0x2029, 0xFEFF) else f"\\u{code:04X}"
    return f"\\x{code:02X}" if code <= 0xFF else f"\\u{code:04X}"


def _plain_name(name: str) -> str:
    special = plain_scalar_type(name) is not YamlType.STRING or is_yaml_1_1_boolean(name) or name in ("y", "n")
    return quoted(name) if special or name[0].isdigit() else name


def _key(key: str) -> str:
    safe = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", key) and plain_scalar_type(key) is YamlType.STRING
    return key if safe and not is_yaml_1_1_boolean(key) and key not in ("y", "n", "Y", "N") else quoted(key)
