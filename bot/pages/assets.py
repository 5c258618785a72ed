"""The style sheet, the script for live updates and the icon, and the templates that all pages begin from."""

from importlib import resources

from aiohttp import web
from jinja2 import BaseLoader, ChoiceLoader, PackageLoader

from bot.pages.safety import SAFE

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Assets:
    """Files of the package, read once. `packages` add their own `static` folder."""

    def __init__(self, *packages: str) -> None:
        self._files: dict[str, bytes] = {}
        for package in (__package__, *packages):
            folder = resources.files(package) / "static"
            if folder.is_dir():
                self._files |= {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}

    async def serve(self, request: web.Request) -> web.Response:
        """The file `name`; 404 for any other."""
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        headers = {**SAFE, "Cache-Control": "no-cache"}
        kind = _TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        return web.Response(body=self._files[name], content_type=kind, charset="utf-8", headers=headers)


def templates(package: str) -> BaseLoader:
    """A package's own templates, then the shared ones."""
    return ChoiceLoader([PackageLoader(package), PackageLoader(__package__)])
