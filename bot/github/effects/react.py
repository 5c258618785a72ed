"""`React`: an emoji by us. GitHub keeps one per person and content, so it may be sent again at will."""

from bot.github.effects.context import Context
from bot.github.models import Reaction
from bot.jobs.effects import EffectResult, React

_TARGETS = {
    "issue": "/repos/{owner}/{repo}/issues/{target}/reactions",
    "issue_comment": "/repos/{owner}/{repo}/issues/comments/{target}/reactions",
    "review_comment": "/repos/{owner}/{repo}/pulls/comments/{target}/reactions",
}


async def react(effect: React, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    reaction = await context.insist(
        lambda: context.talk.post(
            _TARGETS[effect.target], context.at(target=effect.target_id), {"content": effect.content}, Reaction
        )
    )
    return await context.done(effect.key, effect.kind, reaction.id)
