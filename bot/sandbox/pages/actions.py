"""What a person's buttons do: each is the request of the REST API that it stands for, made as that person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.sandbox.errors import ApiError, not_found
from bot.sandbox.forms import list_forms, submit
from bot.sandbox.model import Account, CheckRun, Repository, Role
from bot.sandbox.ops import checks
from bot.sandbox.routes.issues import checked_title
from bot.sandbox.values import JsonObject
from bot.sandbox.world import World

if TYPE_CHECKING:
    from bot.sandbox.http import Api

PREFIX = "/_pages"
REMARKS_IN_A_REVIEW = 3


@dataclass(frozen=True)
class Press:
    """A form that was sent. `fields` hold the last value of each name, `ticked` all its values."""

    api: "Api"
    person: Account
    params: Mapping[str, str]
    fields: Mapping[str, str]
    ticked: Mapping[str, list[str]]

    @property
    def world(self) -> World:
        return self.api.world

    def repo(self) -> Repository:
        repo = self.world.repository(self.params["owner"], self.params["repo"])
        if repo is None or self.world.role(repo, self.person) < Role.READ:
            raise not_found()
        return repo

    def call(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        """A request below the repository. Raises ApiError with GitHub's refusal."""
        reply = self.api.act(self.person, method, f"/repos/{self.repo().full_name}{path}", body or {})
        return reply.data if isinstance(reply.data, dict) else {}

    def field(self, name: str) -> str:
        """What was typed, with the line ends of text files."""
        return self.fields.get(name, "").replace("\r\n", "\n")

    def page(self, path: str) -> str:
        return f"/{self.repo().full_name}{path}"

    def thread_page(self, anchor: str = "") -> str:
        issue = self.repo().issues.get(int(self.params["number"]))
        kind = "pull" if issue and issue.pull else "issues"
        return self.page(f"/{kind}/{self.params['number']}{anchor}")


Do = Callable[[Press], str]
"""Does it and returns the address to go on to. Raises ApiError."""


def file_form(press: Press) -> str:
    repo, file = press.repo(), press.params["file"]
    form = next((form for form in list_forms(repo) if form.file == file), None)
    answers = {}
    for item in form.fields if form else ():
        name = f"field-{item.id}"
        answers[item.id] = "\n".join(press.ticked.get(name, [])) if item.kind == "checkboxes" else press.field(name)
    title = checked_title("Issue", press.field("title"))
    return press.page(f"/issues/{submit(press.world, repo, file, title, answers, press.person).number}")


def open_issue(press: Press) -> str:
    made = press.call("POST", "/issues", {"title": press.field("title"), "body": press.field("body")})
    return press.page(f"/issues/{made['number']}")


def comment(press: Press) -> str:
    """Says the text, then closes or reopens when that button was used; a quick reply brings its own text."""
    number, body = press.params["number"], press.field("quick") or press.field("body")
    state = press.field("state")
    anchor = ""
    if body.strip() or not state:
        made = press.call("POST", f"/issues/{number}/comments", {"body": body})
        anchor = f"#comment-{made['id']}"
    if state:
        press.call("PATCH", f"/issues/{number}", {"state": state})
    return press.thread_page(anchor)


def edit_issue(press: Press) -> str:
    changes: JsonObject = {"title": press.field("title"), "body": press.field("body")}
    press.call("PATCH", f"/issues/{press.params['number']}", changes)
    return press.thread_page()


def edit_comment(press: Press) -> str:
    comment_id = press.params["comment"]
    press.call("PATCH", f"/issues/comments/{comment_id}", {"body": press.field("body")})
    return press.thread_page(f"#comment-{comment_id}")


def react_to_issue(press: Press) -> str:
    _toggle(press, f"/issues/{press.params['number']}/reactions")
    return press.thread_page("#issue")


def react_to_comment(press: Press) -> str:
    _toggle(press, f"/issues/comments/{press.params['comment']}/reactions")
    return press.thread_page(f"#comment-{press.params['comment']}")


