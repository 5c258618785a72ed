"""The pages in a real browser, with the real bot behind them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.chromium import find, launched, watched
from tests.browser.journey import spoiling, travel
from tests.e2e.town import Town, town

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PHONE = {"width": 360, "height": 740}
HOSTILE = "\n\n".join(
    [
        "</textarea></title></section><script>window.hacked = 1</script>",
        "<img src=x onerror='window.hacked = 1'><svg onload='window.hacked = 1'>",
        "<iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>",
        "<a href='javascript:window.hacked=1' id='trap'>press me</a> [and me](javascript:window.hacked=1)",
        "<form action='https://evil.example' id='main'><button>Save</button></form>",
        "<style>body { display: none }</style><meta http-equiv='refresh' content='0;url=https://evil.example'>",
        "![picture](https://evil.example/track.png) <base href='https://evil.example'>",
        "<details><table><tr><td><li>" + "wide" * 200,
    ]
)


@dataclass
class World:
    town: Town
    browser: Browser
    seen: dict[str, str] = field(default_factory=dict)  # addresses by name, from the journey

    @property
    def url(self) -> str:
        return self.town.github.sandbox.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    root = tmp_path_factory.mktemp("browser")
    executable = find()
    async with town(root, f"sqlite:///{root / 'bot.db'}") as made, launched(executable) as browser:
        yield World(made, browser)


async def _issue(world: World, title: str = "A title", body: str = "A body") -> str:
    number = await world.town.github.as_user("riley").open_issue(title, body)
    return f"/acme/skills/issues/{number}"


async def test_a_newcomer_comes_from_the_first_page_to_a_merged_skill_by_clicks_alone(world: World) -> None:
    async with watched(world.browser, world.url, viewport={"width": 1100, "height": 800}) as visit:

        async def look(name: str) -> None:
            world.seen[name] = visit.page.url.removeprefix(world.url).partition("#")[0]

        await travel(visit, look, spoiling(world.town.github))
    await world.town.bot.quiet()


@pytest.mark.parametrize(("scheme", "rules"), [("light", ""), ("dark", "color-contrast")])
async def test_every_page_is_accessible_and_fits_a_phone(world: World, scheme: str, rules: str) -> None:
    paths = list(dict.fromkeys([*world.seen.values(), await _issue(world, "Hostile", HOSTILE)]))
    paths += ["/acme/skills", "/acme/skills/issues?state=all", "/acme/skills/pulls?state=all", "/acme/skills/tree/main"]
    paths += ["/acme/skills/issues/new/choose"]
    async with watched(world.browser, world.url, viewport=PHONE, color_scheme=scheme) as visit:
        assert await visit.flaws(paths, rules) == []


async def test_a_hostile_issue_runs_nothing_and_asks_nothing_of_elsewhere(world: World) -> None:
    path = await _issue(world, "<script>window.hacked = 1</script>", HOSTILE)
    async with watched(world.browser, world.url) as visit:
        page = await visit.open(path)
        await page.locator(".md").get_by_text("press me").click()
        await page.locator(".md").get_by_text("and me").click()
        assert await page.evaluate("window.hacked") is None
        assert await page.locator("#trap, .md form, .md style, .md script, .md iframe, .md svg").count() == 0
        await page.get_by_role("button", name="Comment", exact=True).wait_for()
        await visit.open("/acme/skills/issues")
        assert await page.evaluate("window.hacked") is None


async def test_an_open_page_follows_and_keeps_what_is_being_typed(world: World) -> None:
    path = await _issue(world)
    number = int(path.rpartition("/")[2])
    async with watched(world.browser, world.url) as visit:
        page = await visit.open(path)
        await visit.follows()
        await page.get_by_label("Reply as riley").fill("half a sen")
        morgan = world.town.github.as_user("morgan")
        said = await morgan.comment(number, "something **new**")
        await page.locator(f"#comment-{said} strong", has_text="new").wait_for()
        await morgan.label(number, "bug")
        await page.locator("#head .chip", has_text="bug").wait_for()
        assert await page.get_by_label("Reply as riley").input_value() == "half a sen"
        assert await page.evaluate("document.activeElement.tagName") == "TEXTAREA"


async def test_everything_can_be_reached_by_keyboard(world: World) -> None:
    async with watched(world.browser, world.url) as visit:
        page = await visit.open(await _issue(world))
        await page.keyboard.press("Tab")
        assert await _focused(page) == "Skip to the content"
        await page.keyboard.press("Enter")
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await page.evaluate(
                "document.activeElement.name === 'body' && !document.activeElement.closest('details')"
            ):
                break
        await page.keyboard.type("by keyboard")
        await page.keyboard.press("Tab")
        assert await _focused(page) == "Comment"
        await page.keyboard.press("Enter")
        await page.locator(".comment .md", has_text="by keyboard").wait_for()


async def _focused(page: Page) -> str:
    text: str = await page.evaluate("document.activeElement.textContent.trim()")
    return text


async def test_without_script_forms_do_the_work(world: World) -> None:
    async with watched(world.browser, world.url, java_script_enabled=False) as visit:
        page = await visit.open("/acme/skills/issues/new")
        await page.get_by_label("Title").fill("Without script")
        await page.get_by_role("button", name="Submit new issue").click()
        await page.get_by_label("Reply as riley").fill("still here")
        await page.get_by_role("button", name="Comment", exact=True).click()
        await page.locator(".comment .md", has_text="still here").wait_for()
        await visit.become("morgan")
        await page.get_by_role("button", name="Close").click()
        await page.locator("#head .state.closed").wait_for()
