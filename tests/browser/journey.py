"""The two-minute journey as a newcomer makes it: by clicks, never reloading, told by the page what comes next."""

from collections.abc import Awaitable, Callable

from tests.browser.chromium import Watched
from tests.e2e.town import FORM, TITLE
from tests.github_sandbox import GitHub

ANSWER = "Count the lines of the notes and of the log: both numbers must be the same."

SKILL = "skills/release-notes/SKILL.md"

Look = Callable[[str], Awaitable[None]]
Spoil = Callable[[], Awaitable[None]]
"""Somebody commits to the pull request's branch what the rules do not allow and can repair."""


async def _nothing(name: str) -> None:
    """Nobody looks."""


def spoiling(github: GitHub) -> Spoil:
    async def spoil() -> None:
        branch = (await github.pulls())[0]["head"]["ref"]
        text = await github.file(SKILL, branch)
        assert text is not None
        await github.as_user("morgan").commit(branch, {SKILL: f"\n{text}"}, "Oops")

    return spoil


async def travel(visit: Watched, look: Look = _nothing, spoil: Spoil | None = None) -> tuple[str, str]:
    """From the first page to the skill on main; the addresses of the issue and the pull request."""
    page = await visit.open("/")
    await look("home")
    await page.get_by_role("link", name="Ask for a skill").click()
    await page.get_by_role("link", name="Skill request").click()
    await page.get_by_label("Title").fill(TITLE)
    for field, text in FORM.items():
        await page.locator(f'[name="field-{field}"]').fill(text)
    await look("form")
    await page.get_by_role("button", name="Submit new issue as riley").click()
    issue = await _arrived(visit, "/issues/")

    await visit.become("morgan")
    await page.get_by_role("button", name="/skill start").click()
    await page.locator(".md", has_text="before I write this skill").wait_for()
    await look("question")

    await visit.become("riley")
    await page.get_by_label("Reply as riley").fill(ANSWER)
    await page.get_by_role("button", name="Comment", exact=True).click()
    approve = page.get_by_role("button", name="/skill approve ")
    await approve.wait_for()
    await look("preview")

    await visit.become("morgan")
    await approve.click()
    await page.locator("#head").get_by_role("link", name="#").wait_for()
    await look("published")
    await page.locator("#head").get_by_role("link", name="#").click()
    pull = await _arrived(visit, "/pull/")
    await page.locator("#merge .state.success").wait_for()
    await look("pull")
    await page.get_by_role("link", name="Files", exact=True).click()
    await page.get_by_text("Comment on a line of skills/release-notes/SKILL.md").wait_for()
    await page.locator("summary", has_text="Rendered skills/release-notes/SKILL.md").click()
    await page.locator("ins.block h3", has_text="Release notes").first.wait_for()
    await look("files")
    await page.get_by_role("link", name="Checks").click()
    await page.get_by_role("heading", name="skill-fleet").wait_for()
    await look("checks")
    run = page.locator("section.check")
    before = await run.get_attribute("id")
    await run.get_by_role("button", name="Re-validate").click()
    await page.locator(f"section.check:not(#{before}) .state.success").wait_for()
    if spoil is not None:
        await spoil()
        await run.locator(".state.failure").wait_for()
        await look("broken")
        await run.get_by_role("button", name="Fix", exact=True).click()
        await run.locator(".state.success").wait_for()
        await page.locator("#commit", has_text="Repair what can be").get_by_role("link").click()
        await page.locator(".diff tr.removed").first.wait_for()
        await look("fixed")
        await visit.open(pull)

    await page.get_by_role("link", name="Conversation").click()
    await page.get_by_role("button", name="Merge pull request").click()
    await page.locator("#head .state.merged").wait_for()
    await visit.open(issue)
    await page.locator("#head .state.closed").wait_for()
    await page.get_by_text("skill:promoted").first.wait_for()
    await look("promoted")
    await visit.open("/acme/skills/blob/main/skills/release-notes/SKILL.md")
    await page.get_by_role("heading", name="Release notes").wait_for()
    await look("skill")
    return issue, pull


async def _arrived(visit: Watched, part: str) -> str:
    await visit.page.wait_for_url(f"**{part}*")
    await visit.follows()
    return visit.page.url.removeprefix(visit.url)
