"""Issues, labels, comments and reactions, and who may do what with them."""

from typing import Any

import pytest

from bot.sandbox import Role
from bot.sandbox.ops import installations
from tests.github_sandbox import GitHub, RefusedError

REPO = "/repos/acme/skills"


async def test_labels_of_a_reader_are_dropped_those_of_the_form_are_not(github: GitHub) -> None:
    riley = github.as_user("riley")
    over_api = await riley.open_issue("A", labels=["skill-request"])
    by_form = await riley.submit_form({"purpose": "p", "when": "w"}, title="B")
    assert await github.labels(over_api) == []
    assert await github.labels(by_form) == ["skill-request"]
    assert "### What it should do\n\np\n\n" in (await github.issue(by_form))["body"]


async def test_a_form_without_a_required_answer_is_not_filed(github: GitHub) -> None:
    with pytest.raises(RefusedError, match="What it should do"):
        await github.as_user("riley").submit_form({"when": "w"})


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"title": " "}, "title", "missing_field"),
        ({"title": "x" * 257}, "title", "custom"),
        ({"title": "x", "body": "y" * 65537}, "body", "custom"),
    ],
)
async def test_an_issue_that_cannot_be_is_refused_with_errors(github: GitHub, body: Any, field: str, code: str) -> None:
    answer = await github.as_user("riley").request("POST", f"{REPO}/issues", body)
    assert (answer.status, answer.data["message"]) == (422, "Validation Failed")
    assert (answer.data["errors"][0]["field"], answer.data["errors"][0]["code"]) == (field, code)


async def test_a_comment_may_have_65536_characters_and_not_one_more(github: GitHub) -> None:
    riley = github.as_user("riley")
    number = await riley.open_issue("x")
    await riley.comment(number, "é" * 65536)
    for text, code in (("x" * 65537, "custom"), ("", "missing_field")):
        answer = await riley.request("POST", f"{REPO}/issues/{number}/comments", {"body": text})
        assert (answer.status, answer.data["errors"][0]["code"]) == (422, code)


async def test_lists_are_filtered_sorted_and_cut_into_pages(github: GitHub) -> None:
    morgan = github.as_user("morgan")
    github.sandbox.world.clock.freeze()
    for number in range(5):
        github.sandbox.world.clock.advance(60)
        await morgan.open_issue(f"n{number}", labels=["bug"] if number % 2 else [])
    await morgan.close(2)
    since = (await github.issue(3))["created_at"]
    titles = [each["title"] for each in await morgan.get(f"{REPO}/issues", labels="bug", state="all")]
    assert titles == ["n3", "n1"]
    assert len(await morgan.get(f"{REPO}/issues", since=since)) == 3
    assert [each["number"] for each in await morgan.get(f"{REPO}/issues", state="closed")] == [2]
    assert [each["number"] for each in await morgan.get(f"{REPO}/issues", direction="asc", sort="updated")] == [
        1,
        3,
        4,
        5,
    ]
    answer = await morgan.request("GET", f"{REPO}/issues", state="all", per_page=2, page=2)
    assert [each["title"] for each in answer.data] == ["n2", "n1"]
    link = answer.headers["Link"]
    assert f"/repositories/{github.sandbox.repository.id}/issues?state=all&per_page=2&page=3" in link
    assert {'rel="next"', 'rel="prev"', 'rel="first"', 'rel="last"'} <= set(
        link.replace(",", ";").replace(" ", "").replace(";", " ").split()
    )
    following = link.partition("<")[2].partition(">")[0].removeprefix(github.sandbox.api_url)
    assert (await morgan.request("GET", following)).status == 200


async def test_comments_can_be_asked_for_since_a_moment(github: GitHub) -> None:
    riley, clock = github.as_user("riley"), github.sandbox.world.clock
    clock.freeze()
    number = await riley.open_issue("x")
    first = await riley.comment(number, "one")
    clock.advance(60)
    await riley.comment(number, "two")
    since = (await github.comments(number))[1]["created_at"]
    for path in (f"{REPO}/issues/{number}/comments", f"{REPO}/issues/comments"):
        assert [each["body"] for each in await riley.get(path, since=since)] == ["two"]
    clock.advance(60)
    await riley.edit_comment(first, "one, edited")
    assert len(await riley.get(f"{REPO}/issues/comments", since=since, sort="updated", direction="desc")) == 2
    assert (await riley.get(f"{REPO}/issues/comments/{first}"))["body"] == "one, edited"


