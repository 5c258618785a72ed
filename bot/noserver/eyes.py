"""👀 in the first second of a run, before any package is there. Standard library only; best effort, it never fails.

Only where the job will surely react, as `bot.presence` and the decisions have it, and only where that can be told
without reading Markdown or YAML. All others get their 👀 from the run itself. A run that surely concerns no request
ends here: most of what people say in a repository is about other things.
"""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from bot.commands.plain import surely_commands
from bot.github.secrets import Secret, redact
from bot.noserver import reach
from bot.noserver.plain_api import SECONDS, ask, token_to_talk
from bot.noserver.reach import NOT_THERE, REF
from bot.noserver.state import Row, path_of
from bot.plain_config import PATH, plain_label
from bot.store.keys import pull_key
from pipeline.skills.action.commands import add_summary, notice, set_outputs, verbatim

HEARD_IN = frozenset({"pending_user_input", "pending_hitl", "expired"})
"""Statuses in which the requester's words are an answer."""
REVIEWED_IN = frozenset({"in_review", "running"})
"""Statuses in which a line comment is taken up."""
WRITERS = frozenset({"write", "maintain", "admin"})
"""Roles whose line comments are taken up."""


NO_REQUEST = "this concerns no request"


class Found(Enum):
    """What came of it; the values are the step's outputs."""

    SEEN = "reacted"
    NOTHING = "unconcerned"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Said:
    """A new comment of a person: at an issue, at a pull request, or at a line of the file `path` of one."""

    comment: int
    login: str
    body: str
    repository: int
    number: int
    pull: bool
    path: str = ""

    @property
    def permission(self) -> str:
        return "pull_requests" if self.path else "issues"

    @property
    def reactions(self) -> str:
        return f"{'pulls' if self.path else 'issues'}/comments/{self.comment}/reactions"


@dataclass(frozen=True)
class Labelled:
    """An open issue that just got these labels."""

    labels: tuple[str, ...]
    repository: int
    number: int
    pull: bool = False
    permission: str = "issues"

    @property
    def reactions(self) -> str:
        return f"issues/{self.number}/reactions"


def react(environ: Mapping[str, str]) -> int:
    """The step: outputs `reacted` and `unconcerned`, each `yes` or nothing."""
    try:
        found = _react(environ)
    except Exception as error:
        sys.stdout.write(verbatim(redact(f"no early reaction: {type(error).__name__}: {error}")))
        found = Found.UNSURE
    if found is Found.NOTHING:
        sys.stdout.write(notice(NO_REQUEST))
        add_summary(environ, f"### Skill Fleet\n\n```text\n{NO_REQUEST}\n```\n")
    set_outputs(environ, {each.value: "yes" if found is each else "" for each in (Found.SEEN, Found.NOTHING)})
    return 0


def read(environ: Mapping[str, str]) -> Said | Labelled | None:
    """What this run is about, if it is something that people expect to be seen. Raises OSError, ValueError, KeyError,
    TypeError."""
    event = environ["GITHUB_EVENT_NAME"]
    if event not in ("issues", "issue_comment", "pull_request_review_comment"):
        return None
    payload = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_bytes())
    repository, sender = int(payload["repository"]["id"]), payload["sender"]
    if str(repository) != environ["GITHUB_REPOSITORY_ID"] or sender["type"] != "User":
        return None
    if event == "issues":
        return _labelled(payload, repository)
    comment = payload["comment"]
    if payload["action"] != "created" or comment["user"]["id"] != sender["id"]:
        return None
    return Said(
        comment=int(comment["id"]),
        login=str(sender["login"]),
        body=str(comment["body"] or ""),
        repository=repository,
        number=int((payload["issue"] if event == "issue_comment" else payload["pull_request"])["number"]),
        pull=event != "issue_comment" or "pull_request" in payload["issue"],
        path=str(comment["path"]) if event != "issue_comment" else "",
    )


def is_surely_for_us(said: Said, job: Row, role: Callable[[], str]) -> bool:
    """Never more than the job would react to. Raises ValueError, KeyError for a job of an older version."""
    if said.path:
        state = json.loads(str(job["state"]))
        ours = state["status"] in REVIEWED_IN and said.path.startswith(f"{state['pull']['path']}/")
        return ours and role() in WRITERS
    if surely_commands(said.body):
        return True
    state = json.loads(str(job["state"]))
    asked = state["status"] in HEARD_IN and said.comment > state["checkpoint_comment_id"]
    return asked and said.login == state["requester"]


