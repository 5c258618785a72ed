"""👀 in the first second of a run, before any package is there. Standard library only; best effort, it never fails.

Only for comments that their job will surely hear, as `bot.presence` has it, and only where that can be told without
reading Markdown: a command that is the first paragraph, or the requester's words while a question is open. All others
get their 👀 from the run itself.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.commands.meaning import Command, understand
from bot.github.secrets import Secret, redact
from bot.noserver import reach
from bot.noserver.plain_api import SECONDS, ask, token_to_talk
from bot.noserver.reach import NOT_THERE, REF
from bot.noserver.state import Row, path_of
from bot.store.keys import pull_key
from pipeline.skills.action.commands import set_outputs, verbatim

HEARD_IN = frozenset({"pending_user_input", "pending_hitl", "expired"})
"""Statuses in which the requester's words are an answer."""
_COMMAND = re.compile(r"/skill(?: (?P<text>[^\n]*))?(?:\n[ \t]*(?:\n.*)?)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Said:
    """A new comment of a person. `pull` for one at a pull request."""

    comment: int
    login: str
    body: str
    repository: int
    number: int
    pull: bool


def react(environ: Mapping[str, str]) -> int:
    """The step: output `reacted`, `yes` or nothing."""
    try:
        reacted = _react(environ)
    except Exception as error:
        sys.stdout.write(verbatim(redact(f"no early reaction: {type(error).__name__}: {error}")))
        reacted = False
    set_outputs(environ, {"reacted": "yes" if reacted else ""})
    return 0


def read(environ: Mapping[str, str]) -> Said | None:
    """The comment that this run is about, if it is about a new one. Raises OSError, ValueError, KeyError, TypeError."""
    if environ["GITHUB_EVENT_NAME"] != "issue_comment":
        return None
    payload = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_bytes())
    comment, issue, repository = payload["comment"], payload["issue"], int(payload["repository"]["id"])
    if payload["action"] != "created" or "Bot" in (payload["sender"]["type"], comment["user"]["type"]):
        return None
    if str(repository) != environ["GITHUB_REPOSITORY_ID"]:
        return None
    return Said(
        comment=int(comment["id"]),
        login=str(payload["sender"]["login"]),
        body=str(comment["body"] or ""),
        repository=repository,
        number=int(issue["number"]),
        pull="pull_request" in issue,
    )


def is_surely_for_us(said: Said, job: Row) -> bool:
    """Never more than `bot.presence` would say yes to. Raises ValueError, KeyError for a job of an older version."""
    body = said.body.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    if (match := _COMMAND.fullmatch(body)) and isinstance(understand((match["text"] or "").strip()), Command):
        return True
    state = json.loads(str(job["state"]))
    asked = state["status"] in HEARD_IN and said.comment > state["checkpoint_comment_id"]
    return asked and said.login == state["requester"]


def _react(environ: Mapping[str, str]) -> bool:
    said, token = read(environ), Secret(environ["INPUT_TOKEN"])
    if said is None:
        return False
    url = f"{environ['GITHUB_SERVER_URL'].rstrip('/')}/{environ['GITHUB_REPOSITORY']}.git"
    with TemporaryDirectory(dir=environ.get("RUNNER_TEMP") or None) as folder:
        job = _find(folder, said, url, os.environ | reach.environment(url, token))
    if job is None or not is_surely_for_us(said, job):
        return False
    api, repository = environ["GITHUB_API_URL"].rstrip("/"), environ["GITHUB_REPOSITORY"]
    if app := environ.get("INPUT_APP_ID", ""):
        token = token_to_talk(api, repository, app, Secret(environ["INPUT_PRIVATE_KEY"]), time.time())
    ask(f"{api}/repos/{repository}/issues/comments/{said.comment}/reactions", token, {"content": "eyes"})
    return True


def _find(folder: str, said: Said, url: str, environ: Mapping[str, str]) -> Row | None:
    """The job whose issue or pull request the comment is at. Raises CalledProcessError, TimeoutExpired."""

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
    if said.pull:
        where = [f'"pull_key":"{pull_key(said.repository, said.number)}"', REF]
    else:
        where = ['["jobs",', REF, "--", path_of(f"{said.repository}:{said.number}")]
    found = git("grep", "-h", "-F", "-e", *where, none=1)
    rows = [json.loads(line) for line in found.split("\n") if line]
    return next((row for table, row in rows if table == "jobs"), None)
