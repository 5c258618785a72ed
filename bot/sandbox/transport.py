"""Clone and push over smart HTTP: git's `http-backend` behind a permission check; refs it moved are announced."""

import asyncio
import base64
import binascii
import os
import re

from aiohttp import web

from bot.sandbox.errors import ApiError
from bot.sandbox.model import Repository, Role
from bot.sandbox.ops import refs
from bot.sandbox.principals import Anonymous, AppCaller, InstallationCaller, Person, Principal
from bot.sandbox.world import World

PATH = re.compile(
    r"^/(?P<owner>[^/]+)/(?P<repo>[^/]+?)(?:\.git)?/(?P<what>info/refs|git-upload-pack|git-receive-pack)$"
)


class RefusedError(Exception):
    """The request may not go to git; status and the line that the git client shows."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def _identify(world: World, request: web.Request) -> Principal:
    header = request.headers.get("Authorization", "")
    if not header:
        return Anonymous()
    scheme, _, value = header.partition(" ")
    token = value
    if scheme.lower() == "basic":
        try:
            token = base64.b64decode(value).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            token = ""
    try:
        return world.tokens.identify(token, world.apps)
    except ApiError:
        raise RefusedError(401, "Invalid username or token. Password authentication is not supported.") from None


def _check(world: World, repo: Repository | None, principal: Principal, pushes: bool) -> Repository:
    if isinstance(principal, Anonymous | AppCaller) and (repo is None or repo.private or pushes):
        raise RefusedError(401, "Authentication required")
    if repo is None:
        raise RefusedError(404, "Repository not found.")
    if isinstance(principal, Person):
        role = world.role(repo, principal.account)
        if role < Role.READ:
            raise RefusedError(404, "Repository not found.")
        if pushes and role < Role.WRITE:
            raise RefusedError(403, f"Permission to {repo.full_name}.git denied to {principal.account.login}.")
    if isinstance(principal, InstallationCaller):
        inside = principal.installation.account is repo.owner and principal.covers(repo.id)
        level = principal.permissions.get("contents") if inside and not principal.installation.suspended_at else None
        if pushes and level != "write":
            raise RefusedError(
                403, f"Permission to {repo.full_name}.git denied to {principal.installation.app.bot.login}."
            )
        if repo.private and level not in ("read", "write"):
            raise RefusedError(404, "Repository not found.")
    if pushes and repo.archived:
        raise RefusedError(403, "This repository was archived so it is read-only.")
    return repo


async def handle(world: World, request: web.Request, match: re.Match[str]) -> web.StreamResponse:
    what = match["what"]
    pushes = "git-receive-pack" in (what, request.query.get("service"))
    try:
        principal = _identify(world, request)
        found = world.repository(match["owner"], match["repo"]) or world.renamed(match["owner"], match["repo"])
        repo = _check(world, found, principal, pushes)
    except RefusedError as refusal:
        headers = {"WWW-Authenticate": 'Basic realm="GitHub"'} if refusal.status == 401 else {}
        return web.Response(status=refusal.status, text=f"{refusal.text}\n", headers=headers)
    response = await _backend(request, repo, what, principal)
    if what == "git-receive-pack":
        _announce(world, repo, principal)
    return response


async def _backend(request: web.Request, repo: Repository, what: str, principal: Principal) -> web.Response:
    body = await request.read()
    is_app = isinstance(principal, InstallationCaller)
    allowed = isinstance(principal, InstallationCaller) and principal.permissions.get("workflows") == "write"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PROJECT_ROOT": str(repo.git.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "PATH_INFO": f"/{repo.git.path.name}/{what}",
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": "" if isinstance(principal, Anonymous) else "sandbox",
        "SANDBOX_PROTECTED": " ".join(repo.protected),
        "SANDBOX_NO_WORKFLOWS": "1" if is_app and not allowed else "",
    }
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(body)
    head, _, content = output.partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    status = 200
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        elif name:
            headers[name.strip()] = value.strip()
    return web.Response(status=status, body=content, headers=headers)


def _announce(world: World, repo: Repository, principal: Principal) -> None:
    """Compare the refs with what was announced before and announce the difference."""
    if isinstance(principal, Person):
        pusher = principal.account
    elif isinstance(principal, InstallationCaller):
        pusher = principal.installation.app.bot
    else:
        return
    current = {name: sha for name, sha in repo.git.refs().items() if name.startswith(("refs/heads/", "refs/tags/"))}
    for name in [*current, *(set(repo.known_refs) - set(current))]:
        refs.moved(world, repo, name, current.get(name), pusher)
