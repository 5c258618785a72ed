"""What the client does with every kind of answer, over real HTTP and below a base URL with a path."""

import asyncio
import datetime as dt

import jwt
import pytest
from aiohttp import web

from bot.github import errors
from bot.github.client import GitHubApi
from bot.github.connection import Connection
from bot.github.models import Issue, Label, Nothing
from bot.github.tokens import Purpose
from tests.integration.github.conftest import REPOSITORY, Answer, Clock, Script, drops, says, truncates

API = "/api/v3"
ISSUE = "/repos/{owner}/{repo}/issues/{number}"
AT = {"owner": "acme", "repo": "tools", "number": 7}
ISSUE_PATH = f"{API}/repos/acme/tools/issues/7"
OPEN = {"number": 7, "state": "open"}


@pytest.fixture
def api(connection: Connection) -> GitHubApi:
    return connection.client(REPOSITORY, Purpose.TALK)


async def test_a_request_says_who_asks_and_by_which_version(api: GitHubApi, script: Script) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN))
    issue = await api.getitem(ISSUE, AT, Issue)
    (seen,) = script.calls(f"GET {ISSUE_PATH}")
    assert issue.number == 7
    assert seen.headers["User-Agent"] == "skill-fleet"
    assert seen.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert seen.headers["Authorization"] == f"token ghs_{1:040d}"


async def test_tokens_are_minted_once_for_many_and_hold_only_what_is_needed(api: GitHubApi, script: Script) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN))
    await asyncio.gather(*(api.getitem(ISSUE, AT, Issue) for _ in range(5)))
    assert script.minted == [
        {"repository_ids": [42], "permissions": {"metadata": "read", "issues": "write", "pull_requests": "write"}}
    ]


async def test_each_purpose_has_its_own_token(connection: Connection, script: Script) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN))
    for purpose in Purpose:
        await connection.client(REPOSITORY, purpose).getitem(ISSUE, AT, Issue)
    assert ["contents" in minted["permissions"] for minted in script.minted] == [True, False, True]
    assert [minted["permissions"].get("contents") for minted in script.minted] == ["read", None, "write"]
    assert not any("workflows" in minted["permissions"] for minted in script.minted)


async def test_a_token_is_renewed_five_minutes_before_it_expires(api: GitHubApi, script: Script, clock: Clock) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN))
    await api.getitem(ISSUE, AT, Issue)
    clock.now += dt.timedelta(minutes=54)
    await api.getitem(ISSUE, AT, Issue)
    assert len(script.minted) == 1
    clock.now += dt.timedelta(minutes=2)
    await api.getitem(ISSUE, AT, Issue)
    assert len(script.minted) == 2


async def test_a_401_right_after_minting_is_waited_out(api: GitHubApi, script: Script, clock: Clock) -> None:
    bad = says({"message": "Bad credentials"}, 401)
    script.on(f"GET {ISSUE_PATH}", bad, bad, says(OPEN))
    await api.getitem(ISSUE, AT, Issue)
    assert len(script.minted) == 1
    assert clock.slept == [1.0, 1.0]


async def test_a_401_later_renews_the_token_once(api: GitHubApi, script: Script, clock: Clock) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN), says({"message": "Bad credentials"}, 401), says(OPEN))
    await api.getitem(ISSUE, AT, Issue)
    clock.now += dt.timedelta(minutes=10)
    await api.getitem(ISSUE, AT, Issue)
    assert len(script.minted) == 2


async def test_lasting_401s_end_in_an_error(api: GitHubApi, script: Script) -> None:
    script.on(f"GET {ISSUE_PATH}", says({"message": "Bad credentials"}, 401))
    with pytest.raises(errors.UnauthorizedError):
        await api.getitem(ISSUE, AT, Issue)
    assert len(script.calls(f"GET {ISSUE_PATH}")) <= 8


