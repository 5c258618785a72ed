"""Documentation that is made from the code: `python -m bot.docs` writes it, a test compares it.

Tables live between `<!-- made: NAME -->` and `<!-- end: NAME -->` in pages that people write; the schema is a file of
its own. Nothing here is imported by the service.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from prometheus_client import Metric
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.commands.manual import command_sections, commands_table
from bot.metrics import Metrics
from bot.repo_config import PATH, RepoConfig
from bot.settings import PREFIX, Settings
from bot.setup.manifest import EVENTS, NOT_REQUESTED, permission_table
from pipeline import quality

DOCS = Path(__file__).resolve().parents[1] / "docs"
SCHEMA = "skill-fleet.schema.json"


def settings_table() -> str:
    """Every environment variable, its default and what it is for."""
    rows = [
        (f"`{PREFIX}{name.upper()}`", _default(field.get_default(call_default_factory=True)), _sentence(field))
        for name, field in Settings.model_fields.items()
    ]
    return _table(("variable", "default", "what it is"), rows)


def repository_table() -> str:
    """Every key of a repository's configuration, its default, what it may be and what it does."""
    rows = [
        (f"`{key}`", _default(field.get_default(call_default_factory=True)), _allowed(schema), _sentence(field))
        for key, field, schema in _keys(RepoConfig)
    ]
    return _table(("key", "default", "may be", "what it does"), rows)


def schema() -> str:
    """The JSON schema of `.github/skill-fleet.yml`, for editors."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RepoConfig.model_json_schema(),
        "title": f"Skill Fleet: {PATH}",
        "description": "What a repository decides about its own skill requests. Every key may be left out.",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def metrics_table() -> str:
    """Every metric, its kind, labels and meaning."""
    rows = [
        (f"`{name}`", metric.type, ", ".join(f"`{label}`" for label in labels) or "-", metric.documentation)
        for name, metric, labels in sorted(_metrics(), key=lambda row: row[0])
    ]
    return _table(("metric", "kind", "labels", "what it is"), rows)


def quality_formulas() -> str:
    """How a draft is measured, in the words of the module that does it."""
    text = str(quality.__doc__)
    return text[text.index("- substance") :].strip().replace(" x ", " × ")


def not_requested() -> str:
    """What the App does not ask for, as a list."""
    return "\n".join(f"- **{name}**: {why}" for name, why in NOT_REQUESTED)


def events() -> str:
    """What the App hears, in one sentence."""
    return ", ".join(f"`{event}`" for event in EVENTS) + "; installation events come to every App."


@dataclass(frozen=True)
class Made:
    """A piece of a page, and what makes it."""

    page: str
    name: str
    make: Callable[[], str]


PIECES = (
    Made("commands.md", "commands", commands_table),
    Made("commands.md", "command-sections", command_sections),
    Made("security.md", "permissions", permission_table),
    Made("security.md", "not-requested", not_requested),
    Made("configuration.md", "settings", settings_table),
    Made("configuration.md", "repository", repository_table),
    Made("configuration.md", "quality", quality_formulas),
    Made("setup.md", "permissions", permission_table),
    Made("setup.md", "not-requested", not_requested),
    Made("setup.md", "events", events),
    Made("operations.md", "metrics", metrics_table),
)


def current(docs: Path = DOCS) -> dict[Path, str]:
    """Every file that holds something made, as it should be. Raises ValueError when a page lacks its markers."""
    files = {docs / page: (docs / page).read_text(encoding="utf-8") for page in {piece.page for piece in PIECES}}
    for piece in PIECES:
        path = docs / piece.page
        files[path] = _replace(files[path], piece.name, piece.make())
    files[docs / SCHEMA] = schema()
    return files


def main() -> int:
    """Write what is not current; says which files."""
    for path, text in sorted(current().items()):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")
    return 0


def _replace(page: str, name: str, text: str) -> str:
    start, end = f"<!-- made: {name} -->", f"<!-- end: {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(page)) != 1:
        raise ValueError(f"the page must hold {start} and {end} once")
    return pattern.sub(lambda _: f"{start}\n{text}\n{end}", page)


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _sentence(field: FieldInfo) -> str:
    return field.description or ""


def _default(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, StrEnum):
        value = value.value
    if value is None or value == "" or value == ():
        return "-"
    return f"`{json.dumps(value)}`" if isinstance(value, bool | int | float) else f"`{value}`"


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo, Mapping[str, object]]]:
    """(dotted key, field, JSON schema of its value), groups unfolded."""
    document = model.model_json_schema()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field, _resolved(document, document["properties"][name])


def _resolved(document: Mapping[str, Mapping[str, object]], node: dict[str, object]) -> dict[str, object]:
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    found = document["$defs"][reference.rpartition("/")[2]]
    assert isinstance(found, dict)
    return {**found, **node}


def _allowed(node: Mapping[str, object]) -> str:
    """The values that a schema allows, in words."""
    if isinstance(options := node.get("enum"), list):
        return ", ".join(f"`{option}`" for option in options)
    pattern = node.get("pattern")
    if isinstance(pattern, str) and (match := re.fullmatch(r"\^\(([\w|-]+)\)\$", pattern)):
        return ", ".join(f"`{option}`" for option in match[1].split("|"))
    kind = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "array": "list of texts"}
    words = kind.get(str(node.get("type")), "text")
    if "minimum" in node and "maximum" in node:
        return f"{words} from {node['minimum']} to {node['maximum']}"
    if "maxLength" in node:
        return f"{words}, at most {node['maxLength']} characters"
    return words


def _metrics() -> Iterator[tuple[str, Metric, tuple[str, ...]]]:
    for collector in list(Metrics().registry._collector_to_names):
        labels: tuple[str, ...] = getattr(collector, "_labelnames", ())
        for metric in collector.collect():
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            yield name, metric, labels


if __name__ == "__main__":
    sys.exit(main())
