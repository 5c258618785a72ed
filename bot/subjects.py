"""What a delivery is about: which events are kept, and the key of the job each belongs to. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from bot.jobs.events import OWN_EVENT
from bot.jobs.job import job_key
from bot.store.keys import check_key, commit_key, is_job, pull_key

ACCEPTED: Mapping[str, frozenset[str]] = {
    "issues": frozenset(
        {"opened", "edited", "labeled", "unlabeled", "closed", "reopened", "unlocked", "transferred", "deleted"}
    ),
    "issue_comment": frozenset({"created", "edited", "deleted"}),
    "pull_request": frozenset({"opened", "closed", "reopened", "synchronize"}),
    "push": frozenset({""}),
    "pull_request_review": frozenset({"submitted"}),
    "pull_request_review_comment": frozenset({"created"}),
    "check_run": frozenset({"rerequested", "requested_action"}),
    "check_suite": frozenset({"rerequested"}),
    "installation": frozenset({"created", "deleted", "suspend"}),
    "installation_repositories": frozenset({"added", "removed"}),
    "repository": frozenset({"archived", "deleted"}),
}
"""(event, actions) that can change a job or begin with a repository. Everything else is answered and forgotten."""

MOST_WELCOMED = 20
"""Repositories of one installation event that get an onboarding pull request."""

STATE_LABELS = "skill:"
"""Labels with this prefix show where a job stands."""

_PUSHED = frozenset({"opened", "reopened", "synchronize"})
_TALK = frozenset({"issue_comment", "pull_request_review", "pull_request_review_comment"})
_OURS_BY_BRANCH = frozenset({"pull_request", "pull_request_review", "pull_request_review_comment"})
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH = re.compile(r"skill/issue-([1-9][0-9]{0,9})(?:-[1-9][0-9]{0,3})?")


class SubjectError(Exception):
    """The payload does not have the shape of its event; the text names what is missing."""


class NoSubjectError(SubjectError):
    """A complete payload that names nothing of ours."""


def is_accepted(event: str, action: str, payload: Mapping[str, JsonValue]) -> bool:
    """Could this change a job? What bots say is not listened to: neither our own comments nor those of others.

    Labels that show a job's state are ours: changing them says nothing, whoever did it.
    """
    if action not in ACCEPTED.get(event, frozenset()):
        return False
    if event == "push":
        default = _object(payload, "repository").get("default_branch")
        return isinstance(default, str) and payload.get("ref") == f"refs/heads/{default}"
    if (event, action) == ("pull_request", "opened"):
        return not _BRANCH.fullmatch(_own_branch(_object(payload, "pull_request"), repository_of(payload) or 0))
    if action in ("labeled", "unlabeled"):
        return not str(_object(payload, "label").get("name")).startswith(STATE_LABELS)
    return not (event in _TALK and action != "deleted" and _object(payload, "sender").get("type") == "Bot")


def subject(event: str, payload: Mapping[str, JsonValue]) -> str:
    """Key of the job (or of what stands for it until it is known) that an accepted event is about.

    Raises SubjectError when the payload lacks what names it.
    """
    if event == "installation" or event == "installation_repositories":
        return f"installation:{_number(_object(payload, 'installation'), 'installation.id', 'id')}"
    repository = _number(_object(payload, "repository"), "repository.id", "id")
    match event:
        case "repository" | "push":
            return f"repository:{repository}"
        case "issues":
            return job_key(repository, _number(_object(payload, "issue"), "issue.number", "number"))
        case "issue_comment":
            issue = _object(payload, "issue")
            number = _number(issue, "issue.number", "number")
            return pull_key(repository, number) if issue.get("pull_request") else job_key(repository, number)
        case "pull_request" if payload.get("action") in _PUSHED:
            pull = _object(payload, "pull_request")
            number = _number(pull, "pull_request.number", "number")
            match = _BRANCH.fullmatch(_own_branch(pull, repository))
            return job_key(repository, int(match[1])) if match else check_key(repository, number)
        case "pull_request" | "pull_request_review" | "pull_request_review_comment":
            pull = _object(payload, "pull_request")
            return _of_pull(repository, _own_branch(pull, repository), pull)
        case "check_run":
            run = _object(payload, "check_run")
            external = str(run.get("external_id") or "")
            if match := re.match(rf"({repository}:(?:check/)?[1-9][0-9]{{0,9}})(?![0-9])", external):
                return match[1]
            found = _of_check(repository, _object(run, "check_suite"), run)
            if found is None:
                raise NoSubjectError("neither the check's branch nor its pull requests name a job")
            return found
        case "check_suite":
            suite = _object(payload, "check_suite")
            return _of_check(repository, suite, suite) or _of_commit(repository, suite)
    raise SubjectError(f"event {event!r} is not one we keep")


def issue_of_branch(branch: str) -> int | None:
    """The issue that a branch of ours is named after."""
    match = _BRANCH.fullmatch(branch)
    return int(match[1]) if match else None


def is_talk(event: str, action: str, key: str, payload: Mapping[str, JsonValue]) -> bool:
    """Is it worth nothing without a job? What begins a job is not, nor what may concern a request whose job was lost:
    a branch named by us, or a command on an issue."""
    if event == "issues" or not is_job(key):
        return False
    if event == "issue_comment" and action == "created":
        return "/skill" not in str(_object(payload, "comment").get("body"))
    return event not in _OURS_BY_BRANCH or action == "synchronize"


def installation_of(payload: Mapping[str, JsonValue]) -> int | None:
    """Id of the installation the event came through, if it names one."""
    return _optional_id(payload, "installation")


def repository_of(payload: Mapping[str, JsonValue]) -> int | None:
    """Id of the repository, if the event names one."""
    return _optional_id(payload, "repository")


def _stored(body: bytes) -> dict[str, JsonValue]:
    """Raises ValueError: only objects are stored, so what is none was damaged since."""
    payload: JsonValue = json.loads(body)
    if not isinstance(payload, dict):
        raise ValueError("the payload is not an object")
    return payload


def concerned(event: str, body: bytes) -> tuple[int | None, list[int]]:
    """(installation, repositories) whose jobs a shared event is about. Raises ValueError for a damaged payload."""
    payload = _stored(body)
    if event == "installation":
        return installation_of(payload), []
    if event in {"repository", "push"}:
        repository = repository_of(payload)
        return None, [repository] if repository is not None else []
    if event == OWN_EVENT:
        ours = payload.get("repository_id")
        return None, [ours] if isinstance(ours, int) else []
    removed = payload.get("repositories_removed")
    items = removed if isinstance(removed, list) else []
    return None, [id_ for item in items if isinstance(item, dict) and isinstance(id_ := item.get("id"), int)]


@dataclass(frozen=True)
class Newcomer:
    """A repository that the App was just installed on."""

    id: int
    owner: str
    name: str
    installation_id: int

    @property
    def body(self) -> bytes:
        """What is stored for it, in GitHub's shape."""
        repository = {"id": self.id, "name": self.name, "owner": {"login": self.owner}}
        return json.dumps({"repository": repository, "installation": {"id": self.installation_id}}).encode()


