"""Webhooks: what is announced, in which order, how it is signed, and what becomes of a delivery that fails."""

import asyncio

import pytest

from bot.sandbox.deliveries import Order
from bot.sandbox.ops import installations
from tests.github_sandbox import GitHub
from tests.integration.sandbox.conftest import Listener

REPO = "/repos/acme/skills"


async def test_opened_comes_first_and_one_labeled_for_each_label(github: GitHub, listener: Listener) -> None:
    await github.as_user("morgan").open_issue("x", labels=["skill-request", "bug"])
    await github.settle()
    assert listener.events == ["issues.opened", "issues.labeled", "issues.labeled"]
    assert [label["name"] for label in listener.received[0][1]["issue"]["labels"]] == ["skill-request", "bug"]
    assert listener.last("issues.labeled")["label"]["color"] == "d73a4a"


async def test_a_delivery_carries_what_github_sends(github: GitHub, listener: Listener) -> None:
    await github.as_user("riley").open_issue("x")
    await github.settle()
    headers, payload = listener.received[0]
    assert headers["valid"] == "True"
    assert headers["X-Hub-Signature"].startswith("sha1=")
    assert headers["X-GitHub-Event"] == "issues"
    assert headers["X-GitHub-Hook-Installation-Target-ID"] == str(github.sandbox.app.id)
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert headers["X-GitHub-Hook-ID"].isdigit()
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert len(headers["X-GitHub-Delivery"]) == 36
    assert payload["sender"]["login"] == "riley"
    assert payload["installation"]["id"] == github.sandbox.installation.id
    assert payload["organization"]["login"] == "acme"


async def test_every_change_of_a_thread_is_announced(github: GitHub, listener: Listener) -> None:
    riley, morgan = github.as_user("riley"), github.as_user("morgan")
    installations.create_repository(github.sandbox.world, github.sandbox.repository.owner, "elsewhere")
    number = await riley.open_issue("x", "before")
    await riley.edit_issue(number, title="y", body="after")
    await morgan.label(number, "bug")
    await morgan.unlabel(number, "bug")
    comment = await riley.comment(number, "one")
    await riley.edit_comment(comment, "two")
    await riley.delete_comment(comment)
    await morgan.lock(number)
    await morgan.delete(f"{REPO}/issues/{number}/lock")
    await morgan.post(f"{REPO}/issues/{number}/assignees", {"assignees": ["morgan"]})
    await morgan.delete(f"{REPO}/issues/{number}/assignees", {"assignees": ["morgan"]})
    await riley.close(number)
    await riley.reopen(number)
    await morgan.transfer_issue(number, "acme/elsewhere")
    await morgan.delete_issue(await riley.open_issue("z"))
    await github.settle()
    assert listener.events == [
        "issues.opened",
        "issues.edited",
        "issues.labeled",
        "issues.unlabeled",
        "issue_comment.created",
        "issue_comment.edited",
        "issue_comment.deleted",
        "issues.locked",
        "issues.unlocked",
        "issues.assigned",
        "issues.unassigned",
        "issues.closed",
        "issues.reopened",
        "issues.transferred",
        "issues.opened",
        "issues.opened",
        "issues.deleted",
    ]
    assert listener.last("issues.edited")["changes"] == {"title": {"from": "x"}, "body": {"from": "before"}}
    assert listener.last("issue_comment.edited")["changes"] == {"body": {"from": "one"}}
    assert listener.last("issues.transferred")["changes"]["new_repository"]["name"] == "elsewhere"


async def test_every_change_of_a_pull_request_is_announced(github: GitHub, listener: Listener) -> None:
    morgan, bot = github.as_user("morgan"), await github.as_installation()
    issue = await github.as_user("riley").open_issue("x")
    sha = await morgan.commit("topic", {"a.md": "one\n"})
    data = {"head": "topic", "base": "main", "title": "T", "body": f"Closes #{issue}"}
    number = (await bot.post(f"{REPO}/pulls", data))["number"]
    await bot.post(f"{REPO}/pulls/{number}/requested_reviewers", {"reviewers": ["morgan"]})
    await morgan.label(number, "bug")
    await morgan.comment(number, "hello")
    await morgan.review(number, "REQUEST_CHANGES", "no", [("a.md", 1, "here")])
    second = await morgan.commit("topic", {"a.md": "two\n"})
    review = (await morgan.get(f"{REPO}/pulls/{number}/reviews"))[0]["id"]
    await morgan.put(f"{REPO}/pulls/{number}/reviews/{review}/dismissals", {"message": "m"})
    await bot.patch(f"{REPO}/pulls/{number}", {"title": "T2"})
    await morgan.merge(number)
    await morgan.delete_branch("topic")
    await github.settle()
    assert listener.events == [
        "issues.opened",
        "create",
        "push",
        "check_suite.requested",
        "pull_request.opened",
        "pull_request.review_requested",
        "pull_request.labeled",
        "issue_comment.created",
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
        "push",
        "pull_request.synchronize",
        "check_suite.requested",
        "pull_request_review.dismissed",
        "pull_request.edited",
        "pull_request.closed",
        "issues.closed",
        "push",
        "check_suite.requested",
        "delete",
        "push",
    ]
    assert listener.last("pull_request_review.submitted")["review"]["state"] == "changes_requested"
    moved = listener.last("pull_request.synchronize")
    assert (moved["before"], moved["after"], moved["sender"]["login"]) == (sha, second, "morgan")
    assert listener.last("pull_request.closed")["pull_request"]["merged"] is True
    assert listener.last("issues.closed")["issue"]["state_reason"] == "completed"
    assert "pull_request" in listener.last("issue_comment.created")["issue"]
    assert listener.last("push")["deleted"] is True


