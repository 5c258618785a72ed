"""The two things of GitHub that creating an App needs: a page that takes a manifest, and the exchange of its code."""

import json
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web

from tests.integration.setup.keys import private_key


@dataclass
class GitHubStandIn:
    """`manifests` are what people posted; `exchanged` the codes that were traded. `status` refuses exchanges."""

    manifests: list[dict[str, object]] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    exchanged: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answer: dict[str, object] = field(default_factory=dict)
    status: int = 201

    def application(self) -> web.Application:
        app = web.Application()
        for path in ("/settings/apps/new", "/organizations/{organization}/settings/apps/new"):
            app.router.add_post(path, self.new_app)
        app.router.add_post("/api/v3/app-manifests/{code}/conversions", self.convert)
        return app

    async def new_app(self, request: web.Request) -> web.Response:
        form = await request.post()
        content = json.loads(str(form["manifest"]))
        self.manifests.append(content)
        code = secrets.token_hex(20)
        self.codes.add(code)
        query = urlencode({"code": code, "state": request.query["state"]})
        raise web.HTTPFound(f"{content['redirect_url']}?{query}")

    async def convert(self, request: web.Request) -> web.Response:
        code = request.match_info["code"]
        self.headers.append(dict(request.headers))
        if self.status != 201:
            return web.json_response({"message": "no"}, status=self.status)
        if code not in self.codes:
            return web.json_response({"message": "Not Found"}, status=404)
        self.codes.remove(code)
        self.exchanged.append(code)
        answer = {
            "id": 4711,
            "slug": "skill-fleet-acme",
            "name": "Skill Fleet acme",
            "owner": {"login": "acme", "type": "Organization"},
            "html_url": f"http://{request.host}/apps/skill-fleet-acme",
            "client_id": "Iv1.abc",
            "client_secret": "unused-unused-unused",
            "webhook_secret": "0123456789abcdef0123456789abcdef01234567",
            "pem": private_key(),
            **self.answer,
        }
        return web.json_response(answer, status=201)