def newcomers(event: str, action: str, body: bytes) -> list[Newcomer]:
    """The repositories to welcome because of this delivery. Too many at once are nobody's choice one by one: none.

    Raises ValueError for a damaged payload.
    """
    if (event, action) not in {("installation", "created"), ("installation_repositories", "added")}:
        return []
    payload = _stored(body)
    listed = payload.get("repositories" if event == "installation" else "repositories_added")
    installation = installation_of(payload)
    if installation is None or not isinstance(listed, list) or len(listed) > MOST_WELCOMED:
        return []
    found: list[Newcomer] = []
    for each in listed:
        if isinstance(each, dict) and isinstance(id_ := each.get("id"), int):
            owner, _, name = str(each.get("full_name") or "").partition("/")
            if owner and name:
                found.append(Newcomer(id_, owner, name, installation))
    return found


def _of_check(repository: int, suite: Mapping[str, JsonValue], run: Mapping[str, JsonValue]) -> str | None:
    pulls = run.get("pull_requests")
    pull = pulls[0] if isinstance(pulls, list) and pulls and isinstance(pulls[0], dict) else None
    branch = suite.get("head_branch")
    if isinstance(branch, str) and (match := _BRANCH.fullmatch(branch)):
        return job_key(repository, int(match[1]))
    return check_key(repository, _number(pull, "pull_requests[0].number", "number")) if pull is not None else None


def _of_commit(repository: int, suite: Mapping[str, JsonValue]) -> str:
    """Of a fork's suite GitHub tells neither branch nor pull request; our runs on its commit name the pull request."""
    sha = suite.get("head_sha")
    if not isinstance(sha, str) or not _SHA.fullmatch(sha):
        raise NoSubjectError("neither the branch, the pull requests nor the commit of the suite name a job")
    return commit_key(repository, sha)


def _of_pull(repository: int, branch: str, pull: Mapping[str, JsonValue]) -> str:
    match = _BRANCH.fullmatch(branch)
    if match:
        return job_key(repository, int(match[1]))
    return pull_key(repository, _number(pull, "pull_request.number", "number"))


def _own_branch(pull: Mapping[str, JsonValue], repository: int) -> str:
    """The head branch when it lies in the repository itself: a fork may call its branches whatever it likes."""
    head = _object(pull, "head")
    home = head.get("repo")
    if not isinstance(home, dict) or home.get("id") != repository:
        return ""
    return str(head.get("ref") or "")


def _object(value: Mapping[str, JsonValue], name: str) -> Mapping[str, JsonValue]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _number(value: Mapping[str, JsonValue], where: str, name: str) -> int:
    found = value.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 < found < 2**63:
        raise SubjectError(f"{where} is missing or not a positive number")
    return found


def _optional_id(payload: Mapping[str, JsonValue], name: str) -> int | None:
    found = _object(payload, name).get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 2**63 else None
