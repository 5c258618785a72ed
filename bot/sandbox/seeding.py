"""What a new sandbox starts with: people with roles, an organization with a repository, the App installed on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bot.sandbox.git_objects import Identity, TreeChange
from bot.sandbox.model import Account, AccountKind, App, Installation, Repository, Role
from bot.sandbox.ops import installations as ops
from bot.sandbox.ops.issues import create_label
from bot.sandbox.ops.refs import attribute
from bot.sandbox.world import World

BUILT_IN = Path(__file__).parent / "seed"
PERMISSIONS = {"issues": "write", "pull_requests": "write", "contents": "write", "checks": "write"}
EVENTS = [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
    "check_suite",
    "push",
    "create",
    "delete",
    "repository",
    "label",
]


@dataclass(frozen=True)
class Seed:
    """`files` are laid over the built-in skills; a role of None makes a person a stranger."""

    organization: str = "acme"
    repository: str = "skills"
    app_slug: str = "skill-fleet"
    app_name: str = "skill-fleet"
    people: Mapping[str, Role | None] = field(
        default_factory=lambda: {"riley": Role.READ, "morgan": Role.ADMIN, "sam": None}
    )
    permissions: Mapping[str, str] = field(default_factory=lambda: dict(PERMISSIONS))
    events: tuple[str, ...] = tuple(EVENTS)
    labels: Mapping[str, str] = field(default_factory=lambda: {"skill-request": "5319e7", "bug": "d73a4a"})
    folder: Path | None = BUILT_IN
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    private: bool = False


@dataclass(frozen=True)
class Seeded:
    """What was made, and the secrets that go with it."""

    app: App
    installation: Installation
    repository: Repository
    private_key: str
    tokens: Mapping[str, str]


@cache
def app_key() -> tuple[str, str]:
    """The App's key pair, generated once per process: making one takes longer than making a sandbox."""
    return ops.generate_key()


def populate(world: World, seed: Seed, webhook_url: str, webhook_secret: str) -> Seeded:
    organization = world.add_account(seed.organization, AccountKind.ORGANIZATION)
    private_key, public_key = app_key()
    app = ops.create_app(
        world,
        seed.app_slug,
        seed.app_name,
        organization,
        public_key,
        dict(seed.permissions),
        list(seed.events),
        webhook_url,
        webhook_secret,
    )
    people: dict[str, Account] = {login: world.add_account(login, name=login.title()) for login in seed.people}
    owner = next((people[login] for login, role in seed.people.items() if role is Role.ADMIN), organization)
    repo = ops.create_repository(world, organization, seed.repository, seed.private)
    for login, role in seed.people.items():
        if role is not None:
            repo.roles[people[login].id] = role
    fill(world, repo, {**folder_files(seed.folder), **seed.files}, owner)
    for name, color in seed.labels.items():
        create_label(world, repo, name, color, None, owner)
    installation = ops.install(world, app, organization, owner, quietly=True)
    tokens = {login: world.tokens.add_personal(account) for login, account in people.items()}
    return Seeded(app, installation, repo, private_key, tokens)


def folder_files(folder: Path | None) -> dict[str, str | bytes]:
    """Every file below a folder by its path in the repository; a `.git` is left out."""
    if folder is None:
        return {}
    paths = (
        path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.relative_to(folder).parts
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def fill(world: World, repo: Repository, files: Mapping[str, str | bytes], by: Account) -> None:
    """The first commit on the default branch; nothing is announced."""
    if not files:
        return
    now = world.clock.now()
    who = Identity(by.name, by.email, now)
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    changes = [TreeChange(path, repo.git.write_blob(data)) for path, data in contents.items()]
    sha = repo.git.write_commit(repo.git.write_tree(None, changes), [], "Start the repository\n", who, who)
    name = f"refs/heads/{repo.default_branch}"
    repo.git.update_ref(name, sha)
    repo.known_refs[name] = sha
    attribute(world, repo, sha)