async def test_the_app_signs_for_itself_and_corrects_its_clock_by_github_s(
    connection: Connection, script: Script, clock: Clock
) -> None:
    theirs = "Sun, 01 Mar 2026 11:00:00 GMT"
    wrong = says({"message": "'Issued at' claim ('iat') must be an Integer in the past"}, 401, date=theirs)
    script.on(f"GET {API}/app", wrong, says({"id": 1, "slug": "skill-fleet"}))
    identity = await connection.identity()
    assert identity.login == "skill-fleet[bot]"
    first, second = script.calls(f"GET {API}/app")
    issued = [
        jwt.decode(seen.headers["Authorization"].split()[1], options={"verify_signature": False})["iat"]
        for seen in (first, second)
    ]
    assert issued[0] - issued[1] == 3_600


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (403, "Resource not accessible by integration", errors.ForbiddenError),
        (403, "Unable to create comment because issue is locked.", errors.LockedError),
        (404, "Not Found", errors.GoneError),
        (410, "This issue was deleted", errors.GoneError),
        (451, "Repository access blocked", errors.GoneError),
        (409, "Git Repository is empty.", errors.ConflictError),
        (400, "Problems parsing JSON", errors.InvalidError),
        (422, "Validation Failed", errors.InvalidError),
        (500, "oops", errors.UnknownOutcomeError),
        (502, "Bad gateway", errors.UnknownOutcomeError),
    ],
)
async def test_each_failed_write_has_its_type_and_is_sent_once(
    api: GitHubApi, script: Script, status: int, message: str, kind: type[Exception]
) -> None:
    script.on(f"PATCH {ISSUE_PATH}", says({"message": message}, status))
    with pytest.raises(errors.GitHubError) as caught:
        await api.patch(ISSUE, AT, {"state": "closed"}, Issue)
    assert type(caught.value) is kind
    assert len(script.calls(f"PATCH {ISSUE_PATH}")) == 1


@pytest.mark.parametrize("answer", [drops, truncates, says(["not", "an", "issue"]), says({"number": "?"})])
async def test_a_write_whose_answer_is_lost_may_stand(api: GitHubApi, script: Script, answer: Answer) -> None:
    script.on(f"PATCH {ISSUE_PATH}", answer)
    with pytest.raises(errors.UnknownOutcomeError):
        await api.patch(ISSUE, AT, {"state": "closed"}, Issue)
    assert len(script.calls(f"PATCH {ISSUE_PATH}")) == 1


@pytest.mark.parametrize("answer", [drops, truncates, says({"message": "oops"}, 502)])
async def test_a_read_is_repeated_after_a_passing_failure(api: GitHubApi, script: Script, answer: Answer) -> None:
    script.on(f"GET {ISSUE_PATH}", answer, says(OPEN))
    assert (await api.getitem(ISSUE, AT, Issue)).state == "open"


async def test_a_server_that_is_not_there_certainly_did_nothing(
    api: GitHubApi, connection: Connection, script: Script, server: object
) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN))
    await api.getitem(ISSUE, AT, Issue)
    await server.close()  # type: ignore[attr-defined]
    with pytest.raises(errors.TransientError) as caught:
        await api.patch(ISSUE, AT, {"state": "closed"}, Issue)
    assert not isinstance(caught.value, errors.UnknownOutcomeError)


async def test_422_complaints_are_kept(api: GitHubApi, script: Script) -> None:
    complaint = {"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for acme:x."}
    script.on(f"PATCH {ISSUE_PATH}", says({"message": "Validation Failed", "errors": [complaint]}, 422))
    with pytest.raises(errors.InvalidError) as caught:
        await api.patch(ISSUE, AT, {}, Issue)
    assert caught.value.says("already exists")


async def test_errors_never_show_a_token(api: GitHubApi, script: Script) -> None:
    token = f"ghs_{1:040d}"
    script.on(f"PATCH {ISSUE_PATH}", says({"message": f"you sent {token}"}, 400))
    with pytest.raises(errors.InvalidError) as caught:
        await api.patch(ISSUE, AT, {}, Issue)
    assert token not in str(caught.value)


