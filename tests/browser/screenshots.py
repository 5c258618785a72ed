"""`python -m tests.browser.screenshots FOLDER`: pictures of the journey, taken from the running product."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.browser.chromium import find, launched, watched
from tests.browser.journey import travel
from tests.e2e.town import town

_WINDOW, _PHONE = {"width": 1100, "height": 900}, {"width": 360, "height": 740}


async def take(folder: Path) -> None:
    """One journey; each stop in light and dark, and on a phone."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as root:
        where, database = Path(root), f"sqlite:///{Path(root) / 'bot.db'}"
        async with (
            town(where, database) as made,
            launched(find()) as browser,
            watched(browser, made.github.sandbox.url, viewport=_WINDOW) as visit,
        ):

            async def look(name: str) -> None:
                for look_name, scheme, size in (
                    ("light", "light", _WINDOW),
                    ("dark", "dark", _WINDOW),
                    ("phone", "light", _PHONE),
                ):
                    await visit.page.emulate_media(color_scheme=scheme)
                    await visit.page.set_viewport_size(size)
                    await visit.page.screenshot(path=folder / f"{name}-{look_name}.png", full_page=True)
                await visit.page.emulate_media(color_scheme="light")
                await visit.page.set_viewport_size(_WINDOW)
                print(folder / name)

            await travel(visit, look)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("dist/screenshots"), help="default: %(default)s")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(folder))


if __name__ == "__main__":
    main()
