"""Who may use a command. Pure: the role was asked from the repository by the caller; whatever is unclear is refused."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import assert_never

from bot.commands.table import CommandSpec, Verb, Who
from bot.jobs.job import Actor, Role
from bot.repo_config import RepoConfig


@dataclass(frozen=True)
class Allowed:
    """Go ahead."""


@dataclass(frozen=True)
class Denied:
    """Not allowed: why, as a sentence for the person, and who could do it instead."""

    reason: str
    needed: Who


def check(
    spec: CommandSpec,
    *,
    actor: Actor,
    role: Role,
    requester: str,
    config: RepoConfig,
    code_owners: Collection[str] = (),
) -> Allowed | Denied:
    """May `actor`, who has `role` on the repository, use the command on a request by `requester`?

    `code_owners` are the logins that own the skill's folder (see `codeowners.py`). The configuration only tightens,
    except that it may let chosen people start their own requests.
    """
    if actor.type != "User":
        return Denied("I take commands from people only, not from apps or organisations.", spec.who)
    is_requester = _same(actor.login, requester)
    if spec.verb is Verb.APPROVE and is_requester and not config.requester_may_approve:
        return Denied("In this repository somebody other than the requester has to approve.", spec.who)
    if _reaches(spec, actor, role, is_requester, config, code_owners):
        return Allowed()
    return Denied(f"`/skill {spec.verb}` can be used by {spec.who}.", spec.who)


def check_review(*, actor: Actor, role: Role, code_owners: Collection[str] = ()) -> Allowed | Denied:
    """May `actor`'s review comment on the pull request become a refinement commit?"""
    if actor.type != "User":
        return Denied("I take review comments from people only, not from apps or organisations.", Who.WRITE)
    if role.at_least(Role.WRITE) or _owns(actor, role, code_owners):
        return Allowed()
    return Denied(f"Review comments are acted on when they come from {Who.WRITE}.", Who.WRITE)


def _reaches(
    spec: CommandSpec, actor: Actor, role: Role, is_requester: bool, config: RepoConfig, code_owners: Collection[str]
) -> bool:
    match spec.who:
        case Who.ANYONE:
            return True
        case Who.REQUESTER_OR_TRIAGE:
            return is_requester or role.at_least(Role.TRIAGE)
        case Who.TRIAGE:
            chosen = any(_same(actor.login, login) for login in config.auto_start)
            return role.at_least(Role.TRIAGE) or (spec.verb is Verb.START and is_requester and chosen)
        case Who.WRITE:
            return role.at_least(Role.WRITE) or _owns(actor, role, code_owners)
        case _:
            assert_never(spec.who)


def _owns(actor: Actor, role: Role, code_owners: Collection[str]) -> bool:
    """A code owner who can no longer even read the repository owns nothing in it."""
    return role.at_least(Role.READ) and any(_same(actor.login, login) for login in code_owners)


def _same(one: str, other: str) -> bool:
    return bool(one) and one.lower().removeprefix("@") == other.lower().removeprefix("@")
