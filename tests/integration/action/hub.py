"""The few REST calls the comment needs, answered as GitHub answers them."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hub:
    """Comments of one pull request, and who the token is: an app's bot by default, as the workflow's own token."""

    url: str = ""
    login: str | None = None
    may_write: bool = True
    answer: int = 0
    redirect: str = ""
    comments: list[dict[str, object]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def add(self, body: str, login: str, kind: str = "User") -> dict[str, object]:
        comment: dict[str, object] = {
            "id": 1000 + len(self.comments),
            "body": body,
            "user": {"login": login, "type": kind},
        }
        self.comments.append(comment)
        return comment

    def respond(self, method: str, path: str, body: dict[str, str]) -> tuple[int, object]:
        if self.answer:
            return self.answer, {"message": "no"}
        if path == "/user":
            if self.login is None:
                return 403, {"message": "Resource not accessible by integration"}
            return 200, {"login": self.login}
        if match := re.fullmatch(r"/repos/octo/skills/issues/(\d+)/comments\?per_page=100&page=(\d+)", path):
            page = int(match[2])
            return 200, self.comments[100 * (page - 1) : 100 * page]
        if not self.may_write:
            return 403, {"message": "Resource not accessible by integration"}
        if method == "POST" and re.fullmatch(r"/repos/octo/skills/issues/\d+/comments", path):
            login = self.login or "github-actions[bot]"
            return 201, self.add(body["body"], login, "User" if self.login else "Bot")
        if method == "PATCH" and (match := re.fullmatch(r"/repos/octo/skills/issues/comments/(\d+)", path)):
            comment = next(c for c in self.comments if c["id"] == int(match[1]))
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serves the hub on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else {}
            hub.requests.append(f"{self.command} {self.path}")
            hub.tokens.add(self.headers.get("Authorization", ""))
            status, answer = (302, {}) if hub.redirect else hub.respond(self.command, self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            if hub.redirect:
                self.send_header("Location", hub.redirect)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
