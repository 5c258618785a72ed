"""Everybody's pull requests are checked when they touch skills or the configuration, and only then."""

from typing import Any

import pytest

from tests.e2e.town import Town
from tests.integration.github.test_effects import BROKEN, SKILL

PATH = "skills/release-notes/SKILL.md"


async def _runs(there: Town, number: int) -> list[dict[str, Any]]:
    head = (await there.github.pull(number))["head"]["sha"]
    return await there.github.check_runs(head)


async def test_a_person_s_pull_request_with_a_broken_skill_is_annotated_until_it_is_mended(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("by-hand", {PATH: BROKEN}, "Add a skill")
    number = await morgan.open_pull("by-hand", "A skill by hand")
    await there.bot.quiet()
    (run,) = await _runs(there, number)
    assert (run["name"], run["conclusion"]) == ("skill-fleet", "failure")
    annotations = await morgan.get(f"{morgan.repo}/check-runs/{run['id']}/annotations")
    assert {each["path"] for each in annotations} == {PATH}

    await morgan.commit("by-hand", {PATH: SKILL}, "Mend it")
    await there.bot.quiet()
    (run,) = await _runs(there, number)
    assert run["conclusion"] == "success"

    seen = {run["id"]}
    for ask in (morgan.press(run["id"], "revalidate"), morgan.rerun(run["id"])):
        await ask
        await there.bot.quiet()
        (again,) = await _runs(there, number)
        assert again["conclusion"] == "success"
        seen.add(again["id"])
    assert len(seen) == 3, "each is a run of its own; GitHub shows the latest"


async def test_a_pull_request_that_touches_no_skill_gets_no_check(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("docs", {"docs/x.md": "x"}, "Write")
    number = await morgan.open_pull("docs", "Docs")
    await there.bot.quiet()
    assert await _runs(there, number) == []


async def test_a_pull_request_that_breaks_the_configuration_is_told_the_line(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("config", {".github/skill-fleet.yml": "label: wish\nlable: oops\n"}, "Configure")
    number = await morgan.open_pull("config", "Configure")
    await there.bot.quiet()
    (run,) = await _runs(there, number)
    assert run["conclusion"] == "failure"
    (annotation,) = await morgan.get(f"{morgan.repo}/check-runs/{run['id']}/annotations")
    assert (annotation["path"], annotation["start_line"]) == (".github/skill-fleet.yml", 2)
    assert "did you mean `label`" in annotation["message"]


async def test_all_skills_a_pull_request_touches_are_in_one_run(there: Town) -> None:
    morgan = there.github.as_user("morgan")
    other = BROKEN.replace("Release Notes", "Other Thing")
    await morgan.commit("two", {PATH: BROKEN, "skills/other/SKILL.md": other, "README.md": "x"}, "Two")
    number = await morgan.open_pull("two", "Two skills")
    await there.bot.quiet()
    (run,) = await _runs(there, number)
    annotations = await morgan.get(f"{morgan.repo}/check-runs/{run['id']}/annotations")
    assert {each["path"] for each in annotations} == {PATH, "skills/other/SKILL.md"}


async def test_the_bot_s_own_pull_request_gets_its_check_once(there: Town) -> None:
    _, pull = await there.to_review()
    assert len(await _runs(there, pull["number"])) == 1


async def test_running_a_fork_s_whole_suite_again_checks_its_pull_request(
    there: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    morgan = there.github.as_user("morgan")
    await morgan.commit("by-hand", {PATH: BROKEN}, "Add a skill")
    number = await morgan.open_pull("by-hand", "A skill by hand")
    await there.bot.quiet()
    (run,) = await _runs(there, number)
    # What GitHub says of a commit that was pushed to another repository: https://docs.github.com/rest/checks/suites
    monkeypatch.setattr("bot.sandbox.render.checks._pulls_at", lambda *_: [])
    suite = next(each for each in there.github.sandbox.repository.suites if each.id == run["check_suite"]["id"])
    suite.head_branch = None
    await morgan.post(f"{morgan.repo}/check-suites/{suite.id}/rerequest")
    await there.bot.quiet()
    (again,) = await _runs(there, number)
    assert (again["conclusion"], again["id"] != run["id"]) == ("failure", True)
    assert again["external_id"].rpartition(":")[0] == run["external_id"].rpartition(":")[0]
