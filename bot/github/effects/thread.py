"""`ReplyInThread`: an answer below a line comment, once. Found again by its marker among the review comments."""

from bot.comments import reasons
from bot.github.effects import marker
from bot.github.effects.context import Context
from bot.github.models import Comment
from bot.jobs.effects import EffectResult, Refused, ReplyInThread


async def reply_in_thread(effect: ReplyInThread, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    body = marker.marked(effect.body, context.job_key, effect.key)
    if len(body) > marker.MAX_BODY:
        return Refused(code="invalid", reason=reasons.too_long("reply", len(body)))

    async def find() -> Comment | None:
        comments = context.talk.getiter(
            "/repos/{owner}/{repo}/pulls/{number}/comments?per_page=100",
            context.at(number=effect.pull_number),
            Comment,
        )
        async for comment in comments:
            if context.is_ours(comment) and marker.carries(comment.body, context.job_key, effect.key):
                return comment
        return None

    async def create() -> Comment:
        return await context.talk.post(
            "/repos/{owner}/{repo}/pulls/{number}/comments/{comment}/replies",
            context.at(number=effect.pull_number, comment=effect.comment_id),
            {"body": body},
            Comment,
        )

    comment = await context.create_once(find, create)
    return await context.done(effect.key, effect.kind, comment.id, comment.html_url)
