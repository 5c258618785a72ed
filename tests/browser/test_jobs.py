"""The jobs pages in a real browser, with the real bot behind them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from bot.jobs.job import JobStatus
from tests.browser.chromium import Watched, find, launched, watched
from tests.e2e.town import Town, town

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PHONE = {"width": 360, "height": 740}
HOSTILE = "</title><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> " + "wide" * 40
TOKEN = "a-token-of-the-api"


@dataclass
class World:
    """One request at its preview, one with a hostile title waiting to be started."""

    town: Town
    browser: Browser
    preview: int
    hostile: int

    @property
    def url(self) -> str:
        return self.town.bot.url

    def job(self, number: int) -> str:
        return f"/jobs/{self.town.github.repo}/{number}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    root = tmp_path_factory.mktemp("jobs")
    executable = find()
    async with (
        town(root, f"sqlite:///{root / 'bot.db'}", api_token=TOKEN) as made,
        launched(executable) as browser,
    ):
        preview = await made.to_preview()
        hostile = await made.file(HOSTILE, start=False)
        yield World(made, browser, preview, hostile)


async def _press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_jobs_are_listed_and_filtered_and_each_is_accounted_for(world: World) -> None:
    async with watched(world.browser, world.url) as visit:
        page = await visit.open("/jobs")
        rows = page.locator("table.jobs tbody tr")
        assert await rows.count() == 2
        assert "1 waiting for a decision" in " ".join((await page.locator("#now").inner_text()).split())
        await page.get_by_role("combobox", name="Status").select_option("pending_hitl")
        await _press(page, "Show")
        assert await rows.count() == 1
        await page.get_by_role("combobox", name="Repository").fill("acme/other")
        await _press(page, "Show")
        await page.get_by_text("There are no such jobs").wait_for()
        await page.get_by_role("link", name="All jobs").first.click()
        await rows.get_by_role("link", name="release notes").click()
        text = await page.locator("main").inner_text()
        assert "Waiting for a decision: the preview" in text
        assert "GenerateSkillContent" in text
        assert "A person is asked: the preview" in text
        for name in ("comment", "status comment", "label"):
            link = page.locator("#writes").get_by_role("link", name=name, exact=True).first
            assert str(await link.get_attribute("href")).startswith(world.town.github.sandbox.url)


@pytest.mark.parametrize(("scheme", "rules"), [("light", ""), ("dark", "color-contrast")])
async def test_every_jobs_page_is_accessible_and_fits_a_phone(world: World, scheme: str, rules: str) -> None:
    paths = ["/jobs", "/jobs?status=failed", world.job(world.preview), world.job(world.hostile)]
    paths += [world.job(world.preview) + "/cancel"]
    async with watched(world.browser, world.url, viewport=PHONE, color_scheme=scheme) as visit:
        found = await visit.flaws(paths, rules)
        visit.page.remove_listener("console", visit.said)  # Chromium reports the 400 that is wanted
        assert found + await visit.flaws(["/jobs?status=nonsense"], rules) == []


async def test_a_hostile_title_runs_nothing(world: World) -> None:
    async with watched(world.browser, world.url) as visit:
        for path in ("/jobs", world.job(world.hostile), world.job(world.hostile) + "/cancel"):
            page = await visit.open(path)
            await page.get_by_text("<script>window.hacked").first.wait_for()
            assert await page.evaluate("window.hacked") is None
            assert await page.locator("main script, main img").count() == 0


async def test_an_open_page_follows_the_job_and_an_order_needs_a_confirmation(world: World) -> None:
    """By keyboard, in the middle of it: the link, the confirmation and its button."""
    number = world.preview
    async with watched(world.browser, world.url) as visit, watched(world.browser, world.url) as other:
        listing = await other.open("/jobs?status=cancelled")
        await other.follows()
        page = await visit.open(world.job(number))
        await visit.follows()
        await page.get_by_role("link", name="Cancel").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Cancel this request?").wait_for()
        assert (await world.town.bot.job(number)).status is JobStatus.PENDING_HITL, "nothing happened yet"
        await page.get_by_role("button", name="Cancel the request").focus()
        await page.keyboard.press("Enter")
        await page.get_by_text("Cancelling was asked for").wait_for()
        await page.locator("#head .is-cancelled").wait_for()
        assert "cancelled by the operator" in await page.locator("#head").inner_text()
        await listing.locator("#list").get_by_role("link", name="release notes").wait_for()
        await _retried(visit, world, number)


async def _retried(visit: Watched, world: World, number: int) -> None:
    await visit.page.get_by_role("link", name="Retry").click()
    await _press(visit.page, "Try again")
    await visit.page.locator("#head .is-pending_hitl").wait_for()
    await world.town.bot.quiet()
    assert (await world.town.bot.job(number)).status is JobStatus.PENDING_HITL
