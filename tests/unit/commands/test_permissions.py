"""The permission ladder: who may use which command, and the reason given when not."""

import itertools

import pytest

from bot.commands.permissions import Allowed, Denied, check, check_review
from bot.commands.table import COMMANDS, Verb, Who
from bot.jobs.job import Actor, Role
from bot.repo_config import RepoConfig

ANYONE = {Verb.HELP, Verb.STATUS}
MAINTAINER = {Verb.START}
WRITER = {Verb.APPROVE, Verb.RETRY, Verb.REGENERATE}
PARTICIPANT = set(Verb) - ANYONE - MAINTAINER - WRITER


def ask(
    verb: Verb,
    role: Role,
    login: str = "grace",
    *,
    kind: str = "User",
    config: RepoConfig | None = None,
    owners: tuple[str, ...] = (),
) -> Allowed | Denied:
    actor = Actor.model_validate({"login": login, "id": 5, "type": kind})
    return check(
        COMMANDS[verb],
        actor=actor,
        role=role,
        requester="ada",
        config=config or RepoConfig(),
        code_owners=owners,
    )


@pytest.mark.parametrize(("verb", "role"), list(itertools.product(Verb, Role)))
def test_the_ladder_for_somebody_else(verb: Verb, role: Role) -> None:
    allowed = (
        verb in ANYONE
        or (verb in PARTICIPANT | MAINTAINER and role.at_least(Role.TRIAGE))
        or (verb in WRITER and role.at_least(Role.WRITE))
    )
    assert isinstance(ask(verb, role), Allowed) is allowed


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("login", ["ada", "ADA"])
def test_the_requester_without_any_role_may_take_part_but_not_decide(verb: Verb, login: str) -> None:
    assert isinstance(ask(verb, Role.NONE, login), Allowed) is (verb in ANYONE | PARTICIPANT)


@pytest.mark.parametrize("verb", Verb)
@pytest.mark.parametrize("kind", ["Bot", "Organization", "Mannequin"])
def test_only_people_command_whatever_their_role(verb: Verb, kind: str) -> None:
    assert isinstance(ask(verb, Role.ADMIN, "ada", kind=kind), Denied)


def test_a_refusal_says_why_and_who_could() -> None:
    verdict = ask(Verb.APPROVE, Role.TRIAGE)
    assert verdict == Denied(
        "`/skill approve` can be used by people with write permission, or code owners of the skill's folder.", Who.WRITE
    )


def test_the_requester_alone_may_not_approve_where_the_repository_says_so() -> None:
    strict = RepoConfig(requester_may_approve=False)
    assert isinstance(ask(Verb.APPROVE, Role.ADMIN, "ada"), Allowed)
    verdict = ask(Verb.APPROVE, Role.ADMIN, "Ada", config=strict, owners=("ada",))
    assert isinstance(verdict, Denied)
    assert "somebody other than the requester" in verdict.reason
    assert isinstance(ask(Verb.APPROVE, Role.WRITE, config=strict), Allowed)
    assert isinstance(ask(Verb.RETRY, Role.WRITE, "ada", config=strict), Allowed)


def test_chosen_requesters_may_start_their_own_requests_only() -> None:
    config = RepoConfig(auto_start=("Ada", "grace"))
    assert isinstance(ask(Verb.START, Role.READ, "ada", config=config), Allowed)
    assert isinstance(ask(Verb.START, Role.READ, "grace", config=config), Denied)
    assert isinstance(ask(Verb.APPROVE, Role.READ, "ada", config=config), Denied)


def test_code_owners_decide_as_long_as_they_can_read() -> None:
    assert isinstance(ask(Verb.APPROVE, Role.READ, owners=("Grace",)), Allowed)
    assert isinstance(ask(Verb.APPROVE, Role.NONE, owners=("grace",)), Denied)
    assert isinstance(ask(Verb.APPROVE, Role.READ, owners=("",)), Denied)
    assert isinstance(ask(Verb.START, Role.READ, owners=("grace",)), Denied)


@pytest.mark.parametrize("role", Role)
def test_review_comments_need_write_permission(role: Role) -> None:
    person = Actor(login="grace", id=5)
    assert isinstance(check_review(actor=person, role=role), Allowed) is role.at_least(Role.WRITE)
    assert isinstance(check_review(actor=Actor(login="x[bot]", id=6, type="Bot"), role=role), Denied)


def test_a_code_owner_may_review() -> None:
    assert isinstance(check_review(actor=Actor(login="grace", id=5), role=Role.READ, code_owners=["grace"]), Allowed)
