"""Which comments a repository wants (`notifications` in `.github/skill-fleet.yml`). Pure.

Whatever the level, the status comment is kept up to date, questions are asked (a request could not go on without
them) and commands are answered. Editing a comment and reacting notify nobody.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from bot.comments.words import mention, person


class Level(StrEnum):
    """`all`: everything. `outcomes`: no reminders and remarks. `none`: like `outcomes`, and nobody is mentioned."""

    ALL = "all"
    OUTCOMES = "outcomes"
    NONE = "none"


class Occasion(StrEnum):
    """Why a comment would be written."""

    QUESTION = "question"
    """A person has to act, or the request stands still: questions, previews, a pull request to review."""
    REPLY = "reply"
    """Somebody told the bot something and gets an answer: help, status, not permitted, not understood."""
    OUTCOME = "outcome"
    """It is over, or stopped: promoted, rejected, failed, expired."""
    REMARK = "remark"
    """Good to know: reminders, a deleted answer, a request that was edited."""


def wanted(occasion: Occasion, level: Level) -> bool:
    """Is the comment written at all?"""
    return level is Level.ALL or occasion is not Occasion.REMARK


def addressed(text: str, logins: Iterable[str], level: Level) -> str:
    """`text`, whose opening names `logins` instead of mentioning them when the repository wants nobody notified."""
    if level is not Level.NONE:
        return text
    opening, newline, rest = text.partition("\n")
    for login in logins:
        pattern = rf"(?<![\w`/@-]){re.escape(mention(login))}(?![\w-])"
        opening = re.sub(pattern, person(login).replace("\\", r"\\"), opening, count=1)
    return opening + newline + rest
