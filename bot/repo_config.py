"""`.github/skill-fleet.yml` of a served repository: default branch only, strict schema, last good one kept."""

import difflib
from collections.abc import Iterable

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from bot import plain_config
from pipeline.journey import PipelineOptions
from pipeline.skills.rules.registry import Profile

PATH = plain_config.PATH
MAX_BYTES = 64 * 1024
TOO_LARGE = f"The file is larger than {MAX_BYTES // 1024} KiB."


class RepoConfig(BaseModel):
    """What a repository decides about its own requests. All fields have working defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str = Field(plain_config.LABEL, min_length=1, max_length=50, description="marks an issue as a request")
    pipeline: PipelineOptions = Field(PipelineOptions(), description="how requests are worked on")
    model: str = Field(
        "", max_length=200, description="PROVIDER/NAME, one that the operator allows; empty: the service's own"
    )
    auto_start: tuple[str, ...] = Field((), description="logins whose own requests start without a maintainer")
    requester_may_approve: bool = Field(True, description="may the requester alone approve, given write access?")
    reviewers: tuple[str, ...] = Field((), description="logins asked to review each pull request")
    remind_after_days: int = Field(3, ge=1, le=90, description="days without an answer until the bot reminds, once")
    expire_after_days: int = Field(
        14, ge=1, le=365, description="days without an answer until a request expires; any later answer resumes it"
    )
    validation_profile: Profile = Field(Profile.DEFAULT, description="for whom skills are validated")
    notifications: str = Field(
        "all", pattern="^(all|outcomes|none)$", description="which comments notify people: all, outcomes or none"
    )


class InvalidConfigError(ValueError):
    """The file cannot be used. `problems` are sentences for the people who can change it, each with its line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{PATH}: " + " ".join(self.problems))


def load(text: str) -> RepoConfig:
    """The configuration in `text`; an empty file means the defaults. Raises InvalidConfigError with every problem."""
    if len(text.encode()) > MAX_BYTES:
        raise InvalidConfigError([TOO_LARGE])
    values, lines = _read(text)
    try:
        return RepoConfig.model_validate(values)
    except ValidationError as error:
        raise InvalidConfigError(_sentence(problem, lines) for problem in error.errors()) from error


Lines = dict[tuple[str | int, ...], int]


def _read(text: str) -> tuple[dict[str, object], Lines]:
    """Plain values and the line of each key. No tags, no aliases, no key twice: what is written is what is meant."""
    try:
        for token in yaml.scan(text):
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
                line = token.start_mark.line + 1
                raise InvalidConfigError([f"Line {line}: anchors, aliases and tags are not supported; write it out."])
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidConfigError([f"Line {line}: not valid YAML ({error.problem or 'unreadable'})."]) from error
    except yaml.YAMLError as error:
        raise InvalidConfigError(["Not valid YAML: it holds characters that YAML does not allow."]) from error
    if node is None:
        return {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise InvalidConfigError(["Line 1: expected settings as `name: value` lines."])
    lines: Lines = {}
    _collect(node, (), lines)
    values: dict[str, object] = yaml.safe_load(text)
    return values, lines


def _collect(node: yaml.Node, where: tuple[str | int, ...], lines: Lines) -> None:
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect(item, (*where, index), lines)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InvalidConfigError([f"Line {line}: a setting's name must be a plain word."])
        inner = (*where, key.value)
        if inner in lines:
            raise InvalidConfigError([f"Line {line}: `{key.value}` is set twice (first on line {lines[inner]})."])
        lines[inner] = line
        _collect(value, inner, lines)


def _sentence(problem: ErrorDetails, lines: Lines) -> str:
    where = tuple(problem["loc"])
    line = next((lines[where[:length]] for length in range(len(where), -1, -1) if where[:length] in lines), 1)
    name = ".".join(str(part) for part in where)
    if problem["type"] == "extra_forbidden":
        model = PipelineOptions if where[:1] == ("pipeline",) and len(where) > 1 else RepoConfig
        near = difflib.get_close_matches(str(where[-1]), model.model_fields, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(model.model_fields))}."
        return f"Line {line}: unknown setting `{name}`; {hint}"
    return f"Line {line}: `{name}`: {problem['msg']}."
