"""The pages over HTTP: which address shows what, who looks, and the headers that keep a page harmless.

The REST API, git and the control keep their paths; a page is what is left, asked for by something that reads HTML.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from aiohttp import web
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bot.pages.assets import Assets, templates
from bot.pages.safety import SAFE
from bot.sandbox.errors import ApiError, not_found
from bot.sandbox.model import Account, Repository
from bot.sandbox.pages import actions, live, markdown, screens, view
from bot.sandbox.pages.actions import PREFIX, Do, Press
from bot.sandbox.pages.screens import Look, Screen, Show
from bot.sandbox.pages.session import Sessions, Visitor
from bot.sandbox.values import iso

if TYPE_CHECKING:
    from bot.sandbox.http import Api

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_REPO = "/{owner}/{repo}"
_SCREENS: list[tuple[str, Show]] = [
    ("/", screens.home),
    (_REPO, screens.repository),
    (_REPO + "/issues", screens.issues),
    (_REPO + "/issues/new/choose", screens.choose_form),
    (_REPO + "/issues/new", screens.new_issue),
    (_REPO + "/issues/{number}", screens.thread),
    (_REPO + "/pulls", screens.pulls),
    (_REPO + "/pull/{number}", screens.thread),
    (_REPO + "/pull/{number}/files", screens.pull_files),
    (_REPO + "/pull/{number}/checks", screens.pull_checks),
    (_REPO + "/runs/{run}", screens.run),
    (_REPO + "/commit/{sha}", screens.commit),
    (_REPO + "/blob/{rest}", screens.content),
    (_REPO + "/tree/{rest}", screens.content),
]
_ACTIONS: list[tuple[str, Do]] = [
    ("/forms/{file}", actions.file_form),
    ("/issues", actions.open_issue),
    ("/threads/{number}/comment", actions.comment),
    ("/threads/{number}/edit", actions.edit_issue),
    ("/threads/{number}/react", actions.react_to_issue),
    ("/threads/{number}/label", actions.label),
    ("/threads/{number}/unlabel", actions.unlabel),
    ("/threads/{number}/comments/{comment}/edit", actions.edit_comment),
    ("/threads/{number}/comments/{comment}/react", actions.react_to_comment),
    ("/pulls/{number}/merge", actions.merge),
    ("/pulls/{number}/review", actions.review),
    ("/pulls/{number}/remark", actions.remark),
    ("/pulls/{number}/remarks/{comment}/reply", actions.answer_remark),
    ("/pulls/{number}/remarks/{comment}/edit", actions.edit_remark),
    ("/runs/{run}/actions/{identifier}", actions.press_button),
    ("/runs/{run}/rerun", actions.rerun),
]
_NUMERIC = ("number", "comment", "run")


def _pattern(path: str) -> re.Pattern[str]:
    def parameter(match: re.Match[str]) -> str:
        name = match[1]
        return f"(?P<{name}>{'[0-9]{1,12}' if name in _NUMERIC else '.+' if name == 'rest' else '[^/]+'})"

    return re.compile(re.sub(r"\{(\w+)\}", parameter, path))


class Site:
    def __init__(self, api: "Api") -> None:
        self._api = api
        self._world = api.world
        self._sessions = Sessions(api.world)
        self._screens = [(_pattern(path), show) for path, show in _SCREENS]
        self._assets = Assets()
        self._templates = Environment(
            loader=templates(__package__),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(outcome=view.outcome, event_words=view.event_words)
        self._templates.filters.update(instant=iso, shown=view.shown)

    def routes(self) -> list[web.RouteDef]:
        repo = f"{PREFIX}/{{owner}}/{{repo}}"
        return [
            web.get(PREFIX + "/static/{name}", self._assets.serve),
            web.get(repo + "/live", self._visiting(self._live)),
            web.post(PREFIX + "/person", self._visiting(self._become)),
            *(web.post(repo + path, self._doing(do)) for path, do in _ACTIONS),
        ]

    async def page(self, request: web.Request) -> web.StreamResponse | None:
        """The page of an address, or None when it is not a page's or nobody asks for one."""
        if request.method not in ("GET", "HEAD") or "text/html" not in request.headers.get("Accept", ""):
            return None
        path = request.rel_url.raw_path.rstrip("/") or "/"
        if self._world.urls.api_path == "" and self._api.serves("GET", path):
            return None
        for pattern, show in self._screens:
            if match := pattern.fullmatch(path):
                params = {name: unquote(value) for name, value in match.groupdict().items()}
                return await self._visiting(partial(self._shown, show, params))(request)
        return None

    def _visiting(self, go: Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]) -> Handler:
        """`go` for whoever looks; its ApiError becomes a page that says why."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                visitor = self._sessions.visitor(request)
            except ApiError as error:
                return web.Response(text=error.message, status=error.status)
            try:
                return await go(request, visitor)
            except ApiError as error:
                return self._refused(request, visitor, error)

        return handle

    # --- looking -----------------------------------------------------------------------------------------------------

    async def _shown(
        self, show: Show, params: Mapping[str, str], request: web.Request, visitor: Visitor
    ) -> web.Response:
        screen = show(Look(self._world, visitor.person, params, dict(request.query)))
        return self._rendered(request, visitor, screen)

    def _refused(self, request: web.Request, visitor: Visitor, error: ApiError, typed: str = "") -> web.Response:
        details = [each if isinstance(each, str) else each.get("message") or each for each in error.errors or []]
        values = {"status": error.status, "message": error.message, "details": details, "typed": typed}
        return self._rendered(request, visitor, Screen("refused.html", "Refused", values), error.status)

    def _rendered(self, request: web.Request, visitor: Visitor, screen: Screen, status: int = 200) -> web.Response:
        repo = screen.repo
        text = self._templates.get_template(screen.template).render(
            **screen.values,
            title=screen.title,
            repo=repo,
            root=f"/{repo.full_name}" if repo else "",
            do=f"{PREFIX}/{repo.full_name}" if repo else PREFIX,
            prefix=PREFIX,
            person=visitor.person,
            people=[(each, self._role(repo, each)) for each in self._sessions.people()],
            token=visitor.token,
            here=request.rel_url.raw_path_qs if request.method == "GET" else "/",
            after=live.last_change(self._world),
            faces=lambda reactions: view.faces(reactions, visitor.person.login),
            md=lambda text, folder="", ref="": self._markdown(repo, text, folder, ref),
        )
        response = web.Response(text=text, status=status, content_type="text/html", headers=SAFE)
        self._sessions.remember(response, visitor)
        return response

    def _role(self, repo: Repository | None, person: Account) -> str:
        known = repo or next(iter(self._world.repositories.values()), None)
        return self._world.role(known, person).name.lower() if known else ""

    def _markdown(self, repo: Repository | None, text: str | None, folder: str, ref: str) -> Markup:
        if repo is None:
            return markdown.render(text, markdown.Place(""))
        place = markdown.Place(
            f"/{repo.full_name}", repo.issues, self._world.accounts, folder, ref or repo.default_branch
        )
        return markdown.render(text, place)

    async def _live(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        repo = Look(self._world, visitor.person, request.match_info, {}).repo()
        return await live.stream(self._world, repo, request)

    # --- doing -------------------------------------------------------------------------------------------------------

    async def _form(self, request: web.Request) -> tuple[dict[str, str], dict[str, list[str]]]:
        """The fields of a form that is ours. Raises ApiError 403 for any other."""
        data = await request.post()
        texts = [(name, value) for name, value in data.items() if isinstance(value, str)]
        ticked: dict[str, list[str]] = {}
        for name, value in texts:
            ticked.setdefault(name, []).append(value)
        self._sessions.check(request, ticked.get("token", [""])[0])
        return dict(texts), ticked

    def _doing(self, do: Do) -> Handler:
        async def handle(request: web.Request, visitor: Visitor) -> web.StreamResponse:
            fields: Mapping[str, str] = {}
            try:
                fields, ticked = await self._form(request)
                params = {name: unquote(value) for name, value in request.match_info.items()}
                if not all(params[name].isdecimal() for name in _NUMERIC if name in params):
                    raise not_found()
                target = do(Press(self._api, visitor.person, params, fields, ticked))
            except ApiError as error:
                return self._refused(request, visitor, error, fields.get("body", ""))
            return web.Response(status=303, headers={**SAFE, "Location": target})

        return self._visiting(handle)

    async def _become(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        fields, _ = await self._form(request)
        person = next((each for each in self._sessions.people() if each.login == fields.get("login")), visitor.person)
        back = fields.get("back", "")
        target = back if re.match(r"/(?![/\\])", back) else "/"
        response = web.Response(status=303, headers={**SAFE, "Location": target})
        self._sessions.become(response, person)
        return response