async def test_checks_are_announced_and_their_buttons_pressed(github: GitHub, listener: Listener) -> None:
    morgan, bot = github.as_user("morgan"), await github.as_installation()
    head = await morgan.commit("topic", {"a.md": "one\n"})
    action = {"label": "Fix", "description": "d", "identifier": "fix"}
    body = {"name": "skill-fleet", "head_sha": head, "conclusion": "failure", "actions": [action]}
    run = (await bot.post(f"{REPO}/check-runs", body))["id"]
    await morgan.press(run, "fix")
    await morgan.rerun(run)
    suite = github.sandbox.repository.suites[-1].id
    await morgan.post(f"{REPO}/check-suites/{suite}/rerequest")
    await github.settle()
    assert listener.events[3:] == [
        "check_run.created",
        "check_run.completed",
        "check_suite.completed",
        "check_run.requested_action",
        "check_run.rerequested",
        "check_suite.rerequested",
    ]
    assert listener.last("check_run.requested_action")["requested_action"] == {"identifier": "fix"}
    answer = await github.session.post(
        f"{github.sandbox.url}/_sandbox/repositories/acme/skills/check-runs/{run}/actions/fix",
        headers={"X-Sandbox-User": "riley"},
    )
    assert answer.status == 403


async def test_installations_and_repositories_announce_themselves(github: GitHub, listener: Listener) -> None:
    morgan, number = github.as_user("morgan"), github.sandbox.installation.id
    events = ["repository", "label"]
    github.sandbox.installation.events += [each for each in events if each not in github.sandbox.installation.events]
    world = github.sandbox.world
    installations.create_repository(world, github.sandbox.repository.owner, "elsewhere")
    for action, body in (
        ("suspend", {}),
        ("unsuspend", {}),
        ("select", {"repositories": ["skills"]}),
        ("select", {}),
        ("grant", {"permissions": {"issues": "write", "metadata": "read"}}),
    ):
        await github.control(f"/installations/{number}/{action}", body, "morgan")
    await morgan.patch(REPO, {"name": "fleet"})
    await morgan.patch("/repos/acme/fleet", {"archived": True})
    await morgan.patch("/repos/acme/fleet", {"archived": False})
    await morgan.post("/repos/acme/fleet/labels", {"name": "new"})
    await github.control(f"/installations/{number}/uninstall", {}, "morgan")
    await github.settle()
    assert listener.events == [
        "installation.suspend",
        "installation.unsuspend",
        "installation_repositories.removed",
        "installation_repositories.added",
        "installation.new_permissions_accepted",
        "repository.renamed",
        "repository.archived",
        "repository.unarchived",
        "label.created",
        "installation.deleted",
    ]
    assert listener.last("repository.renamed")["changes"]["repository"]["name"]["from"] == "skills"


async def test_an_app_hears_only_what_it_subscribed_to_and_may_read(github: GitHub, listener: Listener) -> None:
    github.sandbox.installation.events = ["issues"]
    riley = github.as_user("riley")
    number = await riley.open_issue("x")
    await riley.comment(number, "unheard")
    github.sandbox.installation.permissions.pop("issues")
    await riley.open_issue("unread")
    await github.settle()
    assert listener.events == ["issues.opened"]


# --- deliveries that fail --------------------------------------------------------------------------------------------


async def test_a_failed_delivery_is_not_repeated_but_can_be(github: GitHub, listener: Listener) -> None:
    app = github.as_app()
    listener.status = 503
    await github.as_user("riley").open_issue("x")
    await github.settle()
    listener.status = 202
    failed = (await app.get("/app/hook/deliveries", status="failure"))[0]
    assert (failed["status_code"], failed["status"], failed["redelivery"]) == (503, "Invalid HTTP Response: 503", False)
    assert failed["id"] > 2**32
    shown = await app.get(f"/app/hook/deliveries/{failed['id']}")
    assert shown["request"]["payload"]["action"] == "opened"
    assert "X-Hub-Signature-256" in shown["request"]["headers"]
    assert shown["response"]["payload"] == "taken"
    await app.post(f"/app/hook/deliveries/{failed['id']}/attempts")
    await github.settle()
    found = await app.get("/app/hook/deliveries")
    assert [each["redelivery"] for each in found] == [True, False]
    assert len({each["guid"] for each in found}) == 1
    assert len({headers["X-GitHub-Delivery"] for headers, _ in listener.received}) == 1
    assert (await app.request("GET", "/app/hook/deliveries/1")).status == 404


