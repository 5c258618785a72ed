"""Writing to branches through the Git Data API: trees, commits and refs, never forced.

Objects are invisible until a ref names them, and a ref moves by compare-and-swap, so a crash leaves garbage at most.
"""

from collections.abc import Sequence

from pydantic import JsonValue

from bot.github.effects.context import Context
from bot.github.errors import GoneError, InvalidError
from bot.github.models import GitObject, Nothing, RepositoryRef

_GIT = "/repos/{owner}/{repo}/git"


async def default_branch(context: Context) -> str:
    """GitHub's present word: the name we stored may be from before a rename."""
    repository = await context.publish.getitem("/repos/{owner}/{repo}", context.at(), RepositoryRef)
    return repository.default_branch


async def write_tree(base_tree: str, entries: list[JsonValue], context: Context) -> str:
    """`base_tree` with these entries laid over it."""
    if not entries:
        return base_tree
    data: dict[str, JsonValue] = {"base_tree": base_tree, "tree": entries}
    return (await context.publish.post(f"{_GIT}/trees", context.at(), data, GitObject)).sha


async def write_commit(message: str, tree: str, parents: Sequence[str], context: Context) -> str:
    """Without author and committer GitHub signs it."""
    data: dict[str, JsonValue] = {"message": message, "tree": tree, "parents": [*parents]}
    return (await context.publish.post(f"{_GIT}/commits", context.at(), data, GitObject)).sha


async def begin(branch: str, commit: str, context: Context) -> None:
    """A new branch. Raises InvalidError when it exists."""
    ref: dict[str, JsonValue] = {"ref": f"refs/heads/{branch}", "sha": commit}
    await context.publish.post(f"{_GIT}/refs", context.at(), ref, Nothing)


async def ensure(branch: str, commit: str, context: Context) -> None:
    """A branch that begins at `commit`, or has begun already, wherever it is now."""

    async def create() -> None:
        try:
            await begin(branch, commit, context)
        except InvalidError as error:
            if not error.says("already exists"):
                raise

    await context.insist(create)


async def move(branch: str, commit: str, context: Context) -> None:
    """Raises InvalidError or ConflictError when `commit` is not on top of what the branch is now."""
    moved: dict[str, JsonValue] = {"sha": commit, "force": False}
    await context.publish.patch(f"{_GIT}/refs/{{ref}}", context.at(ref=f"heads/{branch}"), moved, Nothing)


async def delete(branch: str, context: Context) -> None:
    """A branch that is not there is as good as deleted."""
    try:
        await context.publish.delete(f"{_GIT}/refs/{{ref}}", context.at(ref=f"heads/{branch}"))
    except GoneError:
        return
    except InvalidError as error:
        if not error.says("does not exist"):
            raise
