"""What finds no room in a comment or description: a file on a branch of its own, and the link to it below the text.

Not on the pull request's branch: merging adds the skill and nothing else. The branch is never merged, and deleted when
the request is over. The link names the commit, so it shows what was said with it, whatever becomes of the branch. Where
nothing can be written (a rule of the repository), the text goes out without link.
"""

import base64

import structlog
from pydantic import JsonValue

from bot.comments.notices import in_full, kept_message
from bot.github.client import find_item
from bot.github.effects.branch import default_branch, delete, ensure
from bot.github.effects.context import Context
from bot.github.errors import ConflictError, ForbiddenError, GoneError, InvalidError
from bot.github.models import CommitListed, FileContent, Stored
from bot.jobs.effects import DropRest, EffectResult, Rest

MAX_BYTES = 900_000
_FILE = "/repos/{owner}/{repo}/contents/.skill-fleet/{folder}/{name}"

log = structlog.get_logger(__name__)


async def with_rest(body: str, rest: Rest | None, context: Context) -> str:
    """`body` with the link to what it had to leave out."""
    if rest is None:
        return body
    try:
        return f"{body.rstrip()}\n\n{in_full(await _kept(rest, context))}"
    except (InvalidError, ForbiddenError, ConflictError, GoneError) as error:
        log.warning("rest_not_kept", job=context.job_key, reason=str(error))
        return body


async def _kept(rest: Rest, context: Context) -> str:
    """The address of the file that holds `rest`, at its commit; it is written unless it is there."""
    branch = _branch(context)
    at = context.at(folder=f"issue-{context.issue_number}", name=rest.name, branch=branch)
    content = rest.text.encode()[:MAX_BYTES]
    present = await _present(at, context)
    if present is not None and base64.b64decode(present.content) == content:
        return await _at_commit(present, branch, context)
    await _ensure_branch(branch, context)
    data: dict[str, JsonValue] = {
        "message": kept_message(context.issue_number),
        "content": base64.b64encode(content).decode(),
        "branch": branch,
    }
    if present is not None:
        data["sha"] = present.sha

    async def find() -> FileContent | None:
        found = await _present(at, context)
        return found if found is not None and base64.b64decode(found.content) == content else None

    async def create() -> FileContent:
        try:
            return (await context.publish.put(_FILE, at, data, Stored)).content
        except (InvalidError, ConflictError):
            # aiohttp repeats a PUT by itself when its answer is lost, and the second one is refused: the file is there.
            if (found := await find()) is None:
                raise
            return found

    return await _at_commit(await context.create_once(find, create), branch, context)


def _branch(context: Context) -> str:
    return f"skill-fleet/issue-{context.issue_number}"


async def _at_commit(file: FileContent, branch: str, context: Context) -> str:
    tip = await context.reader().branch_tip(branch) or branch
    return file.html_url.replace(f"/blob/{branch}/", f"/blob/{tip}/", 1)


async def _present(at: dict[str, str | int], context: Context) -> FileContent | None:
    return await find_item(context.publish, f"{_FILE}?ref={{branch}}", at, FileContent)


async def _ensure_branch(branch: str, context: Context) -> None:
    reader = context.reader()
    if await reader.branch_tip(branch) is not None:
        return
    await ensure(branch, await reader.branch_tip(await default_branch(context)) or "", context)


async def drop_rest(effect: DropRest, context: Context) -> EffectResult:
    """The branch is gone, unless somebody else committed to it last."""
    if known := await context.log.find(context.job_key, effect.key):
        return known.result
    branch = _branch(context)
    if await _is_ours(branch, context):
        await context.insist(lambda: delete(branch, context))
    return await context.done(effect.key, effect.kind)


async def _is_ours(branch: str, context: Context) -> bool:
    commits = context.publish.getiter(
        "/repos/{owner}/{repo}/commits?sha={branch}&per_page=1", context.at(branch=branch), CommitListed
    )
    try:
        async for commit in commits:
            return commit.author is not None and context.bot.is_login(commit.author.login)
    except GoneError:
        pass
    return False
