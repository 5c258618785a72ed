"""The Chromium of this machine, and pages that fail their test at the first error in the console."""

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_MISSING = (
    "no Chromium on this machine; install one (Debian and Ubuntu: apt-get install chromium) to run the browser tests"
)
_AXE = (Path(__file__).parents[1] / "data" / "axe" / "axe.min.js").read_text()
_RUN_AXE = """async (only) => {
  const chosen = only ? { runOnly: only } : {};
  const found = await axe.run(document, { resultTypes: ["violations"], ...chosen });
  return found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`);
}"""


def find() -> str:
    """The path of a Chromium. Without one the test is skipped, but in CI, where nothing is, it fails."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("SKILL_FLEET_CI"):
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    return found


@asynccontextmanager
async def launched(executable: str) -> AsyncIterator[Browser]:
    """Headless. Only root, as in a container, has to do without Chromium's own sandbox."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Watched:
    """A page and everything that went wrong on it."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self.said)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _asked(self, address: str) -> None:
        if urlsplit(address).netloc != urlsplit(self.url).netloc:
            self.faults.append(f"request to elsewhere: {address}")

    async def open(self, path: str) -> Page:
        """The page at a path, once it follows what happens."""
        await self.page.goto(self.url + path, wait_until="domcontentloaded")
        return self.page

    async def become(self, login: str) -> None:
        await self.page.get_by_role("group", name="You are").get_by_role("button", name=login).click()
        await self.page.locator(f'button[value="{login}"][aria-pressed=true]').wait_for()

    async def follows(self) -> None:
        await self.page.locator("html[data-following=yes]").wait_for()

    async def accessibility(self, only: str = "") -> list[str]:
        """What axe-core finds wrong, by all its rules or `only` one."""
        await self.page.evaluate(_AXE)
        found: list[str] = await self.page.evaluate(_RUN_AXE, [only] if only else None)
        return found

    async def flaws(self, paths: Iterable[str], only: str = "") -> list[str]:
        """What is wrong with these pages by axe-core's rules, or `only` one, and which do not fit the window."""
        found = []
        for path in paths:
            await self.open(path)
            found += [f"{path}: {each}" for each in await self.accessibility(only)]
            if wide := await self.overflow():
                found.append(f"{path}: {wide} pixels too wide")
        return found

    async def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        measured: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return measured


@asynccontextmanager
async def watched(browser: Browser, url: str, **options: Any) -> AsyncIterator[Watched]:
    """A page in a browser profile of its own; fails at the end if anything went wrong on it."""
    context = await browser.new_context(**options)
    context.set_default_timeout(60_000)
    there = Watched(await context.new_page(), url)
    there.watch()
    try:
        yield there
    finally:
        await context.close()
    assert there.faults == []
