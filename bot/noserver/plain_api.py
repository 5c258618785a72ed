"""A few requests to GitHub's API with the standard library alone, before any package is installed.

An App signs by `openssl`, which runners have; its key goes through a pipe and is never written to a disk.
"""

import base64
import json
import subprocess
from http.client import HTTPMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bot.github.secrets import Secret

SECONDS = 10
_BACKDATED, _LIFE = 60, 300


def ask(url: str, token: Secret, body: object = None) -> dict[str, object]:
    """The answer to a GET, or to a POST of `body`; empty when it is no object. Raises OSError, ValueError."""
    request = Request(  # noqa: S310 - the runner names the address
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {token.reveal()}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "User-Agent": "skill-fleet",
        },
    )
    with build_opener(_Stay).open(request, timeout=SECONDS) as answer:
        found = json.loads(answer.read())
    return found if isinstance(found, dict) else {}


def token_to_talk(repository_api: str, permission: str, app_id: str, key: Secret, now: float) -> Secret:
    """A token of the App that may write in one respect in one repository (`https://…/repos/owner/name`). Raises
    OSError, ValueError, KeyError, CalledProcessError."""
    claims = {"iat": int(now) - _BACKDATED, "exp": int(now) + _LIFE, "iss": app_id}
    signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    app = Secret(f"{signed}.{_encoded(_signature(signed, key))}")
    api, _, names = repository_api.rpartition("/repos/")
    installation = ask(f"{repository_api}/installation", app)["id"]
    wanted = {"repositories": [names.partition("/")[2]], "permissions": {permission: "write"}}
    return Secret(str(ask(f"{api}/app/installations/{installation}/access_tokens", app, wanted)["token"]))


def _signature(text: str, key: Secret) -> bytes:
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.write_text(text)
        command = ["openssl", "dgst", "-sha256", "-sign", "/dev/stdin", "-binary", str(data)]
        pem = key.reveal().encode()
        return subprocess.run(command, input=pem, capture_output=True, check=True, timeout=SECONDS).stdout


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class _Stay(HTTPRedirectHandler):
    """A token goes to the address that the runner names and to no other."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None
