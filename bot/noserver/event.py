"""The event that started a workflow run, as the delivery that a server would have got. Pure but for reading one file.

GitHub writes the payload; titles, bodies and branch names in it are other people's. Only the parts that the bot reads
are kept, so that the state stays small.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from bot.jobs.payloads import Payload
from bot.noserver.state import Row
from bot.subjects import SubjectError, is_accepted, is_talk, repository_of, subject

IDS_PER_RUN = 65_536
_ATTEMPTS = 16
ROUNDS = ("schedule", "workflow_dispatch", "push")
"""Runs that look after everything. A push (which a workflow need not listen to) may bring conflicts anywhere."""


class EventError(Exception):
    """The run's environment is not that of a workflow run; the text says what is missing."""


@dataclass(frozen=True)
class Run:
    """Which run of a workflow this is, and of which repository. `name` is its own, `first_id` of its inbox rows."""

    id: int
    attempt: int
    owner: str
    repository: str
    repository_id: int
    api_url: str
    server_url: str
    graphql_url: str

    @property
    def name(self) -> str:
        return f"{self.id}.{self.attempt}"

    @property
    def first_id(self) -> int:
        """Above those of every earlier run, and nobody else's: runs that meet never give the same id."""
        return self.id * IDS_PER_RUN + self.attempt % _ATTEMPTS * (IDS_PER_RUN // _ATTEMPTS)

    @property
    def git_url(self) -> str:
        return f"{self.server_url}/{self.owner}/{self.repository}.git"


@dataclass(frozen=True)
class Arrived:
    """Something happened to an issue or a pull request. `key` may name a pull request whose job is to be found."""

    key: str
    event: str
    action: str
    payload: Payload
    talk: bool
    """It concerns a job that is there already, or nobody."""

    def body(self, installation_id: int) -> bytes:
        """The delivery's body; workflow runs are not told the installation, so it comes from elsewhere."""
        slim = self.payload.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return json.dumps({**slim, "installation": {"id": installation_id}}, ensure_ascii=False).encode()

    @property
    def words(self) -> str:
        return _words(self.event, self.payload)


@dataclass(frozen=True)
class Round:
    """The schedule, or a person who does not want to wait for it: look after everything."""


@dataclass(frozen=True)
class Nothing:
    """The event changes no request."""

    why: str


def read_run(environ: Mapping[str, str]) -> Run:
    """Raises EventError."""
    owner, _, name = _needed(environ, "GITHUB_REPOSITORY").partition("/")
    return Run(
        id=_number(environ, "GITHUB_RUN_ID"),
        attempt=_number(environ, "GITHUB_RUN_ATTEMPT"),
        owner=owner,
        repository=name,
        repository_id=_number(environ, "GITHUB_REPOSITORY_ID"),
        api_url=_needed(environ, "GITHUB_API_URL").rstrip("/"),
        server_url=_needed(environ, "GITHUB_SERVER_URL").rstrip("/"),
        graphql_url=_needed(environ, "GITHUB_GRAPHQL_URL"),
    )


def read_event(environ: Mapping[str, str], run: Run) -> Arrived | Round | Nothing:
    """Raises EventError."""
    event = _needed(environ, "GITHUB_EVENT_NAME")
    if event in ROUNDS:
        return Round()
    path = _needed(environ, "GITHUB_EVENT_PATH")
    try:
        payload: JsonValue = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise EventError(f"the event file {path} cannot be read: {error}") from None
    if not isinstance(payload, dict):
        raise EventError(f"the event file {path} holds no JSON object")
    action = payload.get("action")
    action = action if isinstance(action, str) else ""
    if not is_accepted(event, action, payload):
        return Nothing(f"{event} {action} changes no request".replace("  ", " "))
    if repository_of(payload) != run.repository_id:
        raise EventError("the event is of another repository than the run")
    if _is_from_a_fork(payload, run):
        return Nothing("runs for pull requests of forks may write nothing; the validation Action checks those")
    try:
        key = subject(event, payload)
        return Arrived(key, event, action, Payload.model_validate(payload), is_talk(event, action, key, payload))
    except (SubjectError, ValidationError) as error:
        raise EventError(f"the {event} payload is incomplete: {error}") from None


def words_of(row: Row) -> str:
    """What was said in a stored event, by kind and id; empty when nothing was (or it was edited or deleted)."""
    try:
        payload = Payload.model_validate_json(str(row.get("body", "")))
    except ValidationError:
        return ""
    return _words(str(row["event"]), payload)


def _words(event: str, payload: Payload) -> str:
    said = payload.comment or payload.review
    return f"{event}:{said.id}" if said is not None and payload.action in ("created", "submitted") else ""


def _is_from_a_fork(payload: Mapping[str, JsonValue], run: Run) -> bool:
    """GitHub gives such runs a token that only reads (comments in the conversation are no such events)."""
    pull = payload.get("pull_request")
    head = pull.get("head") if isinstance(pull, dict) else None
    if not isinstance(head, dict):
        return False
    home = head.get("repo")
    return not isinstance(home, dict) or home.get("id") != run.repository_id


def _needed(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise EventError(f"{name} is not set: this runs inside GitHub Actions")
    return value


def _number(environ: Mapping[str, str], name: str) -> int:
    value = _needed(environ, name)
    if not value.isdecimal():
        raise EventError(f"{name} is {value!r}, not a number")
    return int(value)