def _toggle(press: Press, path: str) -> None:
    """The second press takes the reaction back."""
    content = press.field("content")
    given = press.api.act(press.person, "GET", f"/repos/{press.repo().full_name}{path}?per_page=100", {}).data
    for each in given if isinstance(given, list) else []:
        if each["content"] == content and each["user"]["login"] == press.person.login:
            press.call("DELETE", f"{path}/{each['id']}")
            return
    press.call("POST", path, {"content": content})


def label(press: Press) -> str:
    press.call("POST", f"/issues/{press.params['number']}/labels", {"labels": [press.field("label")]})
    return press.thread_page()


def unlabel(press: Press) -> str:
    press.call("DELETE", f"/issues/{press.params['number']}/labels/{quote(press.field('label'), safe='')}")
    return press.thread_page()


def merge(press: Press) -> str:
    body: JsonObject = {"merge_method": press.field("method") or "merge", "sha": press.field("sha")}
    press.call("PUT", f"/pulls/{press.params['number']}/merge", body)
    return press.thread_page("#end")


def review(press: Press) -> str:
    """A review with the comments on lines that were filled in beside it."""
    number, comments = press.params["number"], list[JsonObject]()
    for place in range(1, REMARKS_IN_A_REVIEW + 1):
        if press.field(f"body-{place}").strip():
            comments.append({**_where(press, f"-{place}"), "body": press.field(f"body-{place}")})
    body: JsonObject = {"event": press.field("event"), "body": press.field("body"), "comments": [*comments]}
    press.call("POST", f"/pulls/{number}/reviews", body)
    return press.thread_page("#end")


def remark(press: Press) -> str:
    """A comment on one line or several of a file of the pull request."""
    number = press.params["number"]
    text: JsonObject = {"body": press.field("body"), "commit_id": press.field("commit")}
    press.call("POST", f"/pulls/{number}/comments", {**_where(press, ""), **text})
    return press.page(f"/pull/{number}/files")


def _where(press: Press, which: str) -> JsonObject:
    """The lines that the fields name: the last one, and the first one when it is another."""
    where: JsonObject = {"path": press.field(f"path{which}"), "line": _line(press.field(f"line{which}"))}
    where["side"] = press.field(f"side{which}") or "RIGHT"
    first = press.field(f"start{which}")
    if first and _line(first) != where["line"]:
        where |= {"start_line": _line(first), "start_side": where["side"]}
    return where


def _line(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ApiError(422, "The line must be a number, as shown at the left of the file.")
    return int(text)


def edit_remark(press: Press) -> str:
    number = press.params["number"]
    press.call("PATCH", f"/pulls/comments/{press.params['comment']}", {"body": press.field("body")})
    return press.page(f"/pull/{number}#remark-{press.params['comment']}")


def answer_remark(press: Press) -> str:
    number = press.params["number"]
    press.call("POST", f"/pulls/{number}/comments/{press.params['comment']}/replies", {"body": press.field("body")})
    return press.page(f"/pull/{number}")


def press_button(press: Press) -> str:
    repo, run = press.repo(), _run(press)
    action = next((each for each in run.actions if each.identifier == press.params["identifier"]), None)
    if action is None:
        raise not_found()
    checks.press(press.world, repo, run, action, press.person)
    return _after_run(press)


def rerun(press: Press) -> str:
    checks.rerequest_run(press.world, press.repo(), _run(press), press.person)
    return _after_run(press)


def _run(press: Press) -> CheckRun:
    """The check run, for somebody who sees its buttons."""
    repo = press.repo()
    run = press.world.find_run(repo, int(press.params["run"]))
    if run is None:
        raise not_found()
    if press.world.role(repo, press.person) < Role.WRITE:
        raise ApiError(403, "Only people with write access see the buttons of a check run.")
    return run


def _after_run(press: Press) -> str:
    number = press.field("number")
    return press.page(f"/pull/{number}/checks" if number.isdecimal() else f"/runs/{press.params['run']}")