async def test_who_may_change_what(github: GitHub) -> None:
    riley, sam, morgan, bot = *map(github.as_user, ("riley", "sam", "morgan")), await github.as_installation()
    number = await riley.open_issue("x")
    comment = await riley.comment(number, "mine")
    for who in (sam,):
        for call in (
            ("PATCH", f"{REPO}/issues/{number}", {"state": "closed"}),
            ("POST", f"{REPO}/issues/{number}/labels", {"labels": ["bug"]}),
            ("PATCH", f"{REPO}/issues/comments/{comment}", {"body": "theirs"}),
            ("DELETE", f"{REPO}/issues/comments/{comment}", None),
            ("PUT", f"{REPO}/issues/{number}/lock", None),
        ):
            assert (await who.request(*call)).status == 403, call
        assert (await who.request("POST", f"{REPO}/labels", {"name": "l"})).status == 404
    github.sandbox.repository.roles[github.sandbox.world.accounts["sam"].id] = Role.TRIAGE
    await sam.label(number, "bug")
    await sam.unlabel(number, "bug")
    await bot.patch(f"{REPO}/issues/comments/{comment}", {"body": "tidied"})
    await morgan.lock(number)
    answer = await riley.request("POST", f"{REPO}/issues/{number}/comments", {"body": "but"})
    assert (answer.status, answer.data["message"]) == (403, "Unable to create comment because issue is locked.")
    said = await bot.request("POST", f"{REPO}/issues/{number}/comments", {"body": "no"})
    edited = await bot.request("PATCH", f"{REPO}/issues/comments/{comment}", {"body": "no"})
    reacted = await bot.request("POST", f"{REPO}/issues/{number}/reactions", {"content": "eyes"})
    assert [said.status, edited.status, reacted.status] == [403, 403, 403], "an App is nobody with write access"
    await bot.post(f"{REPO}/issues/{number}/labels", {"labels": ["bug"]})
    await morgan.comment(number, "allowed")
    await morgan.delete(f"{REPO}/issues/{number}/lock")
    await riley.comment(number, "now")


async def test_closing_and_reopening_tell_the_reason(github: GitHub) -> None:
    riley = github.as_user("riley")
    number = await riley.open_issue("x")
    await riley.close(number, "not_planned")
    issue = await github.issue(number)
    assert (issue["state"], issue["state_reason"], issue["closed_by"]["login"]) == ("closed", "not_planned", "riley")
    await riley.reopen(number)
    assert (await github.issue(number))["state_reason"] == "reopened"
    events = await riley.get(f"{REPO}/issues/{number}/events")
    assert [each["event"] for each in events] == ["closed", "reopened"]


async def test_labels_are_made_found_changed_and_refused_twice(github: GitHub) -> None:
    bot = await github.as_installation()
    await bot.post(f"{REPO}/labels", {"name": "skill: draft/1", "color": "aabbcc", "description": "d"})
    answer = await bot.request("POST", f"{REPO}/labels", {"name": "SKILL: draft/1"})
    assert answer.status == 422
    assert answer.data["errors"] == [{"resource": "Label", "field": "name", "code": "already_exists"}]
    assert (await bot.get(f"{REPO}/labels/skill:%20draft%2F1"))["color"] == "aabbcc"
    await bot.patch(f"{REPO}/labels/skill:%20draft%2F1", {"new_name": "draft", "description": "e"})
    number = await github.as_user("riley").open_issue("x")
    await bot.post(f"{REPO}/issues/{number}/labels", {"labels": ["draft", "draft", "new"]})
    await bot.put(f"{REPO}/issues/{number}/labels", {"labels": ["new", "bug"]})
    assert sorted(await github.labels(number)) == ["bug", "new"]
    assert len(await bot.get(f"{REPO}/issues/{number}/labels")) == 2
    answer = await bot.request("DELETE", f"{REPO}/issues/{number}/labels/draft")
    assert (answer.status, answer.data["message"]) == (404, "Label does not exist")
    await bot.delete(f"{REPO}/issues/{number}/labels")
    await bot.delete(f"{REPO}/labels/draft")
    assert (await bot.request("GET", f"{REPO}/labels/draft")).status == 404
    assert {"bug", "new", "skill-request"} == {each["name"] for each in await bot.get(f"{REPO}/labels")}


