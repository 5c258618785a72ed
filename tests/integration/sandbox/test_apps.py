"""The App's credentials: what opens which door, for how long, and what GitHub says at the others."""

from typing import Any

import pytest

from bot.sandbox import Role
from bot.sandbox.ops import installations
from tests.github_sandbox import GitHub

REPO = "/repos/acme/skills"


@pytest.mark.parametrize(
    ("claims", "status", "words"),
    [
        ({}, 200, None),
        ({"lifetime": 600}, 200, None),
        ({"lifetime": -1}, 401, "must be a numeric value representing the future time"),
        ({"lifetime": 3600}, 401, "too far in the future"),
        ({"issued": 300, "lifetime": 600}, 401, "'Issued at' claim"),
        ({"issuer": "12345"}, 404, "Integration not found"),
    ],
)
async def test_a_jwt_is_checked_as_github_checks_it(
    github: GitHub, claims: dict[str, Any], status: int, words: str | None
) -> None:
    answer = await github.with_token(github.app_jwt(**claims)).request("GET", "/app")
    assert answer.status == status
    assert words is None or words in answer.data["message"]


async def test_the_client_id_is_as_good_an_issuer_as_the_app_id(github: GitHub) -> None:
    client = github.with_token(github.app_jwt(issuer=github.sandbox.app.client_id))
    assert (await client.get("/app"))["slug"] == "skill-fleet"


async def test_a_jwt_signed_by_another_key_is_not_decoded(github: GitHub) -> None:
    forged = github.app_jwt()[:-8] + "AAAAAAAA"
    answer = await github.with_token(forged).request("GET", "/app")
    assert (answer.status, answer.data["message"]) == (401, "A JSON web token could not be decoded")


async def test_the_app_sees_itself_and_its_installations(github: GitHub) -> None:
    app, number = github.as_app(), github.sandbox.installation.id
    assert (await app.get("/app"))["installations_count"] == 1
    assert [each["id"] for each in await app.get("/app/installations")] == [number]
    for path in (f"/app/installations/{number}", f"{REPO}/installation", "/orgs/acme/installation"):
        assert (await app.get(path))["account"]["login"] == "acme"
    assert (await app.request("GET", "/users/riley/installation")).status == 404
    assert (await app.get("/apps/skill-fleet"))["id"] == github.sandbox.app.id


async def test_a_token_is_long_lives_an_hour_and_acts_as_the_bot(github: GitHub) -> None:
    bot = await github.as_installation()
    assert bot.token and bot.token.startswith(f"ghs_{github.sandbox.app.id}_") and 500 < len(bot.token) < 560
    comment = await bot.post(f"{REPO}/issues", {"title": "x"})
    assert (comment["user"]["login"], comment["user"]["type"]) == ("skill-fleet[bot]", "Bot")
    assert comment["performed_via_github_app"]["slug"] == "skill-fleet"
    github.sandbox.world.clock.advance(3599)
    assert (await bot.request("GET", REPO)).status == 200
    github.sandbox.world.clock.advance(2)
    answer = await bot.request("GET", REPO)
    assert (answer.status, answer.data["message"]) == (401, "Bad credentials")


async def test_a_revoked_token_is_bad(github: GitHub) -> None:
    bot = await github.as_installation()
    await bot.delete("/installation/token")
    assert (await bot.request("GET", REPO)).status == 401


async def test_a_token_has_what_it_was_scoped_to_and_no_more(github: GitHub) -> None:
    talk = await github.as_installation(permissions={"issues": "write"}, repositories=["skills"])
    assert (await talk.request("POST", f"{REPO}/issues", {"title": "x"})).status == 201
    answer = await talk.request("POST", f"{REPO}/git/blobs", {"content": "x"})
    assert (answer.status, answer.data["message"]) == (403, "Resource not accessible by integration")
    assert (await talk.get("/installation/repositories"))["total_count"] == 1


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ({"permissions": {"administration": "write"}}, "permissions requested are not granted"),
        ({"permissions": {"metadata": "write"}}, "permissions requested are not granted"),
        ({"repositories": ["nothing"]}, "does not exist or is not accessible"),
        ({"repository_ids": [1]}, "does not exist or is not accessible"),
    ],
)
async def test_asking_for_more_than_was_granted_is_refused(github: GitHub, scope: Any, words: str) -> None:
    path = f"/app/installations/{github.sandbox.installation.id}/access_tokens"
    answer = await github.as_app().request("POST", path, scope)
    assert answer.status == 422
    assert words in answer.data["message"]