async def test_the_log_is_read_page_by_page_and_forgets_after_three_days(github: GitHub, listener: Listener) -> None:
    riley, app = github.as_user("riley"), github.as_app()
    for number in range(5):
        await riley.open_issue(str(number))
    await github.settle()
    seen, path = [], "/app/hook/deliveries?per_page=2"
    while path:
        answer = await app.request("GET", path)
        seen += [each["id"] for each in answer.data]
        link = answer.headers.get("Link", "")
        path = link.partition("<")[2].partition(">")[0].removeprefix(github.sandbox.api_url)
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == 5
    github.sandbox.world.clock.advance(3 * 24 * 3600 + 1)
    assert await github.as_app().get("/app/hook/deliveries") == []


async def test_the_address_and_secret_can_be_changed_by_the_app(github: GitHub, listener: Listener) -> None:
    app = github.as_app()
    config = await app.get("/app/hook/config")
    assert config["secret"] == "********"
    changed = await app.patch("/app/hook/config", {"url": "http://127.0.0.1:1/elsewhere", "secret": "new"})
    assert changed["url"] == "http://127.0.0.1:1/elsewhere"
    await github.as_user("riley").open_issue("x")
    await github.settle()
    assert listener.events == []
    assert github.sandbox.world.courier.log[-1].status == "failed to connect to host"


async def test_an_answer_that_takes_too_long_is_a_failure(github: GitHub, listener: Listener) -> None:
    github.sandbox.world.courier.timeout_seconds = 0.05
    listener.gate = asyncio.Event()
    await github.as_user("riley").open_issue("x")
    await github.settle()
    assert github.sandbox.world.courier.log[-1].status == "timed out"


@pytest.mark.parametrize(
    ("kind", "received", "logged"),
    [
        ("drop", ["two"], 2),
        ("lose", ["two"], 1),
        ("duplicate", ["one", "one", "two"], 3),
        ("bad_signature", ["one", "two"], 2),
    ],
)
async def test_mishaps(github: GitHub, listener: Listener, kind: str, received: list[str], logged: int) -> None:
    rule = github.mishap(kind, "issues", "opened")
    for title in ("one", "two"):
        await github.as_user("riley").open_issue(title)
    await github.settle()
    assert [payload["issue"]["title"] for _, payload in listener.received] == received
    assert len(github.sandbox.world.courier.log) == logged
    assert rule.hits == 1
    assert [headers["valid"] for headers, _ in listener.received].count("False") == (kind == "bad_signature")


async def test_held_deliveries_come_in_the_order_of_their_release(github: GitHub, listener: Listener) -> None:
    github.mishap("hold", times=3)
    for title in ("one", "two", "three", "four"):
        await github.as_user("riley").open_issue(title)
    await github.settle()
    assert [payload["issue"]["title"] for _, payload in listener.received] == ["four"]
    assert (await github.control("/deliveries/release", {"order": "reverse"}))["released"] == 3
    await github.settle()
    assert [payload["issue"]["title"] for _, payload in listener.received] == ["four", "three", "two", "one"]


async def test_a_delayed_delivery_is_overtaken(github: GitHub, listener: Listener) -> None:
    github.mishap("delay", seconds=0.1)
    for title in ("one", "two"):
        await github.as_user("riley").open_issue(title)
    await github.settle()
    assert [payload["issue"]["title"] for _, payload in listener.received] == ["two", "one"]


@pytest.mark.parametrize("order", list(Order))
async def test_all_arrive_in_any_order(github: GitHub, listener: Listener, order: Order) -> None:
    await github.control("/deliveries/order", {"order": order.value}, method="PUT")
    for number in range(8):
        await github.as_user("riley").open_issue(str(number))
    await github.settle()
    titles = [payload["issue"]["title"] for _, payload in listener.received]
    assert sorted(titles) == [str(number) for number in range(8)]
    if order is Order.ORDERED:
        assert titles == sorted(titles)


async def test_the_api_does_not_wait_for_the_webhook(github: GitHub, listener: Listener) -> None:
    listener.gate = asyncio.Event()
    for title in ("one", "two"):
        await github.as_user("riley").open_issue(title)
    assert listener.events == []
    assert github.sandbox.world.courier.under_way > 0
    listener.gate.set()
    await github.settle()
    assert len(listener.events) == 2