@pytest.mark.parametrize("where", ["issue", "comment", "review comment"])
async def test_reacting_twice_is_reacting_once(github: GitHub, where: str) -> None:
    morgan, bot = github.as_user("morgan"), await github.as_installation()
    number = await morgan.open_issue("x")
    if where == "review comment":
        await morgan.commit("topic", {"a.md": "one\n"})
        pull = await morgan.open_pull("topic", "t")
        path = f"{REPO}/pulls/comments/{await morgan.comment_on_line(pull, 'a.md', 1, 'hm')}/reactions"
    elif where == "comment":
        path = f"{REPO}/issues/comments/{await morgan.comment(number, 'c')}/reactions"
    else:
        path = f"{REPO}/issues/{number}/reactions"
    statuses = [(await bot.request("POST", path, {"content": "eyes"})).status for _ in range(2)]
    assert statuses == [201, 200]
    assert (await bot.request("POST", path, {"content": "+2"})).status == 599  # the contract check comes first
    github.contract.violations.clear()
    made = (await morgan.get(path, content="eyes"))[0]
    assert (await morgan.request("DELETE", f"{path}/{made['id']}")).status == 403
    await bot.delete(f"{path}/{made['id']}")
    assert await morgan.get(path) == []


async def test_assignees_and_minimized_comments(github: GitHub) -> None:
    morgan, riley, bot = github.as_user("morgan"), github.as_user("riley"), await github.as_installation()
    number = await riley.open_issue("x")
    await morgan.post(f"{REPO}/issues/{number}/assignees", {"assignees": ["morgan"]})
    await morgan.delete(f"{REPO}/issues/{number}/assignees", {"assignees": ["morgan"]})
    comment = await riley.comment(number, "old")
    subject = (await github.comments(number))[0]["node_id"]
    fields = "minimizedComment { isMinimized }"
    query = f"mutation($id: ID!) {{ minimizeComment(input: {{subjectId: $id, classifier: OUTDATED}}) {{ {fields} }} }}"
    answer = await bot.post("/graphql", {"query": query, "variables": {"id": subject}})
    assert answer["data"]["minimizeComment"]["minimizedComment"]["isMinimized"] is True
    found = github.sandbox.world.find_comment(github.sandbox.repository, comment)
    assert found and found[1].minimized == "outdated"
    answer = await bot.post("/graphql", {"query": query, "variables": {"id": "IC_nothing"}})
    assert answer["errors"][0]["type"] == "NOT_FOUND"


async def test_a_deleted_issue_is_gone_and_a_transferred_one_redirects(github: GitHub) -> None:
    riley, morgan = github.as_user("riley"), github.as_user("morgan")
    world = github.sandbox.world
    installations.create_repository(world, github.sandbox.repository.owner, "elsewhere")
    deleted, moved = await riley.open_issue("a"), await riley.open_issue("b")
    await morgan.delete_issue(deleted)
    assert (await riley.request("GET", f"{REPO}/issues/{deleted}")).status == 410
    comment = await riley.comment(moved, "comes along")
    new = await morgan.transfer_issue(moved, "acme/elsewhere")
    assert (await riley.get(f"/repos/acme/elsewhere/issues/comments/{comment}"))["body"] == "comes along"
    assert (await riley.request("GET", f"{REPO}/issues/comments/{comment}")).status == 404
    answer = await riley.request("GET", f"{REPO}/issues/{moved}")
    assert answer.status == 301 and answer.headers["Location"].endswith(f"/repos/acme/elsewhere/issues/{new}")
    assert (await riley.request("GET", f"{REPO}/issues/99")).status == 404


