"""Forks: a copy of a repository below another account, and pull requests whose head is there.

As on GitHub, what a pull request brings lies in the repository it is opened in, too, and stays when the fork goes.
"""

from bot.sandbox.errors import ApiError
from bot.sandbox.model import Account, Pull, Repository, Role
from bot.sandbox.ops.installations import create_repository
from bot.sandbox.world import World

_HEADS = "refs/heads/"


def fork(world: World, parent: Repository, by: Account) -> Repository:
    """The person's fork, made with the default branch alone when there is none. Raises ApiError 403, 404."""
    if world.role(parent, by) < Role.READ:
        raise ApiError(404, "Not Found")
    if parent.owner is by:
        raise ApiError(403, "You cannot fork your own repository.")
    if (found := _fork_of(world, parent, by.login)) is not None:
        return found
    made = create_repository(world, by, parent.name, parent.private)
    made.parent, made.default_branch = parent, parent.default_branch
    name = _HEADS + parent.default_branch
    tip = made.git.fetch(parent.git, name)
    made.git.update_ref(name, tip)
    made.known_refs[name] = tip
    return made


def _fork_of(world: World, parent: Repository, owner: str) -> Repository | None:
    own = (each for each in world.repositories.values() if each.parent is parent)
    return next((each for each in own if each.owner.login.lower() == owner.lower()), None)


def home_of(world: World, repo: Repository, owner: str) -> Repository | None:
    """Where the head of a pull request is: `owner` is what stands before the colon, "" for the repository itself."""
    return repo if owner.lower() in ("", repo.owner.login.lower()) else _fork_of(world, repo, owner)


def bring(repo: Repository, home: Repository, branch: str) -> None:
    """What the fork's branch holds is in the repository from now."""
    repo.git.fetch(home.git, _HEADS + branch)


def owner_of(pull: Pull) -> Account:
    """Whose branch it is; of a fork that is gone, its author's."""
    return pull.home.owner if pull.home is not None else pull.issue.user


def forget(world: World, gone: Repository) -> None:
    """A deleted fork leaves its pull requests behind, without a home."""
    for repo in world.repositories.values():
        for pull in repo.pulls:
            if pull.home is gone and repo is not gone:
                pull.home = None
        if repo.parent is gone:
            repo.parent = None
