"""The table of effects: each value goes to the function that performs it; GitHub's final refusals become results.

Everything temporary is raised (TransientError, RetryAtError) so that the caller tries again; nothing is swallowed.
"""

from typing import assert_never

from bot.base import merge_base
from bot.checks import check
from bot.comments import reasons
from bot.fix import fix
from bot.github import errors
from bot.github.effects.amend import amend
from bot.github.effects.close import close
from bot.github.effects.context import Context
from bot.github.effects.pull_body import update_pull
from bot.github.effects.react import react
from bot.github.effects.rest import drop_rest
from bot.github.effects.say import say
from bot.github.effects.state import set_state
from bot.github.effects.status import show_status
from bot.github.effects.thread import reply_in_thread
from bot.github.urls import BadAddressError
from bot.jobs.effects import (
    Amend,
    Check,
    Close,
    DropRest,
    Effect,
    EffectResult,
    Fix,
    MergeBase,
    Offer,
    Publish,
    React,
    Refused,
    ReplyInThread,
    Say,
    SetState,
    ShowStatus,
    UpdatePull,
)
from bot.publish import publish
from bot.setup.offer import offer


async def perform(effect: Effect, context: Context) -> EffectResult:
    """Make `effect` stand on GitHub. Raises TransientError when trying later is right."""
    try:
        return await _perform(effect, context)
    except errors.GitHubError as error:
        if (refused := refusal(error)) is None:
            raise
        return refused
    except BadAddressError as error:
        return Refused(code="invalid", reason=str(error))


def refusal(error: errors.GitHubError) -> Refused | None:
    """GitHub's final word as a result, or None when it is not final."""
    match error:
        case errors.TransientError() | errors.UnauthorizedError():
            return None
        case errors.LockedError():
            return Refused(code="locked", reason=reasons.locked())
        case errors.ForbiddenError():
            return Refused(code="forbidden", reason=reasons.not_permitted(error.message))
        case errors.GoneError():
            return Refused(code="gone", reason=reasons.not_there(str(error.request)))
        case errors.ConflictError():
            return Refused(code="conflict", reason=reasons.in_conflict(error.message))
        case _:
            return Refused(code="invalid", reason=reasons.not_accepted(error.message))


async def _perform(effect: Effect, context: Context) -> EffectResult:
    match effect:
        case React():
            return await react(effect, context)
        case Say():
            return await say(effect, context)
        case Amend():
            return await amend(effect, context)
        case ShowStatus():
            return await show_status(effect, context)
        case SetState():
            return await set_state(effect, context)
        case ReplyInThread():
            return await reply_in_thread(effect, context)
        case Publish():
            return await publish(effect, context)
        case MergeBase():
            return await merge_base(effect, context)
        case Check():
            return await check(effect, context)
        case Fix():
            return await fix(effect, context)
        case Offer():
            return await offer(effect, context)
        case UpdatePull():
            return await update_pull(effect, context)
        case DropRest():
            return await drop_rest(effect, context)
        case Close():
            return await close(effect, context)
        case _:
            assert_never(effect)