async def test_a_renamed_repository_redirects_and_an_archived_one_is_read_only(github: GitHub) -> None:
    morgan, riley = github.as_user("morgan"), github.as_user("riley")
    number = await riley.open_issue("x")
    await morgan.patch(REPO, {"name": "fleet"})
    answer = await riley.request("GET", f"{REPO}/issues/{number}")
    here = f"{github.sandbox.api_url}/repositories/{github.sandbox.repository.id}/issues/{number}"
    assert (answer.status, answer.headers["Location"]) == (301, here)
    assert (await riley.request("POST", f"{REPO}/issues", {"title": "x"})).status == 307
    assert (await riley.get(here.removeprefix(github.sandbox.api_url)))["title"] == "x"
    await morgan.patch("/repos/acme/fleet", {"archived": True})
    answer = await riley.request("POST", "/repos/acme/fleet/issues", {"title": "x"})
    assert (answer.status, answer.data["message"]) == (403, "Repository was archived so is read-only.")
    await morgan.patch("/repos/acme/fleet", {"archived": False, "description": "d"})
    assert (await riley.request("PATCH", "/repos/acme/fleet", {"name": "mine"})).status == 403
    await morgan.delete("/repos/acme/fleet")
    assert (await morgan.request("GET", "/repos/acme/fleet")).status == 404


@pytest.mark.parametrize(
    ("role", "permission", "role_name"),
    [
        (Role.ADMIN, "admin", "admin"),
        (Role.MAINTAIN, "write", "maintain"),
        (Role.WRITE, "write", "write"),
        (Role.TRIAGE, "read", "triage"),
        (Role.NONE, "read", "read"),  # the repository is public
    ],
)
async def test_the_permission_of_a_person_in_old_and_new_words(
    github: GitHub, role: Role, permission: str, role_name: str
) -> None:
    github.sandbox.repository.roles[github.sandbox.world.accounts["sam"].id] = role
    bot = await github.as_installation()
    found = await bot.get(f"{REPO}/collaborators/sam/permission")
    assert (found["permission"], found["role_name"]) == (permission, role_name)


async def test_collaborators_come_and_go(github: GitHub) -> None:
    morgan, bot = github.as_user("morgan"), await github.as_installation()
    assert (await bot.request("GET", f"{REPO}/collaborators/nobody/permission")).status == 404
    assert (await morgan.request("GET", f"{REPO}/collaborators/sam")).status == 404
    await morgan.put(f"{REPO}/collaborators/sam", {"permission": "triage"})
    assert (await morgan.request("GET", f"{REPO}/collaborators/sam")).status == 204
    assert {each["login"] for each in await morgan.get(f"{REPO}/collaborators")} == {"riley", "morgan", "sam"}
    await morgan.delete(f"{REPO}/collaborators/sam")
    assert (await github.as_user("riley").request("GET", f"{REPO}/collaborators/sam/permission")).status == 403
    assert (await morgan.get("/users/riley"))["login"] == "riley"


async def test_private_members_look_like_strangers_in_author_association(github: GitHub) -> None:
    riley, morgan, sam = map(github.as_user, ("riley", "morgan", "sam"))
    number = await riley.open_issue("x")
    for who in (riley, sam):
        await who.comment(number, "hi")
    await morgan.comment(number, "hi")
    assert [each["author_association"] for each in await github.comments(number)] == ["NONE", "NONE", "CONTRIBUTOR"]


async def test_search_finds_by_label_author_and_words(github: GitHub) -> None:
    riley, morgan = github.as_user("riley"), github.as_user("morgan")
    await riley.submit_form({"purpose": "draft release notes", "when": "w"}, title="A")
    await morgan.open_issue("B", "other")
    for query, count in (
        ("repo:acme/skills is:issue label:skill-request", 1),
        ('repo:acme/skills "release notes"', 1),
        ("repo:acme/skills author:morgan", 1),
        ("repo:acme/skills is:open -label:skill-request", 1),
        ("repo:acme/other is:issue", 0),
    ):
        assert (await riley.get("/search/issues", q=query))["total_count"] == count, query


async def test_mentions_and_references_are_noticed_outside_code_only(github: GitHub) -> None:
    riley = github.as_user("riley")
    first = await riley.open_issue("first")
    text = (
        "@morgan and &#64;sam, `@nobody`, a@mail.org\n\n    @code\n\n<!-- @hidden --> see #1, `#1`\n\n<b>@acme/team</b>"
    )
    number = await riley.open_issue("second", text)
    notices = [each.whom for each in github.sandbox.world.notices if each.number == number]
    assert notices == ["morgan", "sam", "acme/team"]
    assert [each["event"] for each in await riley.get(f"{REPO}/issues/{first}/events")] == ["cross-referenced"]
