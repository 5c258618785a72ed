"""What the ports ask of GitHub: roles, configuration, skills; and how failures of every kind are told."""

import base64
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot import publish
from bot.github import errors, git
from bot.github.git import GitReader
from bot.github.tokens import Purpose
from bot.jobs.effects import Done, Refused, Say
from bot.jobs.job import Role
from bot.repo_config import InvalidConfigError, RepoConfig
from bot.sandbox import Seed
from bot.sandbox.faults import Fault, Kind
from bot.sandbox.model import Role as Granted
from tests.integration.github.test_effects import SKILL, commit_as_person, draft, publication
from tests.integration.github.town import BOT, MAINTAINER, Town, town

CONFIG = ".github/skill-fleet.yml"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path / "github") as place:
        yield place


async def _write(here: Town, path: str, text: str) -> None:
    data: dict[str, Any] = {"message": "Change", "content": base64.b64encode(text.encode()).decode()}
    with contextlib.suppress(AssertionError):
        data["sha"] = (await here.ask("GET", f"/contents/{path}"))["sha"]
    await here.ask("PUT", f"/contents/{path}", **data)


# --- roles -----------------------------------------------------------------------------------------------------------


async def test_every_rung_of_the_ladder_is_told_apart(tmp_path: Path) -> None:
    people = {role.name.lower(): role for role in Granted} | {"nobody": None, MAINTAINER: Granted.ADMIN}
    async with town(tmp_path / "github", Seed(people=people, private=True)) as here:
        for name in ("read", "triage", "write", "maintain", "admin"):
            assert await here.service.role(here.repository, name) is Role(name)
        assert await here.service.role(here.repository, "nobody") is Role.NONE
        assert await here.service.role(here.repository, "does-not-exist") is Role.NONE


async def test_a_role_is_asked_again_after_a_minute(here: Town) -> None:
    assert await here.service.role(here.repository, MAINTAINER) is Role.ADMIN
    here.sandbox.repository.roles[here.sandbox.world.account(MAINTAINER).id] = Granted.READ  # type: ignore[union-attr]
    assert await here.service.role(here.repository, MAINTAINER.upper()) is Role.ADMIN
    here.sandbox.world.clock.advance(61)
    assert await here.service.role(here.repository, MAINTAINER) is Role.READ
    here.sandbox.repository.roles[here.sandbox.world.account(MAINTAINER).id] = Granted.ADMIN  # type: ignore[union-attr]
    here.sandbox.world.clock.advance(-3_600)
    assert await here.service.role(here.repository, MAINTAINER) is Role.ADMIN, (
        "nor is it kept when the clock is set back"
    )


@pytest.mark.parametrize("status", [500, 503])
async def test_a_role_that_cannot_be_asked_is_an_error_and_not_a_role(here: Town, status: int) -> None:
    here.sandbox.api.faults.append(Fault(kind=Kind.STATUS, path="/permission", times=9, status=status))
    with pytest.raises(errors.TransientError):
        await here.service.role(here.repository, MAINTAINER)


# --- configuration ---------------------------------------------------------------------------------------------------


async def test_without_a_file_the_defaults_hold(here: Town) -> None:
    assert await here.service.config(here.repository) == RepoConfig()


async def test_the_configuration_is_read_from_the_default_branch_as_it_is_now(here: Town) -> None:
    await _write(here, CONFIG, "label: wish\n")
    assert (await here.service.config(here.repository)).label == "wish"
    await _write(here, CONFIG, "label: wanted\n")
    assert (await here.service.config(here.repository)).label == "wanted"


async def test_the_last_good_configuration_stays_while_a_bad_one_is_there(here: Town) -> None:
    await _write(here, CONFIG, "label: wish\n")
    await here.service.config(here.repository)
    await _write(here, CONFIG, "lable: oops\n")
    assert (await here.service.config(here.repository)).label == "wish"
    here.restart()
    with pytest.raises(InvalidConfigError, match="did you mean `label`"):
        await here.service.config(here.repository)


async def test_an_unchanged_configuration_costs_no_quota(here: Town) -> None:
    await _write(here, CONFIG, "label: wish\n")
    await here.service.config(here.repository)
    await here.service.config(here.repository)
    asked = [each.status for each in here.sandbox.api.log if each.path.endswith(CONFIG) and each.actor == BOT]
    assert asked == [200, 304]


# --- skills ----------------------------------------------------------------------------------------------------------


