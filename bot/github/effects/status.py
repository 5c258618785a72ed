"""`ShowStatus`: the one status comment. Id first, marker second; skipped when unchanged, one survivor of duplicates.

Deleted by a person: it is posted again. Two of them (a lost answer and a late replica): the oldest stays.
"""

from bot.comments import reasons
from bot.github.effects import marker
from bot.github.effects.amend import read_comment, rewrite
from bot.github.effects.context import Context
from bot.github.effects.say import find_comments, post_comment
from bot.github.errors import GoneError
from bot.github.models import Comment
from bot.jobs.effects import EffectResult, Refused, ShowStatus


async def show_status(effect: ShowStatus, context: Context) -> EffectResult:
    body = marker.marked(effect.body, context.job_key, effect.key)
    if len(body) > marker.MAX_BODY:
        return Refused(code="invalid", reason=reasons.too_long("status", len(body)))

    async def find() -> Comment | None:
        return await _present(effect, context)

    async def create() -> Comment:
        return await post_comment(context, effect.number, body)

    comment = await context.create_once(find, create)
    if not marker.same_text(comment.body, body):
        comment = await rewrite(context, comment.id, body)
    return await context.done(effect.key, effect.kind, comment.id, comment.html_url)


async def _present(effect: ShowStatus, context: Context) -> Comment | None:
    known = await context.log.find(context.job_key, effect.key)
    if known is not None and (comment := await read_comment(context, known.remote_id)) is not None:
        return comment
    found = await find_comments(context, effect.number, effect.key)
    for duplicate in found[1:]:
        await _remove(context, duplicate)
    return found[0] if found else None


async def _remove(context: Context, comment: Comment) -> None:
    try:
        await context.insist(
            lambda: context.talk.delete(
                "/repos/{owner}/{repo}/issues/comments/{comment}", context.at(comment=comment.id)
            )
        )
    except GoneError:
        return
