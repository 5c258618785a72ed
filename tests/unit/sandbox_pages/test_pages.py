"""The pages over HTTP, without script: who may see and do what, and that the REST API keeps its paths."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from tests.github_sandbox import GitHub, github_sandbox

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "</textarea><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


@dataclass
class Browser:
    """A browser without script: cookies, pages and the forms on them."""

    session: aiohttp.ClientSession
    url: str
    page: str = ""
    status: int = 0
    at: str = ""

    async def open(self, path: str) -> str:
        async with self.session.get(self.url + path, headers=HTML) as answer:
            self.page, self.status, self.at = await answer.text(), answer.status, answer.url.path
            self.headers = answer.headers
        return self.page

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([0-9a-f]{64})"', self.page)
        assert found
        return found[1]

    async def send(self, path: str, fields: Mapping[str, str], **headers: str) -> str:
        data = {"token": self.token, **fields}
        async with self.session.post(self.url + path, data=data, headers={**HTML, **headers}) as answer:
            self.page, self.status, self.at = await answer.text(), answer.status, answer.url.path
        return self.page

    async def become(self, login: str) -> None:
        await self.send("/_pages/person", {"login": login, "back": self.at})


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[GitHub]:
    async with github_sandbox(tmp_path / "github") as running:
        yield running


@pytest.fixture
async def browser(github: GitHub) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(session, github.sandbox.url)


async def test_every_page_is_there_and_may_run_nothing_but_its_own_script(github: GitHub, browser: Browser) -> None:
    number = await github.as_user("riley").open_issue("A title", "A body")
    for path in (
        "/",
        "/acme/skills",
        "/acme/skills/issues",
        "/acme/skills/issues?state=all",
        "/acme/skills/issues/new/choose",
        "/acme/skills/issues/new?template=skill-request.yml",
        "/acme/skills/issues/new",
        f"/acme/skills/issues/{number}",
        "/acme/skills/pulls",
        "/acme/skills/tree/main",
        "/acme/skills/tree/main/skills",
        "/acme/skills/blob/main/README.md",
        "/acme/skills/commit/main",
    ):
        page = await browser.open(path)
        assert browser.status == 200, path
        assert browser.headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|<style", page), path
        times = re.findall(r"<time[^>]*>([^<]*)<", page)
        assert [time for time in times if not time.endswith(" UTC")] == [], path
        assert times or "/issues/" not in path or "new" in path, path


async def test_the_list_says_which_state_it_shows(browser: Browser) -> None:
    for state, path in (("open", "/acme/skills/issues"), ("all", "/acme/skills/pulls?state=all")):
        page = await browser.open(path)
        assert re.findall(r'<a href="\?state=(\w+)" aria-current="page">', page) == [state]


@pytest.mark.parametrize("path", ["/acme/none", "/acme/skills/issues/99", "/acme/skills/blob/main/none", "/a/b/c/d"])
async def test_what_does_not_exist_is_not_found(browser: Browser, path: str) -> None:
    await browser.open(path)
    assert browser.status == 404


@pytest.mark.parametrize(
    "path", ["/app/installations", "/users/riley", "/rate_limit", "/search/issues?q=x", "/repos/acme/skills"]
)
async def test_the_rest_api_keeps_its_paths_whatever_is_accepted(browser: Browser, path: str) -> None:
    async with browser.session.get(browser.url + path, headers=HTML) as answer:
        assert answer.content_type == "application/json"


async def test_a_client_that_reads_no_html_never_gets_a_page(browser: Browser) -> None:
    async with browser.session.get(browser.url + "/acme/skills", headers={"Accept": "*/*"}) as answer:
        assert (answer.status, answer.content_type) == (404, "application/json")


async def test_a_request_is_filed_by_the_repositorys_own_form(github: GitHub, browser: Browser) -> None:
    page = await browser.open("/acme/skills/issues/new?template=skill-request.yml")
    assert "When an agent should use it" in page
    fields = {"title": "Skill request: x", "field-name": "x", "field-purpose": "one\r\ntwo", "field-when": "always"}
    await browser.send("/_pages/acme/skills/forms/skill-request.yml", fields)
    issue = github.sandbox.repository.issues[1]
    assert browser.at == "/acme/skills/issues/1"
    assert (issue.user.login, [label.name for label in issue.labels]) == ("riley", ["skill-request"])
    assert "### What it should do\n\none\ntwo\n" in (issue.body or "")


async def test_what_is_missing_in_a_form_is_said_by_name(browser: Browser) -> None:
    await browser.open("/acme/skills/issues/new?template=skill-request.yml")
    page = await browser.send("/_pages/acme/skills/forms/skill-request.yml", {"title": "x"})
    assert browser.status == 422
    assert "Please fill out this field: What it should do" in page


async def test_a_comment_is_the_persons_and_is_announced(github: GitHub, browser: Browser) -> None:
    number = await github.as_user("riley").open_issue("A title", "A body")
    await browser.open(f"/acme/skills/issues/{number}")
    await browser.become("morgan")
    assert browser.at == f"/acme/skills/issues/{number}"
    page = await browser.send(
        f"/_pages/acme/skills/threads/{number}/comment", {"body": "a **word**", "state": "closed"}
    )
    issue = github.sandbox.repository.issues[number]
    assert (issue.comments[0].user.login, issue.comments[0].body, issue.state) == ("morgan", "a **word**", "closed")
    assert "a <strong>word</strong>" in page
    announced = [(change.event, change.action) for change in github.sandbox.world.feed.history][-3:]
    assert announced == [("issues", "opened"), ("issue_comment", "created"), ("issues", "closed")]


async def test_reacting_twice_takes_the_reaction_back(github: GitHub, browser: Browser) -> None:
    number = await github.as_user("morgan").open_issue("A title", "A body")
    issue = github.sandbox.repository.issues[number]
    await browser.open(f"/acme/skills/issues/{number}")
    for expected in (["heart"], []):
        await browser.send(f"/_pages/acme/skills/threads/{number}/react", {"content": "heart"})
        assert [each.content for each in issue.reactions] == expected


async def test_earlier_texts_are_in_the_edit_history(github: GitHub, browser: Browser) -> None:
    number = await github.as_user("riley").open_issue("A title", "before <b>")
    await browser.open(f"/acme/skills/issues/{number}")
    page = await browser.send(f"/_pages/acme/skills/threads/{number}/edit", {"title": "Other", "body": "after"})
    assert "edited 1 time<" in page
    assert "before &lt;b&gt;" in page
    assert github.sandbox.repository.issues[number].title == "Other"


@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("threads/1/label", {"label": "bug"}, "Must have admin rights"),
        ("threads/1/edit", {"title": "x", "body": "x"}, "Must have admin rights"),
        ("threads/1/comment", {"body": " "}, "Validation Failed"),
        ("threads/99/comment", {"body": "x"}, "Not Found"),
        ("threads/x/comment", {"body": "x"}, "Not Found"),
        ("runs/5/rerun", {}, "Not Found"),
    ],
)
async def test_what_a_person_may_not_do_is_refused_in_githubs_words(
    github: GitHub, browser: Browser, path: str, fields: dict[str, str], words: str
) -> None:
    await github.as_user("morgan").open_issue("A title", "A body")
    await browser.open("/acme/skills/issues/1")
    await browser.become("sam")
    page = await browser.send(f"/_pages/acme/skills/{path}", fields)
    assert browser.status >= 400
    assert words in unescape(page)


async def test_a_form_from_elsewhere_does_nothing(github: GitHub, browser: Browser) -> None:
    number = await github.as_user("riley").open_issue("A title", "A body")
    await browser.open(f"/acme/skills/issues/{number}")
    path, token = f"/_pages/acme/skills/threads/{number}/comment", browser.token
    for fields, headers in (
        ({"token": "0" * 64}, {}),
        ({"token": ""}, {}),
        ({"token": "ünïcode"}, {}),
        ({"token": token}, {"Origin": "http://evil.example"}),
        ({"token": token}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        await browser.open(f"/acme/skills/issues/{number}")
        await browser.send(path, {"body": "x", **fields}, **headers)
        assert browser.status == 403
    assert github.sandbox.repository.issues[number].comments == []


async def test_a_foreign_host_name_gets_no_page(browser: Browser) -> None:
    async with browser.session.get(browser.url + "/", headers={**HTML, "Host": "evil.example"}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("back", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
async def test_the_person_switch_leads_nowhere_else(browser: Browser, back: str) -> None:
    await browser.open("/acme/skills")
    data = {"token": browser.token, "login": "morgan", "back": back}
    async with browser.session.post(browser.url + "/_pages/person", data=data, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/"
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert "SameSite=Lax" in answer.headers["Set-Cookie"]


async def test_everything_from_people_is_escaped(github: GitHub, browser: Browser) -> None:
    riley = github.as_user("riley")
    number = await riley.open_issue(HOSTILE, HOSTILE)
    await riley.comment(number, HOSTILE)
    await browser.open(f"/acme/skills/issues/{number}")
    await browser.send(f"/_pages/acme/skills/threads/{number}/edit", {"title": HOSTILE + "2", "body": HOSTILE + "2"})
    for path in (f"/acme/skills/issues/{number}", "/acme/skills/issues"):
        page = await browser.open(path)
        assert "<script>" not in page
        assert not re.search(r"<img(?! class=\"face\")", page)


async def test_a_private_repository_is_not_there_for_a_stranger(github: GitHub, browser: Browser) -> None:
    github.sandbox.repository.private = True
    await browser.open("/acme/skills")
    await browser.become("sam")
    assert browser.status == 404
    page = await browser.open("/")
    assert "acme/skills" not in page


async def test_an_open_page_is_told_of_changes(github: GitHub, browser: Browser) -> None:
    await browser.open("/acme/skills")
    address = re.search(r'data-live="([^"]+)"', browser.page)
    assert address
    number = await github.as_user("riley").open_issue("A title", "A body")
    async with browser.session.get(browser.url + unescape(address[1]), headers=HTML) as answer:
        assert answer.content_type == "text/event-stream"
        while not (line := await answer.content.readline()).startswith(b"data:"):
            assert line
        assert f'"news": "riley: issues in #{number}"' in line.decode()


# --- pull requests ---------------------------------------------------------------------------------------------------


async def _pull(github: GitHub) -> int:
    """A pull request of morgan with one file and a check run with a note and a button."""
    morgan = github.as_user("morgan")
    await morgan.commit("topic", {"skills/new/SKILL.md": "# New\n\n<b>bold</b>\n"}, "Add new")
    number = await morgan.open_pull("topic", "Add new")
    head = (await github.pull(number))["head"]["sha"]
    note = {
        "path": "skills/new/SKILL.md",
        "start_line": 3,
        "end_line": 3,
        "annotation_level": "warning",
        "message": "Mind <it>",
    }
    output = {"title": "1 note", "summary": "a **note**", "annotations": [note]}
    action = {"label": "Fix it", "description": "Repair", "identifier": "fix"}
    run = {"name": "rules", "head_sha": head, "conclusion": "failure", "output": output, "actions": [action]}
    await (await github.as_installation()).post("/repos/acme/skills/check-runs", run)
    return number


def _announced(github: GitHub) -> list[tuple[str, str | None, str]]:
    return [(change.event, change.action, change.actor) for change in github.sandbox.world.feed.history]


async def test_a_line_is_discussed_where_it_stands(github: GitHub, browser: Browser) -> None:
    number = await _pull(github)
    page = await browser.open(f"/acme/skills/pull/{number}/files")
    assert "<ins>&lt;b&gt;bold&lt;/b&gt;</ins>" in page
    head = github.sandbox.repository.pulls[0].head_sha
    remark = {"path": "skills/new/SKILL.md", "commit": head, "line": "3", "body": "Why **bold**?"}
    page = await browser.send(f"/_pages/acme/skills/pulls/{number}/remark", remark)
    assert page.index("<ins>&lt;b&gt;") < page.index("Why <strong>bold</strong>?")
    said = github.sandbox.repository.pulls[0].review_comments[0]
    await browser.send(f"/_pages/acme/skills/pulls/{number}/remarks/{said.id}/reply", {"body": "Because"})
    assert [each.body for each in github.sandbox.repository.pulls[0].review_comments] == ["Why **bold**?", "Because"]
    assert ("pull_request_review_comment", "created", "riley") in _announced(github)


@pytest.mark.parametrize("line", ["", "x", "99", "٣"])
async def test_a_line_that_the_diff_does_not_show_is_refused(github: GitHub, browser: Browser, line: str) -> None:
    number = await _pull(github)
    await browser.open(f"/acme/skills/pull/{number}/files")
    head = github.sandbox.repository.pulls[0].head_sha
    remark = {"path": "skills/new/SKILL.md", "commit": head, "line": line, "body": "kept for copying"}
    page = await browser.send(f"/_pages/acme/skills/pulls/{number}/remark", remark)
    assert browser.status == 422
    assert "kept for copying" in page


async def test_a_review_is_submitted(github: GitHub, browser: Browser) -> None:
    number = await _pull(github)
    await browser.open(f"/acme/skills/pull/{number}")
    review = {"event": "REQUEST_CHANGES", "body": "Not yet"}
    page = await browser.send(f"/_pages/acme/skills/pulls/{number}/review", review)
    assert "changes requested" in page
    assert ("pull_request_review", "submitted", "riley") in _announced(github)


async def test_a_review_carries_comments_on_several_lines(github: GitHub, browser: Browser) -> None:
    number = await _pull(github)
    await browser.open(f"/acme/skills/pull/{number}/files")
    path = "skills/new/SKILL.md"
    review = {"event": "REQUEST_CHANGES", "body": "Two things"}
    review |= {"path-1": path, "start-1": "1", "line-1": "3", "body-1": "All of **this**"}
    review |= {"path-2": path, "start-2": "", "line-2": "2", "body-2": "And this", "body-3": " "}
    page = await browser.send(f"/_pages/acme/skills/pulls/{number}/review", review)
    found = github.sandbox.repository.pulls[0].review_comments
    assert [(each.start_line, each.line, each.body) for each in found] == [
        (1, 3, "All of **this**"),
        (None, 2, "And this"),
    ]
    assert len({each.review_id for each in found}) == 1, "one review"
    assert "lines 1 to 3" in page and "line 2" in page
    assert [event for event, _, _ in _announced(github)][-3:] == [
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_comment",
    ]


async def test_a_comment_on_a_line_is_edited_by_its_author_and_shows_what_it_was(
    github: GitHub, browser: Browser
) -> None:
    number = await _pull(github)
    await browser.open(f"/acme/skills/pull/{number}/files")
    pull = github.sandbox.repository.pulls[0]
    remark = {"path": "skills/new/SKILL.md", "commit": pull.head_sha, "start": "1", "line": "3", "body": "first words"}
    await browser.send(f"/_pages/acme/skills/pulls/{number}/remark", remark)
    assert pull.review_comments[0].start_line == 1
    edit = f"/_pages/acme/skills/pulls/{number}/remarks/{pull.review_comments[0].id}/edit"
    assert edit in await browser.open(f"/acme/skills/pull/{number}")
    page = await browser.send(edit, {"body": "second words"})
    assert "second words" in page and "edited 1 time" in page and "first words" in page
    await browser.become("morgan")
    assert edit not in await browser.open(f"/acme/skills/pull/{number}")


async def test_markdown_is_also_compared_as_readers_see_it(github: GitHub, browser: Browser) -> None:
    morgan = github.as_user("morgan")
    readme = "# Skills\n\nThe skills of acme, written and reviewed with **care**.\n\n<script>no()</script>\n"
    await morgan.commit("words", {"README.md": readme}, "Other words")
    number = await morgan.open_pull("words", "Other words")
    page = await browser.open(f"/acme/skills/pull/{number}/files")
    shown = page[page.index('class="rendered"') : page.index('class="diff"')]
    assert re.search(
        r'<ins class="block"><span class="hidden">Added:</span><p>The skills .*<strong>care</strong>', shown
    )
    assert '<del class="block">' in shown
    assert "<script>no" not in page


async def test_a_pull_request_is_linked_to_the_issue_it_names_and_to_no_other(github: GitHub, browser: Browser) -> None:
    for title in ("one", "two"):
        await github.as_user("riley").open_issue(title, "")
    morgan = github.as_user("morgan")
    await morgan.commit("topic", {"a.md": "A\n"}, "Add a")
    pull = await morgan.open_pull("topic", "Add a", body="Closes #2, not #12 and not `#1`")
    assert f'/pull/{pull}">#{pull}</a>' in await browser.open("/acme/skills/issues/2")
    assert f'/pull/{pull}">#{pull}</a>' not in await browser.open("/acme/skills/issues/1")


async def test_a_check_runs_buttons_are_for_those_with_write_access(github: GitHub, browser: Browser) -> None:
    number = await _pull(github)
    run = github.sandbox.repository.runs[0].id
    page = await browser.open(f"/acme/skills/pull/{number}/checks")
    assert "Mind &lt;it&gt;" in page
    assert ">Fix it</button>" not in page
    for path in ("actions/fix", "rerun"):
        await browser.open(f"/acme/skills/pull/{number}/checks")
        await browser.send(f"/_pages/acme/skills/runs/{run}/{path}", {"number": str(number)})
        assert browser.status == 403
    await browser.open(f"/acme/skills/pull/{number}/checks")
    await browser.become("morgan")
    assert ">Fix it</button>" in browser.page
    for path in ("actions/fix", "rerun"):
        await browser.send(f"/_pages/acme/skills/runs/{run}/{path}", {"number": str(number)})
        assert browser.at == f"/acme/skills/pull/{number}/checks"
    assert _announced(github)[-2:] == [
        ("check_run", "requested_action", "morgan"),
        ("check_run", "rerequested", "morgan"),
    ]
    await browser.open(f"/acme/skills/runs/{run}")
    assert "1 note" in browser.page


async def test_merging_is_for_those_with_write_access_and_of_what_they_saw(github: GitHub, browser: Browser) -> None:
    number = await _pull(github)
    pull = github.sandbox.repository.pulls[0]
    page = await browser.open(f"/acme/skills/pull/{number}")
    assert "Merge pull request</button>" not in page
    await browser.send(f"/_pages/acme/skills/pulls/{number}/merge", {"sha": pull.head_sha})
    assert browser.status == 403
    await browser.open(f"/acme/skills/pull/{number}")
    await browser.become("morgan")
    await browser.send(f"/_pages/acme/skills/pulls/{number}/merge", {"sha": "0" * 40})
    assert (browser.status, pull.merged) == (409, False)
    await browser.open(f"/acme/skills/pull/{number}")
    page = await browser.send(f"/_pages/acme/skills/pulls/{number}/merge", {"sha": pull.head_sha, "method": "squash"})
    assert pull.merged
    assert "Merged by morgan" in page
    page = await browser.open("/acme/skills/blob/main/skills/new/SKILL.md")
    assert "<h3>New</h3>" in page
    await browser.open(f"/acme/skills/commit/{pull.merge_commit_sha}")
    assert browser.status == 200
    await browser.open("/acme/skills/tree/topic/skills/new")
    assert browser.status == 200