def is_surely_a_request(found: Labelled, config: str) -> bool:
    """Never an issue that would not begin a job, given the settings file's text."""
    label = plain_label(config)
    return label is not None and label.casefold() in [each.casefold() for each in found.labels]


def surely_concerns_nobody(seen: Said | Labelled, config: Callable[[], str]) -> bool:
    """Where there is no job: never what might begin or rebuild one. `config` gives the settings file's text."""
    if isinstance(seen, Said):
        return not seen.path and (seen.pull or "/skill" not in seen.body)
    if not seen.labels:
        return True
    label = plain_label(config())
    return label is not None and label.casefold() not in [each.casefold() for each in seen.labels]


def _labelled(payload: Any, repository: int) -> Labelled | None:
    issue, action = payload["issue"], payload["action"]
    if action not in ("opened", "labeled") or issue["state"] != "open" or issue.get("pull_request") is not None:
        return None
    given = issue["labels"] if action == "opened" else [payload["label"]]
    return Labelled(tuple(str(each["name"]) for each in given), repository, int(issue["number"]))


def _react(environ: Mapping[str, str]) -> Found:
    seen, token = read(environ), Secret(environ["INPUT_TOKEN"])
    if seen is None:
        return Found.UNSURE
    api = f"{environ['GITHUB_API_URL'].rstrip('/')}/repos/{environ['GITHUB_REPOSITORY']}"
    url = f"{environ['GITHUB_SERVER_URL'].rstrip('/')}/{environ['GITHUB_REPOSITORY']}.git"
    with TemporaryDirectory(dir=environ.get("RUNNER_TEMP") or None) as folder:
        job = _find(folder, seen, url, os.environ | reach.environment(url, token))
    if job is None:
        config = cache(partial(_config, api, token))
        if surely_concerns_nobody(seen, config):
            return Found.NOTHING
        sure = isinstance(seen, Labelled) and is_surely_a_request(seen, config())
    else:
        sure = isinstance(seen, Said) and is_surely_for_us(seen, job, partial(_role, api, seen.login, token))
    if not sure:
        return Found.UNSURE
    if app := environ.get("INPUT_APP_ID", ""):
        token = token_to_talk(api, seen.permission, app, Secret(environ["INPUT_PRIVATE_KEY"]), time.time())
    ask(f"{api}/{seen.reactions}", token, {"content": "eyes"})
    return Found.SEEN


def _config(api: str, token: Secret) -> str:
    """The text of the settings file on the default branch; "" when there is none. Raises OSError, ValueError."""
    try:
        file = ask(f"{api}/contents/{PATH}", token)
    except HTTPError as error:
        if error.code == 404:
            return ""
        raise
    if file.get("encoding") != "base64":
        raise ValueError(f"{PATH} comes without its text")
    return base64.b64decode(str(file["content"])).decode()


def _role(api: str, login: str, token: Secret) -> str:
    """What somebody is in the repository, in GitHub's words. Raises OSError, ValueError."""
    answer = ask(f"{api}/collaborators/{quote(login, safe='')}/permission", token)
    return str(answer.get("role_name"))


def _find(folder: str, seen: Said | Labelled, url: str, environ: Mapping[str, str]) -> Row | None:
    """The job whose issue or pull request this is at. Raises CalledProcessError, TimeoutExpired."""

    def git(*words: str, none: int = 0) -> str:
        command = ["git", "-C", folder, *words]
        done = subprocess.run(command, env=environ, capture_output=True, timeout=SECONDS, check=False)
        if done.returncode not in (0, none):
            done.check_returncode()
        return done.stdout.decode()

    git("init", "--quiet", "--bare")
    try:
        git("fetch", "--quiet", "--depth=1", "--no-tags", url, f"{REF}:{REF}")
    except subprocess.CalledProcessError as error:
        if NOT_THERE in error.stderr.decode(errors="replace"):
            return None
        raise
    # Quotes within texts are escaped, so these words stand nowhere else.
    if seen.pull:
        where = [f'"pull_key":"{pull_key(seen.repository, seen.number)}"', REF]
    else:
        where = ['["jobs",', REF, "--", path_of(f"{seen.repository}:{seen.number}")]
    found = git("grep", "-h", "-F", "-e", *where, none=1)
    rows = [json.loads(line) for line in found.split("\n") if line]
    return next((row for table, row in rows if table == "jobs"), None)
