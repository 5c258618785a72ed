"""`python -m tests.browser.screenshots [FOLDER]`: pictures of the pages, taken from the running product.

With `--readme` only the three of the README, into docs/images; the jobs of the list are made up, the rest is a journey.
"""

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Browser, Page

from bot.store.database import open_database
from bot.store.stores import Stores
from tests.bench.pages import fill, serving
from tests.browser.chromium import Watched, find, launched, watched
from tests.browser.journey import spoiling, travel
from tests.e2e.town import town

_WINDOW, _PHONE = {"width": 1100, "height": 900}, {"width": 360, "height": 740}
_README = Path(__file__).parents[2] / "docs" / "images"
_LOOKS = (("light", "light", _WINDOW), ("dark", "dark", _WINDOW), ("phone", "light", _PHONE))
_JOBS_MADE_UP = 400


async def take(folder: Path, readme: bool) -> None:
    """One journey through the sandbox, the account of its job, and a list of many jobs."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as root:
        where = Path(root)
        async with launched(find()) as browser:
            await _journey(browser, where, folder, readme)
            async with _many_jobs(browser, where) as visit:
                await _look(await visit.open("/jobs"), folder, "jobs", readme)


async def _journey(browser: Browser, where: Path, folder: Path, readme: bool) -> None:
    async with town(where, f"sqlite:///{where / 'bot.db'}") as made:
        async with watched(browser, made.github.sandbox.url, viewport=_WINDOW) as visit:

            async def look(name: str) -> None:
                if not readme:
                    await _look(visit.page, folder, name)
                elif name == "preview":
                    await visit.page.locator("article.comment").last.evaluate("part => part.scrollIntoView()")
                    await _look(visit.page, folder, "sandbox", readme)

            issue, _ = await travel(visit, look, None if readme else spoiling(made.github))
        await made.bot.quiet()
        async with watched(browser, made.bot.url, viewport=_WINDOW) as visit:
            page = await visit.open(issue.replace("/acme", "/jobs/acme").replace("/issues", ""))
            await _look(page, folder, "job", readme)


@asynccontextmanager
async def _many_jobs(browser: Browser, where: Path) -> AsyncIterator[Watched]:
    url = f"sqlite:///{where / 'many.db'}"
    stores = Stores.over(open_database(url))
    await stores.migrate()
    await fill(stores, _JOBS_MADE_UP, datetime.now(UTC))
    await stores.database.close()
    async with serving(url) as address, watched(browser, address, viewport=_WINDOW) as visit:
        yield visit


async def _look(page: Page, folder: Path, name: str, readme: bool = False) -> None:
    if readme:
        await page.set_viewport_size({"width": 1100, "height": 780})
        await page.screenshot(path=folder / f"{name}.png")
        print(folder / f"{name}.png")
        return
    for look, scheme, size in _LOOKS:
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        await page.screenshot(path=folder / f"{name}-{look}.png", full_page=True)
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": _WINDOW["width"], "height": _WINDOW["height"]})
    print(folder / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("dist/screenshots"), help="default: %(default)s")
    parser.add_argument("--readme", action="store_true", help="the pictures of the README, into docs/images")
    given = parser.parse_args()
    folder: Path = _README if given.readme else given.folder
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(folder, given.readme))


if __name__ == "__main__":
    main()