async def test_no_request_carries_a_secret_whatever_asked_for_it(api: GitHubApi, script: Script) -> None:
    token = f"ghs_{1:040d}"  # the one it is authorised by
    script.on(f"PATCH {ISSUE_PATH}", says(OPEN))
    await api.patch(ISSUE, AT, {}, Issue)
    await api.patch(ISSUE, AT, {"body": f"a {token}", "labels": [{"name": token}]}, Issue)
    assert script.calls(f"PATCH {ISSUE_PATH}")[1].body == {"body": "a [redacted]", "labels": [{"name": "[redacted]"}]}


# --- limits and pacing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 429])
async def test_a_short_secondary_limit_is_slept_and_the_write_sent_again(
    api: GitHubApi, script: Script, clock: Clock, status: int
) -> None:
    limit = says({"message": "You have exceeded a secondary rate limit"}, status, retry_after="2")
    script.on(f"PATCH {ISSUE_PATH}", limit, says(OPEN))
    await api.patch(ISSUE, AT, {}, Issue)
    assert clock.slept == [2.0]


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (says({"message": "secondary rate limit"}, 403, retry_after="120"), 120),
        (says({"message": "secondary rate limit"}, 429, retry_after="3"), 3),
        (says({"message": "secondary rate limit"}, 403), 60),
        (says({"message": "slow down"}, 429), 60),
        (
            says(
                {"message": "x"}, 403, x_ratelimit_limit="5", x_ratelimit_remaining="0", x_ratelimit_reset="1772367000"
            ),
            601,
        ),
    ],
)
async def test_a_long_limit_reschedules_and_holds_the_whole_installation(
    api: GitHubApi, connection: Connection, script: Script, clock: Clock, answer: Answer, seconds: int
) -> None:
    script.on(f"PATCH {ISSUE_PATH}", answer)
    due = clock.now + dt.timedelta(seconds=seconds)
    with pytest.raises(errors.RetryAtError) as caught:
        await api.patch(ISSUE, AT, {}, Issue)
    assert caught.value.when == due
    with pytest.raises(errors.RetryAtError):
        await connection.client(REPOSITORY, Purpose.READ).getitem(ISSUE, AT, Issue)
    assert not script.calls(f"GET {ISSUE_PATH}")
    assert clock.slept == []
    clock.now = due
    script.on(f"PATCH {ISSUE_PATH}", says(OPEN))
    await api.patch(ISSUE, AT, {}, Issue)


async def test_writes_are_a_second_apart_and_notifying_ones_three(api: GitHubApi, script: Script, clock: Clock) -> None:
    script.on(f"PATCH {ISSUE_PATH}", says(OPEN))
    script.on(f"POST {ISSUE_PATH}/comments", says({}, 201))
    for _ in range(2):
        await api.patch(ISSUE, AT, {}, Issue)
    assert clock.slept == [1.0]
    for _ in range(2):
        await api.post(f"{ISSUE}/comments", AT, {"body": "x"}, Nothing)
    assert clock.slept == [1.0, 1.0, 3.0]
    script.on(f"GET {ISSUE_PATH}", says(OPEN))
    await api.getitem(ISSUE, AT, Issue)
    assert clock.slept == [1.0, 1.0, 3.0], "reads do not wait"


async def test_a_crowd_of_writes_is_rescheduled_instead_of_queued_for_ever(
    api: GitHubApi, script: Script, clock: Clock
) -> None:
    script.on(f"POST {ISSUE_PATH}/comments", says({}, 201))
    clock.stands_still = True
    outcomes = await asyncio.gather(
        *(api.post(f"{ISSUE}/comments", AT, {"body": "x"}, Nothing) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, errors.RetryAtError) for outcome in outcomes) >= 3


# --- pages, caching, redirects ---------------------------------------------------------------------------------------


