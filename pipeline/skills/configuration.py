"""The validator's part of a repository's `.github/skill-fleet.yml`, `validation`. Unknown keys are errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.skills.findings import Severity
from pipeline.skills.frontmatter import YamlProblemKind, YamlType, YamlValue, compose
from pipeline.skills.rules.registry import Profile, all_rules

FAIL_ON = ("error", "warning", "never")


class ConfigurationError(ValueError):
    """What is wrong with the file, with the line."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """`profile`, `fail-on`, and the severity of single rules. None where the file says nothing."""

    profile: Profile | None = None
    fail_on: str | None = None
    severities: dict[str, Severity] = field(default_factory=dict)


def read_configuration(text: str) -> Configuration:
    """Reads the section `validation` of a settings file. Raises ConfigurationError, naming line and cause."""
    document = compose(text, line_offset=0, offset=0)
    fatal = [p for p in document.problems if p.kind not in (YamlProblemKind.ALIAS, YamlProblemKind.CUSTOM_TAG)]
    if fatal:
        raise ConfigurationError(f"line {fatal[0].span.line}: {fatal[0].message}")
    if document.root is None or document.root.type is YamlType.NULL:
        return Configuration()
    if document.root.type is not YamlType.MAPPING:
        raise ConfigurationError("must be a mapping")
    section = document.root.get("validation")
    if section is None:
        return Configuration()
    if section.type is not YamlType.MAPPING:
        raise ConfigurationError(f"line {section.span.line}: `validation` must be a mapping")
    profile: Profile | None = None
    fail_on: str | None = None
    severities: dict[str, Severity] = {}
    for entry in section.fields:
        key, value = entry.key.text, entry.value
        if key == "profile":
            profile = Profile(_one_of(key, value, [p.value for p in Profile]))
        elif key == "fail-on":
            fail_on = _one_of(key, value, FAIL_ON)
        elif key == "rules":
            severities = _severities(value)
        else:
            raise ConfigurationError(f"line {entry.key.span.line}: unknown setting `validation.{key}`")
    return Configuration(profile, fail_on, severities)


def _one_of(key: str, value: YamlValue, allowed: tuple[str, ...] | list[str]) -> str:
    if value.text not in allowed or value.items or value.fields:
        raise ConfigurationError(f"line {value.span.line}: `{key}` must be one of {', '.join(allowed)}")
    return value.text


def _severities(value: YamlValue) -> dict[str, Severity]:
    if value.type is not YamlType.MAPPING:
        raise ConfigurationError(f"line {value.span.line}: `rules` must map rule ids to severities")
    chosen: dict[str, Severity] = {}
    for entry in value.fields:
        if entry.key.text not in all_rules():
            raise ConfigurationError(f"line {entry.key.span.line}: there is no rule {entry.key.text}")
        chosen[entry.key.text] = Severity(_one_of(entry.key.text, entry.value, [s.value for s in Severity]))
    return chosen
