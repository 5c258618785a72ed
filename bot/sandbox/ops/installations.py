"""Apps and their installations, and what the owner of a repository can do to it: rename, archive, publish."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.sandbox.events import emit, emit_installation
from bot.sandbox.git_store import GitStore
from bot.sandbox.model import Account, AccountKind, App, Installation, Repository
from bot.sandbox.render import repositories as render
from bot.sandbox.world import World


def generate_key() -> tuple[str, str]:
    """A fresh RSA key: (private PEM in PKCS#1, public PEM), as GitHub hands out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def create_app(
    world: World,
    slug: str,
    name: str,
    owner: Account,
    public_key_pem: str,
    permissions: dict[str, str],
    events: list[str],
    webhook_url: str = "",
    webhook_secret: str = "",
) -> App:
    number = world.ids.next("app") - 2_500_000_001 + 1_204_201
    app = App(
        id=number,
        slug=slug,
        name=name,
        owner=owner,
        bot=world.add_account(f"{slug}[bot]", AccountKind.BOT),
        client_id=f"Iv23li{number:014d}",
        public_key_pem=public_key_pem,
        permissions={"metadata": "read", **permissions},
        events=events,
        created_at=world.clock.now(),
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
        hook_id=world.ids.next("hook") - 2_000_000_000,
    )
    world.apps[app.id] = app
    return app


def install(
    world: World, app: App, account: Account, by: Account, repository_ids: set[int] | None = None, quietly: bool = False
) -> Installation:
    now = world.clock.now()
    installation = Installation(
        id=world.ids.next("installation") - 2_400_000_000,
        app=app,
        account=account,
        permissions=dict(app.permissions),
        events=list(app.events),
        created_at=now,
        updated_at=now,
        repository_ids=repository_ids,
    )
    world.installations[installation.id] = installation
    if not quietly:
        announce(world, installation, "created", by)
    return installation


def announce(world: World, installation: Installation, action: str, by: Account) -> None:
    repositories = [render.installed(repo) for repo in world.repositories_of(installation)]
    data: dict[str, object] = {} if action in ("suspend", "unsuspend") else {"repositories": repositories}
    if action == "created":
        data["requester"] = None
    emit_installation(world, "installation", action, installation, by, data)


def uninstall(world: World, installation: Installation, by: Account) -> None:
    announce(world, installation, "deleted", by)
    installation.deleted = True


def suspend(world: World, installation: Installation, by: Account) -> None:
    installation.suspended_at, installation.suspended_by = world.clock.now(), by
    announce(world, installation, "suspend", by)


def unsuspend(world: World, installation: Installation, by: Account) -> None:
    installation.suspended_at = installation.suspended_by = None
    announce(world, installation, "unsuspend", by)


def grant(world: World, installation: Installation, permissions: dict[str, str], by: Account) -> None:
    """Set what the installation allows, as when its owner accepts (or was never asked for) new permissions."""
    installation.permissions = {"metadata": "read", **permissions}
    installation.updated_at = world.clock.now()
    announce(world, installation, "new_permissions_accepted", by)


def select(world: World, installation: Installation, repository_ids: set[int] | None, by: Account) -> None:
    """Choose which repositories the App reaches (None: all)."""
    before = {repo.id for repo in world.repositories_of(installation)}
    installation.repository_ids = repository_ids
    after = {repo.id for repo in world.repositories_of(installation)}
    for action, ids in (("added", after - before), ("removed", before - after)):
        if ids:
            chosen = [render.installed(repo) for repo in world.repositories.values() if repo.id in ids]
            data: dict[str, object] = {
                "repository_selection": "all" if repository_ids is None else "selected",
                "repositories_added": chosen if action == "added" else [],
                "repositories_removed": chosen if action == "removed" else [],
                "requester": None,
            }
            emit_installation(world, "installation_repositories", action, installation, by, data)


def create_repository(world: World, owner: Account, name: str, private: bool = False) -> Repository:
    """An empty repository; nothing is announced."""
    now = world.clock.now()
    number = world.ids.next("repository")
    repo = Repository(
        id=number,
        owner=owner,
        name=name,
        git=GitStore.init(world.root / "repositories" / f"{number}.git", "main"),
        created_at=now,
        updated_at=now,
        pushed_at=now,
        private=private,
    )
    world.repositories[repo.id] = repo
    return repo


def rename(world: World, repo: Repository, name: str, by: Account) -> None:
    """The old name keeps answering with a redirect."""
    before, old = repo.name, repo.full_name.lower()
    repo.former_names.add(old)
    repo.name = name
    repo.former_names.discard(repo.full_name.lower())
    emit(world, "repository", "renamed", repo, by, {"changes": {"repository": {"name": {"from": before}}}})


def archive(world: World, repo: Repository, by: Account) -> None:
    repo.archived = True
    emit(world, "repository", "archived", repo, by, {})


def unarchive(world: World, repo: Repository, by: Account) -> None:
    repo.archived = False
    emit(world, "repository", "unarchived", repo, by, {})


def delete_repository(world: World, repo: Repository, by: Account) -> None:
    emit(world, "repository", "deleted", repo, by, {})
    del world.repositories[repo.id]
    repo.git.close()
