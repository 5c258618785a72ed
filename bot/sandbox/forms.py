"""Issue forms, as the page behind `New issue` handles them: YAML in the repository, answers become the body."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from bot.sandbox.errors import ApiError, not_found
from bot.sandbox.model import Account, Issue, Repository
from bot.sandbox.ops import issues
from bot.sandbox.world import World

_FOLDER = ".github/ISSUE_TEMPLATE"
_NO_ANSWER = "_No response_"


@dataclass(frozen=True)
class Field:
    id: str
    kind: str  # input, textarea, dropdown, checkboxes, markdown
    label: str
    description: str
    placeholder: str
    options: tuple[str, ...]
    required: bool
    render: str  # a language: the answer goes into a fenced block


@dataclass(frozen=True)
class Form:
    file: str
    name: str
    description: str
    title: str
    labels: tuple[str, ...]
    fields: tuple[Field, ...]


def list_forms(repo: Repository) -> list[Form]:
    """The forms on the default branch; a broken one is left out, as on GitHub."""
    commit = repo.git.branch(repo.default_branch)
    folder = repo.git.at(commit, _FOLDER) if commit else None
    if folder is None or folder.kind != "tree":
        return []
    found = []
    for entry in repo.git.tree(folder.sha, recursive=False):
        if entry.path.endswith((".yml", ".yaml")) and not entry.path.startswith("config."):
            form = _parse(entry.path, repo.git.read(entry.sha))
            if form:
                found.append(form)
    return found


def _parse(file: str, raw: bytes) -> Form | None:
    try:
        data = yaml.safe_load(raw)
    except yaml.YAMLError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("body"), list):
        return None
    labels = data.get("labels") or []
    names = labels.split(",") if isinstance(labels, str) else [str(label) for label in labels]
    return Form(
        file=file,
        name=str(data.get("name", file)),
        description=str(data.get("description", "")),
        title=str(data.get("title", "")),
        labels=tuple(name.strip() for name in names),
        fields=tuple(_field(number, item) for number, item in enumerate(data["body"]) if isinstance(item, dict)),
    )


def _field(number: int, item: Mapping[str, object]) -> Field:
    attributes, validations = item.get("attributes"), item.get("validations")
    given: Mapping[str, object] = attributes if isinstance(attributes, dict) else {}
    rules: Mapping[str, object] = validations if isinstance(validations, dict) else {}
    options = given.get("options")
    choices = options if isinstance(options, list) else []
    return Field(
        id=str(item.get("id", f"field-{number}")),
        kind=str(item.get("type", "input")),
        label=str(given.get("label", "")),
        description=str(given.get("description") or given.get("value") or ""),
        placeholder=str(given.get("placeholder") or ""),
        options=tuple(str(each.get("label", "") if isinstance(each, dict) else each) for each in choices),
        required=rules.get("required") is True,
        render=str(given.get("render") or ""),
    )


def body_of(form: Form, answers: Mapping[str, str]) -> str:
    """The Markdown GitHub makes of the answers. Raises ApiError 422 when a required one is missing."""
    parts = []
    for field in form.fields:
        if field.kind == "markdown":
            continue
        answer = answers.get(field.id, "").strip()
        if field.required and not answer:
            raise ApiError(422, f"Please fill out this field: {field.label}")
        if field.kind == "checkboxes":
            ticked = {line.strip() for line in answer.split("\n")}
            answer = "\n".join(f"- [{'x' if option in ticked else ' '}] {option}" for option in field.options)
        elif answer and field.render:
            answer = f"```{field.render}\n{answer}\n```"
        parts.append(f"### {field.label}\n\n{answer or _NO_ANSWER}")
    return "\n\n".join(parts)


def submit(world: World, repo: Repository, file: str, title: str, answers: Mapping[str, str], by: Account) -> Issue:
    """File an issue through a form: its labels are put on whoever files it, unlike over the API."""
    form = next((form for form in list_forms(repo) if form.file == file), None)
    if form is None:
        raise not_found()
    text = body_of(form, answers)
    existing = [name for name in form.labels if issues.find_label(repo, name)]
    return issues.open_issue(world, repo, title or form.title, text, by, existing)