async def test_the_taxonomy_is_what_the_default_branch_holds_now(here: Town) -> None:
    before = await here.service.taxonomy(here.repository, RepoConfig())
    assert before.entries
    await _write(here, "skills/release-notes/SKILL.md", SKILL)
    after = await here.service.taxonomy(here.repository, RepoConfig())
    assert {entry.name for entry in after.entries} - {entry.name for entry in before.entries} == {"release-notes"}


async def test_an_existing_skill_is_read_from_the_default_branch_to_be_changed(here: Town) -> None:
    await _write(here, "skills/release-notes/SKILL.md", SKILL)
    assert await here.service.skill_files(here.repository, "skills/release-notes") == {"SKILL.md": SKILL}
    assert await here.service.skill_files(here.repository, "skills/no-such") == {}


async def test_an_unchanged_tree_is_not_read_again(here: Town) -> None:
    await here.service.taxonomy(here.repository, RepoConfig())
    before = len(here.sandbox.api.log)
    await here.service.taxonomy(here.repository, RepoConfig())
    assert len(here.sandbox.api.log) - before == 2, "the tip of the branch and its commit"


async def test_a_tree_too_large_for_one_answer_is_walked(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await here.service.taxonomy(here.repository, RepoConfig())
    here.restart()
    parsed = git.Tree.model_validate

    def truncated(data: Any, **options: Any) -> Any:
        tree = parsed(data, **options)
        recursive = any("/" in entry.path for entry in tree.tree)
        return tree.model_copy(update={"truncated": True, "tree": tree.tree[:1]}) if recursive else tree

    monkeypatch.setattr(git.Tree, "model_validate", truncated)
    assert await here.service.taxonomy(here.repository, RepoConfig()) == whole


async def test_a_skill_is_read_as_it_is_at_a_commit(here: Town) -> None:
    issue = await here.open_issue()
    files = draft(**{"references/a.md": "a\n"})
    published = await here.perform(publication(issue, files), issue)
    assert published.kind == "published"
    assert await here.service.read_skill(here.repository, published.head_sha, files.path) == files


async def test_a_new_skill_is_entered_into_the_repository_s_own_list(tmp_path: Path) -> None:
    other = SKILL.replace("release-notes", "{name}")
    readme = (
        "# Skills\n\n| Skill | What |\n| --- | --- |\n| [alpha](skills/alpha) | A. |\n| [beta](skills/beta) | B. |\n"
    )
    seed = Seed(
        folder=None,
        files={
            "README.md": readme,
            "skills/alpha/SKILL.md": other.replace("{name}", "alpha"),
            "skills/beta/SKILL.md": other.replace("{name}", "beta"),
        },
    )
    async with town(tmp_path / "github", seed) as here:
        issue = await here.open_issue()
        published = await here.perform(publication(issue, draft()), issue)
        assert published.kind == "published", published
        files = await here.ask("GET", f"/pulls/{published.pull_number}/files")
        assert sorted(file["filename"] for file in files) == ["README.md", "skills/release-notes/SKILL.md"]
        reader = GitReader(here.connection.client(here.repository, Purpose.READ), {"owner": "acme", "repo": "skills"})
        tree = await reader.tree_of(published.head_sha)
        entry = next(entry for entry in await reader.files(tree) if entry.path == "README.md")
        text = (await reader.blob(entry)).decode()
        assert text.startswith(readme)
        assert text.count("\n") == readme.count("\n") + 1
        assert "[release-notes](skills/release-notes)" in text
        again = draft(SKILL + "\nMore.\n")
        second = await here.perform(publication(issue, again, "p:2", known_head=published.head_sha), issue)
        assert second.kind == "published"
        commit = await here.ask("GET", f"/commits/{second.head_sha}")
        assert [file["filename"] for file in commit["files"]] == ["skills/release-notes/SKILL.md"]


# --- conditions ------------------------------------------------------------------------------------------------------


async def test_an_uninstalled_app_is_told_as_gone(here: Town) -> None:
    issue = await here.open_issue()
    await _control(here, "POST", f"/installations/{here.sandbox.installation.id}/uninstall")
    result = await here.perform(Say(key="say:1", number=issue, body="Hello"), issue)
    assert isinstance(result, Refused)
    assert result.code in {"gone", "forbidden"}


async def test_a_permission_withdrawn_in_the_middle_is_told_as_forbidden(here: Town) -> None:
    issue = await here.open_issue()
    first = await here.perform(publication(issue, draft()), issue)
    assert first.kind == "published"
    installation = here.sandbox.installation.id
    few = {"issues": "write", "pull_requests": "write", "metadata": "read"}
    await _control(here, "POST", f"/installations/{installation}/grant", permissions=few)
    await _control(here, "POST", "/tokens/expire")
    here.sandbox.world.clock.advance(10)
    result = await here.perform(publication(issue, draft(SKILL + "\nMore.\n"), "p:2"), issue)
    assert isinstance(result, Refused)
    assert result.code == "forbidden"
    assert "The App needs these permissions" in result.reason
    assert isinstance(await here.perform(Say(key="say:1", number=issue, body="Hello"), issue), Done), "talk still works"


async def test_a_repository_taken_out_of_the_installation_is_told(here: Town) -> None:
    issue = await here.open_issue()
    await _control(here, "POST", f"/installations/{here.sandbox.installation.id}/select", repositories=[])
    result = await here.perform(Say(key="say:1", number=issue, body="Hello"), issue)
    assert isinstance(result, Refused)


async def test_a_renamed_repository_is_still_served_under_its_old_name(here: Town) -> None:
    issue = await here.open_issue()
    await here.ask("PATCH", "", name="abilities")
    await here.perform(Say(key="say:1", number=issue, body="Hello"), issue)
    published = await here.perform(publication(issue, draft()), issue)
    assert published.kind == "published", published
    here.repository = here.repository.model_copy(update={"name": "abilities"})
    assert len(await here.comments(issue)) == 1


async def test_a_suspended_app_is_told_as_forbidden(here: Town) -> None:
    issue = await here.open_issue()
    await _control(here, "POST", f"/installations/{here.sandbox.installation.id}/suspend")
    result = await here.perform(Say(key="say:1", number=issue, body="Hello"), issue)
    assert isinstance(result, Refused)
    assert result.code == "forbidden"


async def _control(here: Town, method: str, path: str, **data: Any) -> Any:
    url = f"{here.sandbox.url}/_sandbox{path}"
    async with here.session.request(method, url, json=data, headers={"X-Sandbox-User": MAINTAINER}) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_tokens_that_expire_or_are_revoked_in_the_middle_are_renewed(here: Town) -> None:
    issue = await here.open_issue()
    await here.perform(Say(key="say:1", number=issue, body="one"), issue)
    await _control(here, "POST", "/tokens/expire")
    await here.perform(Say(key="say:2", number=issue, body="two"), issue)
    here.sandbox.world.clock.advance(3_700)
    await here.perform(Say(key="say:3", number=issue, body="three"), issue)
    assert [body.split("\n")[0] for _, body in await here.comments(issue)] == ["one", "two", "three"]


async def test_a_long_limit_names_the_moment_and_afterwards_all_is_well(here: Town) -> None:
    issue = await here.open_issue()
    here.trouble(Kind.SECONDARY, retry_after=120)
    say = Say(key="say:1", number=issue, body="Hello")
    with pytest.raises(errors.RetryAtError) as caught:
        await here.service.perform(say, here.key(issue), here.repository)
    now = here.sandbox.world.clock.now()
    assert dt.timedelta(seconds=110) < caught.value.when - now <= dt.timedelta(seconds=120)
    here.sandbox.world.clock.advance(121)
    await here.perform(say, issue)
    assert len(await here.comments(issue)) == 1


async def test_a_person_who_pushes_at_the_same_moment_is_built_upon(
    here: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue = await here.open_issue()
    first = await here.perform(publication(issue, draft()), issue)
    assert first.kind == "published"
    make, pushed = publish.write_commit, list[str]()

    async def slow(*args: Any) -> str:
        commit = await make(*args)
        if not pushed:
            pushed.append(await commit_as_person(here, f"skill/issue-{issue}", {"notes.md": "theirs"}, "By hand"))
        return commit

    monkeypatch.setattr(publish, "write_commit", slow)
    second = await here.perform(publication(issue, draft(SKILL + "\nMore.\n"), "p:2", known_head=first.head_sha), issue)
    assert second.kind == "published"
    commit = await here.ask("GET", f"/git/commits/{second.head_sha}")
    assert [parent["sha"] for parent in commit["parents"]] == pushed


async def test_an_empty_repository_is_explained(tmp_path: Path) -> None:
    async with town(tmp_path / "github", Seed(folder=None)) as here:
        issue = await here.open_issue()
        result = await here.perform(publication(issue, draft()), issue)
        assert isinstance(result, Refused)
        assert "no commit yet" in result.reason
        assert not (await here.service.taxonomy(here.repository, RepoConfig())).entries