async def test_permissions_withdrawn_later_bind_tokens_issued_before(github: GitHub) -> None:
    bot = await github.as_installation()
    world, morgan = github.sandbox.world, github.sandbox.world.account("morgan")
    assert morgan
    installations.grant(world, github.sandbox.installation, {"issues": "read"}, morgan)
    assert (await bot.request("POST", f"{REPO}/issues", {"title": "x"})).status == 403


@pytest.mark.parametrize("token", ["ghs_unknown", "ghp_unknown", "nonsense"])
async def test_an_unknown_token_is_nobody(github: GitHub, token: str) -> None:
    answer = await github.with_token(token).request("GET", REPO)
    assert (answer.status, answer.data["message"]) == (401, "Bad credentials")


async def test_doors_that_take_another_key(github: GitHub) -> None:
    bot, riley, anyone = await github.as_installation(), github.as_user("riley"), github.anonymous()
    assert (await bot.request("GET", "/app")).status == 401
    assert (await bot.request("GET", "/user")).status == 403
    assert (await riley.request("GET", "/installation/repositories")).status == 403
    assert (await riley.get("/user"))["login"] == "riley"
    assert (await anyone.request("GET", "/user")).status == 401
    assert (await anyone.get(REPO))["full_name"] == "acme/skills"
    assert (await anyone.request("POST", f"{REPO}/issues", {"title": "x"})).status == 401
    assert (await github.as_app().request("GET", REPO)).status == 401


async def test_what_the_token_cannot_reach_is_hidden_when_private(github: GitHub) -> None:
    world = github.sandbox.world
    other = world.add_account("other")
    world.tokens.add_personal(other)
    for name, private in (("open", False), ("closed", True)):
        installations.create_repository(world, other, name, private)
    bot = await github.as_installation()
    assert (await bot.request("GET", "/repos/other/open")).status == 200
    assert (await bot.request("POST", "/repos/other/open/issues", {"title": "x"})).status == 403
    assert (await bot.request("GET", "/repos/other/closed")).status == 404
    assert (await github.as_user("riley").request("GET", "/repos/other/closed")).status == 404
    world.repositories[max(world.repositories)].roles[world.accounts["riley"].id] = Role.READ
    assert (await github.as_user("riley").request("GET", "/repos/other/closed")).status == 200


async def test_a_suspended_or_removed_installation_opens_nothing(github: GitHub) -> None:
    world, installation = github.sandbox.world, github.sandbox.installation
    bot, morgan = await github.as_installation(), world.accounts["morgan"]
    path = f"/app/installations/{installation.id}/access_tokens"
    installations.suspend(world, installation, morgan)
    assert (await bot.request("GET", REPO)).data["message"] == "This installation has been suspended"
    assert (await github.as_app().request("POST", path)).status == 403
    installations.unsuspend(world, installation, morgan)
    assert (await bot.request("GET", REPO)).status == 200
    await github.as_app().delete(f"/app/installations/{installation.id}")
    assert (await bot.request("GET", REPO)).status == 401
    assert (await github.as_app().request("POST", path)).status == 404
    assert (await github.as_app().request("GET", f"{REPO}/installation")).status == 404


async def test_the_manifest_flow_makes_an_app_once(github: GitHub) -> None:
    manifest = (
        '{"name":"My Fleet","url":"https://x","redirect_url":"http://127.0.0.1:1/cb",'
        '"hook_attributes":{"url":"http://127.0.0.1:2/webhook"},"default_permissions":{"issues":"write"},'
        '"default_events":["issues"]}'
    )
    url = f"{github.sandbox.url}/organizations/acme/settings/apps/new?state=s1"
    async with github.session.post(url, data={"manifest": manifest}, allow_redirects=False) as response:
        location = response.headers["Location"]
    assert location.startswith("http://127.0.0.1:1/cb?") and "state=s1" in location
    code = location.partition("code=")[2].partition("&")[0]
    made = await github.anonymous().post(f"/app-manifests/{code}/conversions")
    assert made["slug"] == "my-fleet" and made["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert (await github.anonymous().request("POST", f"/app-manifests/{code}/conversions")).status == 404
    github.sandbox.world.apps[made["id"]]
    bad = manifest.replace('"url":"http://127.0.0.1:2/webhook"', '"url":"http://x","secret":"s"')
    async with github.session.post(url, data={"manifest": bad}, allow_redirects=False) as response:
        assert response.status == 422
