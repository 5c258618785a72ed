"""`Offer`: the onboarding pull request of a repository, once. Found by its branch: any pull request ever made from it,
open, merged or closed, is the answer, so what people closed is never asked again.
"""

from pydantic import JsonValue

from bot.github.effects import marker
from bot.github.effects.branch import ensure, write_commit, write_tree
from bot.github.effects.context import Context
from bot.github.git import GitReader, TooLargeError
from bot.github.models import PullRequest, RepositoryRef
from bot.jobs.effects import EffectResult, Offer
from bot.publish import newest_pull
from bot.setup.onboarding import BRANCH, Onboarding, onboarding

_REPOSITORY = "/repos/{owner}/{repo}"


async def offer(effect: Offer, context: Context) -> EffectResult:
    repository = await context.publish.getitem(_REPOSITORY, context.at(), RepositoryRef)
    if repository.archived or repository.fork or await newest_pull(BRANCH, context) is not None:
        return await context.done(effect.key, effect.kind)
    reader = context.reader()
    tip = await reader.branch_tip(repository.default_branch)
    offered = await _offered(effect, tip, reader) if tip is not None else None
    if tip is None or offered is None:
        return await context.done(effect.key, effect.kind)
    await _branch(offered, tip, reader, context)
    pull = await _pull(effect, offered, repository.default_branch, context)
    return await context.done(effect.key, effect.kind, pull.number, pull.html_url)


async def _offered(effect: Offer, tip: str, reader: GitReader) -> Onboarding | None:
    try:
        present = {entry.path for entry in await reader.files(await reader.tree_of(tip))}
    except TooLargeError:
        return None
    return onboarding(present, action=effect.action)


async def _branch(offered: Onboarding, tip: str, reader: GitReader, context: Context) -> None:
    """Our branch with the files, one commit; one that is there already is ours from before a crash."""
    if await reader.branch_tip(BRANCH) is not None:
        return
    entries: list[JsonValue] = [
        {"path": path, "mode": "100644", "type": "blob", "content": text} for path, text in offered.files.items()
    ]
    base_tree = await reader.tree_of(tip)
    tree = await context.insist(lambda: write_tree(base_tree, entries, context))
    commit = await context.insist(lambda: write_commit(offered.commit_message, tree, [tip], context))
    await ensure(BRANCH, commit, context)


async def _pull(effect: Offer, offered: Onboarding, base: str, context: Context) -> PullRequest:
    body = marker.marked(offered.body, context.job_key, effect.key)
    data: dict[str, JsonValue] = {"title": offered.title, "head": BRANCH, "base": base, "body": body}

    async def create() -> PullRequest:
        return await context.publish.post(f"{_REPOSITORY}/pulls", context.at(), data, PullRequest)

    return await context.create_once(lambda: newest_pull(BRANCH, context), create)
