"""`Amend`: new words in a comment that an earlier `Say` of the job posted. Skipped when they are there already."""

from bot.comments import reasons
from bot.github.client import find_item
from bot.github.effects import marker
from bot.github.effects.context import Context
from bot.github.effects.say import find_comment
from bot.github.models import Comment
from bot.jobs.effects import Amend, EffectResult, Refused

_COMMENT = "/repos/{owner}/{repo}/issues/comments/{comment}"


async def amend(effect: Amend, context: Context) -> EffectResult:
    said = await _said(effect, context)
    if said is None:
        return Refused(code="gone", reason=reasons.comment_gone())
    body = marker.marked(effect.body, context.job_key, effect.said)
    if len(body) > marker.MAX_BODY:
        return Refused(code="invalid", reason=reasons.too_long("comment", len(body)))
    if not marker.same_text(said.body, body):
        said = await rewrite(context, said.id, body)
    return await context.done(effect.key, effect.kind, said.id, said.html_url)


async def _said(effect: Amend, context: Context) -> Comment | None:
    known = await context.log.find(context.job_key, effect.said)
    if known is not None and known.remote_id:
        return await read_comment(context, known.remote_id)
    return await find_comment(context, context.issue_number, effect.said)


async def read_comment(context: Context, comment_id: int) -> Comment | None:
    """The comment, or None when it was deleted."""
    return await find_item(context.talk, _COMMENT, context.at(comment=comment_id), Comment)


async def rewrite(context: Context, comment_id: int, body: str) -> Comment:
    return await context.insist(
        lambda: context.talk.patch(_COMMENT, context.at(comment=comment_id), {"body": body}, Comment)
    )
