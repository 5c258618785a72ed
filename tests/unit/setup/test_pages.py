import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

from bot.setup.exchange import NewApp
from bot.setup.files import Target
from bot.setup.hosts import GitHubHost, github_host
from bot.setup.manifest import PERMISSIONS, Manifest, manifest
from bot.setup.pages import Page, finished_page, problem_page, start_page, static_page

NASTY = """x"'><script>alert(1)</script>&amp;"""


def example(name: str = "Skill Fleet") -> Manifest:
    return manifest(
        name=name,
        homepage="https://bot.example",
        webhook_url="https://bot.example/webhook",
        redirect_url="https://bot.example/setup.html",
    )


class Elements(HTMLParser):
    """Start tags with their attributes, in order."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def only(self, tag: str) -> dict[str, str | None]:
        (attributes,) = [attributes for name, attributes in self.found if name == tag]
        return attributes


def test_the_form_hands_the_manifest_to_github_with_the_state() -> None:
    page = Elements(start_page(example(), github_host(), "acme", "the-state"))
    form = page.only("form")
    assert form == {
        "method": "post",
        "action": "https://github.com/organizations/acme/settings/apps/new?state=the-state",
    }
    assert json.loads(page.only("input")["value"] or "") == example()


def test_the_page_says_what_the_app_may_do_before_the_button() -> None:
    text = start_page(example(), github_host(), "", "s").html
    for permission in PERMISSIONS:
        assert html.escape(permission.why) in text
    assert text.index("workflows") < text.index("<button>")


def test_nothing_that_varies_can_become_markup() -> None:
    host = GitHubHost("https://ghe.example/api/v3", "https://ghe.example")
    app = NewApp.model_validate({"id": 1, "slug": "bot", "name": NASTY, "pem": "K", "webhook_secret": "S" * 16})
    plain = Elements(start_page(example(), host, "acme", "s"))
    odd = Elements(start_page(example(name='"><script>x</script>'), host, "acme", NASTY))
    assert [tag for tag, _ in odd.found] == [tag for tag, _ in plain.found]
    for page in (finished_page(app, host, Target(Path(NASTY))), problem_page(NASTY, NASTY, host)):
        assert "script" not in [tag for tag, _ in Elements(page).found]


def test_the_finished_page_shows_no_secret() -> None:
    app = NewApp.model_validate({"id": 1, "slug": "bot", "pem": "THE-KEY", "webhook_secret": "THE-SECRET-THE-SECRET"})
    text = finished_page(app, github_host(), Target(Path("/x"))).html
    assert "THE-KEY" not in text
    assert "THE-SECRET" not in text
    assert "https://github.com/apps/bot/installations/new" in text


def test_the_install_link_follows_github_only_to_the_same_github() -> None:
    def install_url(html_url: str) -> str:
        values = {"id": 1, "slug": "bot", "html_url": html_url, "pem": "K", "webhook_secret": "S" * 16}
        return NewApp.model_validate(values).install_url(github_host("https://ghe.example/api/v3"))

    assert install_url("https://ghe.example/apps/bot") == "https://ghe.example/apps/bot/installations/new"
    assert install_url("https://evil.example/apps/bot") == "https://ghe.example/github-apps/bot/installations/new"
    assert install_url("") == "https://ghe.example/github-apps/bot/installations/new"


def test_each_policy_allows_the_pages_own_style_and_script_and_posting_to_github() -> None:
    page = static_page(example(), github_host(), "", ("skill-fleet", "setup"))
    marked = next(
        a["content"] or "" for t, a in Elements(page).found if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in marked
    assert "form-action https://github.com" in marked
    assert "unsafe" not in marked
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page.html, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in marked
    assert page.policy.endswith("frame-ancestors 'none'")
    served = start_page(example(), github_host(), "", "s")
    assert "script-src" not in served.policy
    assert "<script" not in served.html


def test_the_static_page_shows_the_command_that_finishes_the_set_up() -> None:
    command = ("skill-fleet", "setup", "--github-api-url", "https://ghe.example/api/v3")
    page = static_page(example(), github_host("https://ghe.example/api/v3"), "acme", command)
    assert "skill-fleet setup --github-api-url https://ghe.example/api/v3 --code <span" in page.html
    assert Elements(page).only("form")["action"] == "https://ghe.example/organizations/acme/settings/apps/new?state="
