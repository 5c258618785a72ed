"""What a repository is offered once, when the App is installed on it: a pull request with the form and the settings.

Pure: paths that are there in, files and words out. The branch's name is the key: a repository that ever had a pull
request from it, open, merged or closed, is not asked again. The workflow is only shown, never written: the App has no
permission for workflows, on purpose.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files

from pydantic import BaseModel

from bot.repo_config import PATH as CONFIG_PATH
from bot.repo_config import RepoConfig

BRANCH = "skill-fleet/onboarding"
TITLE = "Add the skill request form"
FORM_PATH = ".github/ISSUE_TEMPLATE/skill-request.yml"
WORKFLOW_PATH = ".github/workflows/skills.yml"
COMMIT_MESSAGE = "Add the skill request form and its settings"
_MANNERS = (
    "Change what you like before merging. If you do not want it, close it: you will not be asked again, and requests "
    "work without it as soon as somebody puts the label on an issue."
)
_FORM_PATHS = (FORM_PATH, FORM_PATH.removesuffix(".yml") + ".yaml")


@dataclass(frozen=True)
class Onboarding:
    """One pull request: `files` are new files, path to text; nothing that exists is touched."""

    files: Mapping[str, str]
    body: str
    branch: str = BRANCH
    title: str = TITLE
    commit_message: str = COMMIT_MESSAGE


def onboarding(present: Collection[str], *, action: str = "") -> Onboarding | None:
    """The offer to a repository that has the paths `present`; None when it has all there is to offer.

    `action` is the validation Action as a workflow names it (`OWNER/NAME@REF`); without it no workflow is shown.
    """
    have_form = any(path in present for path in _FORM_PATHS)
    offered = {} if have_form else {FORM_PATH: issue_form()}
    if CONFIG_PATH not in present:
        offered[CONFIG_PATH] = configuration()
    if not offered:
        return None
    shown = workflow(action) if action and WORKFLOW_PATH not in present else ""
    return Onboarding(files=offered, body=_body(offered, shown))


def issue_form() -> str:
    """The *Skill request* form."""
    return (files("bot.setup") / "templates" / "skill-request.yml").read_text(encoding="utf-8")


def configuration() -> str:
    """`.github/skill-fleet.yml` with every key and its default, commented out: merging it changes nothing."""
    head = [
        "# What Skill Fleet does in this repository. These are the defaults; take away a # to change one.",
        "# Only the default branch's copy of this file counts.",
        "",
    ]
    return "\n".join([*head, *_commented(RepoConfig)]) + "\n"


def workflow(action: str) -> str:
    """A workflow that validates the skills a pull request changes. It needs no secret and can write nothing."""
    return f"""name: Skills
on:
  pull_request:
permissions:
  contents: read
jobs:
  validate:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with:
          fetch-depth: 0
          persist-credentials: false
      - uses: {action}
        with:
          changed-only: "true"
"""


def _commented(model: type[BaseModel], indent: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        yield f"# {indent}# {field.description}"
        if isinstance(default, BaseModel):
            yield f"# {indent}{name}:"
            yield from _commented(type(default), indent + "  ")
        else:
            yield f"# {indent}{name}: {_yaml(default)}"
        if not indent:
            yield ""


def _yaml(value: object) -> str:
    """A default as YAML. JSON is YAML; plain words go without quotes."""
    if isinstance(value, StrEnum):
        value = value.value
    if isinstance(value, str) and value.replace("-", "").isalnum():
        return value
    return json.dumps(value)


def _body(offered: Mapping[str, str], shown: str) -> str:
    meaning = {
        FORM_PATH: "the form in which people ask for a skill. It puts the label `skill-request` on the issue.",
        CONFIG_PATH: "every setting with its default, commented out. Merging it changes nothing.",
    }
    listed = "\n".join(f"- `{path}`: {meaning[path]}" for path in offered)
    parts = [
        "Skill Fleet was installed here. This pull request adds what it works best with:",
        listed,
        _MANNERS,
    ]
    if shown:
        parts.append(
            "<details><summary>Optional: validate skills in your own workflows</summary>\n\n"
            "The bot reports on every pull request that touches skills anyway. To make it a required check of your "
            f"own, add this as `{WORKFLOW_PATH}`. The App cannot: it has no permission for workflows, so that nothing "
            f"it writes ever becomes code in your CI.\n\n```yaml\n{shown}```\n\n</details>"
        )
    return "\n\n".join(parts) + "\n"