async def test_every_page_is_read(api: GitHubApi, script: Script, connection: Connection) -> None:
    labels = f"{API}/repos/acme/tools/labels"

    async def page(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("page", "1"))
        url = request.url.with_query(page=str(number + 1))
        headers = {"link": f'<{url}>; rel="next"'} if number < 3 else {}
        return web.json_response([{"name": f"label-{number}"}], headers=headers)

    script.on(f"GET {labels}", page)
    names = [label.name async for label in api.getiter("/repos/{owner}/{repo}/labels", AT, Label)]
    assert names == ["label-1", "label-2", "label-3"]


async def test_a_next_page_on_another_host_is_not_followed(api: GitHubApi, script: Script) -> None:
    evil = says([{"name": "a"}], link='<http://127.0.0.2:1/steal>; rel="next"')
    script.on(f"GET {API}/repos/acme/tools/labels", evil)
    with pytest.raises(errors.UnexpectedAnswerError, match="refusing to send credentials"):
        [label async for label in api.getiter("/repos/{owner}/{repo}/labels", AT, Label)]


async def test_an_unchanged_answer_is_taken_from_the_cache(api: GitHubApi, script: Script) -> None:
    async def not_modified(request: web.Request) -> web.StreamResponse:
        assert request.headers["If-None-Match"] == '"v1"'
        return web.Response(status=304)

    script.on(f"GET {ISSUE_PATH}", says(OPEN, etag='"v1"'), not_modified)
    assert await api.getitem(ISSUE, AT, Issue) == await api.getitem(ISSUE, AT, Issue)


async def test_installations_do_not_share_cached_answers(connection: Connection, script: Script) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN, etag='"v1"'))
    await connection.client(REPOSITORY, Purpose.TALK).getitem(ISSUE, AT, Issue)
    other = REPOSITORY.model_copy(update={"installation_id": 4})
    await connection.client(other, Purpose.TALK).getitem(ISSUE, AT, Issue)
    assert "If-None-Match" not in script.calls(f"GET {ISSUE_PATH}")[-1].headers


async def test_a_renamed_repository_is_followed_with_method_and_body(api: GitHubApi, script: Script) -> None:
    moved = says({"message": "Moved Permanently"}, 307, location=f"{API}/repositories/42/issues/7")
    script.on(f"PATCH {ISSUE_PATH}", moved)
    script.on(f"PATCH {API}/repositories/42/issues/7", says(OPEN))
    await api.patch(ISSUE, AT, {"state": "closed"}, Issue)
    (seen,) = script.calls(f"PATCH {API}/repositories/42/issues/7")
    assert seen.body == {"state": "closed"}


@pytest.mark.parametrize("location", ["http://127.0.0.2:1/x", "/elsewhere", "//127.0.0.2/api/v3/x"])
async def test_a_redirect_away_from_the_api_is_not_followed(api: GitHubApi, script: Script, location: str) -> None:
    script.on(f"PATCH {ISSUE_PATH}", says({}, 307, location=location))
    with pytest.raises(errors.GitHubError, match="refusing to send credentials"):
        await api.patch(ISSUE, AT, {}, Issue)


async def test_an_answer_without_end_is_cut_off(
    api: GitHubApi, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.github.client.MAX_RESPONSE_BYTES", 100_000)
    script.on(f"GET {ISSUE_PATH}", says({**OPEN, "body": "x" * 200_000}))
    with pytest.raises(errors.UnexpectedAnswerError, match="larger than"):
        await api.getitem(ISSUE, AT, Issue)


async def test_the_quota_is_told_after_each_answer(api: GitHubApi, script: Script) -> None:
    script.on(f"GET {ISSUE_PATH}", says(OPEN, x_ratelimit_remaining="4321", x_ratelimit_limit="5000"))
    await api.getitem(ISSUE, AT, Issue)
    assert script.quotas == [(3, 4321)]
