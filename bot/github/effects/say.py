"""`Say`: a new comment, once. Found again by its marker among all comments of the conversation."""

from bot.comments import reasons
from bot.github.effects import marker
from bot.github.effects.context import Context
from bot.github.effects.rest import with_rest
from bot.github.models import Comment
from bot.jobs.effects import EffectResult, Refused, Say


async def say(effect: Say, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    text = await with_rest(effect.body, effect.rest, context)
    body = marker.marked(text, context.job_key, effect.key)
    if len(body) > marker.MAX_BODY:
        return Refused(code="invalid", reason=reasons.too_long("comment", len(body)))

    async def find() -> Comment | None:
        return await find_comment(context, effect.number, effect.key)

    async def create() -> Comment:
        return await post_comment(context, effect.number, body)

    comment = await context.create_once(find, create)
    return await context.done(effect.key, effect.kind, comment.id, comment.html_url)


async def post_comment(context: Context, number: int, body: str) -> Comment:
    return await context.talk.post(
        "/repos/{owner}/{repo}/issues/{number}/comments", context.at(number=number), {"body": body}, Comment
    )


async def find_comments(context: Context, number: int, key: str) -> list[Comment]:
    """Our comments on `number` that carry this effect's marker, oldest first."""
    found = [
        comment
        async for comment in context.talk.getiter(
            "/repos/{owner}/{repo}/issues/{number}/comments?per_page=100", context.at(number=number), Comment
        )
        if context.is_ours(comment) and marker.carries(comment.body, context.job_key, key)
    ]
    return sorted(found, key=lambda comment: comment.id)


async def find_comment(context: Context, number: int, key: str) -> Comment | None:
    return next(iter(await find_comments(context, number, key)), None)
