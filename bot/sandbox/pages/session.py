"""Who looks at the pages, and the proof that a form came from one of them.

The person is a cookie that anybody may set: the sandbox has no secrets from its user. A form must carry a token made
from the browser's own session cookie, so another site cannot press a button here.
"""

from dataclasses import dataclass, field

from aiohttp import web

from bot.pages.safety import FormGuard, is_called_by_loopback_name, new_session
from bot.sandbox.errors import ApiError
from bot.sandbox.model import Account, AccountKind
from bot.sandbox.world import World


@dataclass(frozen=True)
class Visitor:
    person: Account
    session: str
    token: str
    is_new: bool


@dataclass
class Sessions:
    world: World
    _guard: FormGuard = field(default_factory=FormGuard)

    def people(self) -> list[Account]:
        """Everybody one can be: the people who have a token."""
        everyone = self.world.accounts.values()
        return [each for each in everyone if each.kind is AccountKind.USER and self.world.tokens.personal_of(each)]

    def visitor(self, request: web.Request) -> Visitor:
        """Raises ApiError 403 for another host's name (a rebound DNS entry), 404 when there is nobody to be."""
        if not is_called_by_loopback_name(request):
            raise ApiError(403, "The sandbox answers under its loopback address only.")
        people = {each.login: each for each in self.people()}
        if not people:
            raise ApiError(404, "This sandbox has no people.")
        person = people.get(request.cookies.get(self._name("person"), ""), next(iter(people.values())))
        known = request.cookies.get(self._name("session"), "")
        session = known or new_session()
        return Visitor(person, session, self._guard.token(session), not known)

    def check(self, request: web.Request, given: str) -> None:
        """Raises ApiError 403 unless the form is one of ours, from this browser."""
        session = request.cookies.get(self._name("session"), "")
        if not self._guard.is_ours(request, session, given):
            raise ApiError(403, "This form is out of date or came from another site. Go back, reload and try again.")

    def remember(self, response: web.StreamResponse, visitor: Visitor) -> None:
        self._set(response, "session", visitor.session)

    def become(self, response: web.StreamResponse, person: Account) -> None:
        self._set(response, "person", person.login)

    def _set(self, response: web.StreamResponse, what: str, value: str) -> None:
        response.set_cookie(self._name(what), value, path="/", httponly=True, samesite="Lax")

    def _name(self, what: str) -> str:
        """Browsers share cookies between the ports of a host, two sandboxes must not."""
        return f"sandbox_{self.world.urls.root.rpartition(':')[2]}_{what}"
