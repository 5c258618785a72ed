"""`Close`: the issue or pull request is closed; nothing happens when it is already."""

from bot.github.effects.context import Context
from bot.github.models import Issue, PullRequest
from bot.jobs.effects import Close, EffectResult

_ISSUE = "/repos/{owner}/{repo}/issues/{number}"
_PULL = "/repos/{owner}/{repo}/pulls/{number}"


async def close(effect: Close, context: Context) -> EffectResult:
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    url = await (_close_issue(effect, context) if effect.what == "issue" else _close_pull(effect, context))
    return await context.done(effect.key, effect.kind, effect.number, url)


async def _close_issue(effect: Close, context: Context) -> str:
    there = context.at(number=effect.number)
    issue = await context.talk.getitem(_ISSUE, there, Issue)
    if issue.state == "open":
        changes = {"state": "closed", "state_reason": effect.reason}
        issue = await context.insist(lambda: context.talk.patch(_ISSUE, there, {**changes}, Issue))
    return issue.html_url


async def _close_pull(effect: Close, context: Context) -> str:
    there = context.at(number=effect.number)
    pull = await context.talk.getitem(_PULL, there, PullRequest)
    if pull.state == "open":
        pull = await context.insist(lambda: context.talk.patch(_PULL, there, {"state": "closed"}, PullRequest))
    return pull.html_url
