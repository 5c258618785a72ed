"""The commands people have: one table of data.

Grammar, help text, permission check, `docs/commands.md` and their tests all derive from it, so they cannot disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Verb(StrEnum):
    HELP = "help"
    STATUS = "status"
    START = "start"
    ANSWER = "answer"
    SKIP = "skip"
    ACCEPT = "accept"
    RENAME = "rename"
    APPROVE = "approve"
    REVISE = "revise"
    REFINE = "refine"
    CANCEL = "cancel"
    RETRY = "retry"
    REGENERATE = "regenerate"


class Who(StrEnum):
    """The permission ladder; each value reads as the end of "can be used by …"."""

    ANYONE = "anyone"
    REQUESTER_OR_TRIAGE = "the requester, or people with triage permission"
    TRIAGE = "people with triage permission"
    WRITE = "people with write permission, or code owners of the skill's folder"


class Takes(StrEnum):
    """What may follow the verb."""

    NOTHING = "nothing"
    HASH = "optionally a preview hash"
    NAME = "a skill name"
    TEXT = "text, which may go on over several paragraphs"


class FromEdit(StrEnum):
    """May the command be given by editing an older comment?"""

    ALLOWED = "allowed"
    FRESH_COMMENT_ONLY = "fresh comment only"


@dataclass(frozen=True)
class CommandSpec:
    """One command: everything that is said about it anywhere."""

    verb: Verb
    usage: str
    summary: str
    example: str
    who: Who
    takes: Takes = Takes.NOTHING
    from_edit: FromEdit = FromEdit.ALLOWED


def _table(*specs: CommandSpec) -> Mapping[Verb, CommandSpec]:
    return MappingProxyType({spec.verb: spec for spec in specs})


COMMANDS: Mapping[Verb, CommandSpec] = _table(
    CommandSpec(
        Verb.HELP,
        "/skill help",
        "Shows these commands.",
        "/skill help",
        Who.ANYONE,
    ),
    CommandSpec(
        Verb.STATUS,
        "/skill status",
        "Says where the request stands and what is needed next.",
        "/skill status",
        Who.ANYONE,
    ),
    CommandSpec(
        Verb.START,
        "/skill start",
        "Starts work on a request that is waiting for a maintainer.",
        "/skill start",
        Who.TRIAGE,
    ),
    CommandSpec(
        Verb.ANSWER,
        "/skill answer TEXT",
        "Answers the open questions. A plain reply does the same.",
        "/skill answer 1. Python 3.12. 2. Only public data.",
        Who.REQUESTER_OR_TRIAGE,
        Takes.TEXT,
    ),
    CommandSpec(
        Verb.SKIP,
        "/skill skip",
        "Leaves the open questions unanswered; the stated assumptions are used.",
        "/skill skip",
        Who.REQUESTER_OR_TRIAGE,
    ),
    CommandSpec(
        Verb.ACCEPT,
        "/skill accept",
        "Takes the name and description that were suggested.",
        "/skill accept",
        Who.REQUESTER_OR_TRIAGE,
    ),
    CommandSpec(
        Verb.RENAME,
        "/skill rename NAME",
        "Gives the skill another name: lower-case letters, digits and single hyphens, at most 64.",
        "/skill rename pdf-forms",
        Who.REQUESTER_OR_TRIAGE,
        Takes.NAME,
    ),
    CommandSpec(
        Verb.APPROVE,
        "/skill approve [HASH]",
        "Accepts the plan or exactly the preview shown last; with a hash, exactly that preview.",
        "/skill approve 1a2b3c4d",
        Who.WRITE,
        Takes.HASH,
        FromEdit.FRESH_COMMENT_ONLY,
    ),
    CommandSpec(
        Verb.REVISE,
        "/skill revise TEXT",
        "Asks for another plan. A plain reply to the plan does the same.",
        "/skill revise Leave out deployment, cover testing instead.",
        Who.REQUESTER_OR_TRIAGE,
        Takes.TEXT,
    ),
    CommandSpec(
        Verb.REFINE,
        "/skill refine TEXT",
        "Asks for changes to the draft. A plain reply to the preview does the same.",
        "/skill refine Shorten the introduction and add an example with a table.",
        Who.REQUESTER_OR_TRIAGE,
        Takes.TEXT,
    ),
    CommandSpec(
        Verb.CANCEL,
        "/skill cancel",
        "Stops work on the request. Nothing is deleted.",
        "/skill cancel",
        Who.REQUESTER_OR_TRIAGE,
    ),
    CommandSpec(
        Verb.RETRY,
        "/skill retry",
        "Takes up a request that failed, expired, was cancelled or whose pull request was closed.",
        "/skill retry",
        Who.WRITE,
    ),
    CommandSpec(
        Verb.REGENERATE,
        "/skill regenerate",
        "Writes a new draft from the beginning, with everything said so far; resolves a conflict of the pull request.",
        "/skill regenerate",
        Who.WRITE,
    ),
)
