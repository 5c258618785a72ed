"""The App is installed on a repository: one pull request offers what is missing; what people close stays closed."""

from pathlib import Path

from bot.repo_config import PATH
from tests.e2e.town import Town, town

ACTION = "acme/skill-fleet@v1"


async def _install(there: Town) -> None:
    """The owner takes every repository out of the installation and chooses them again."""
    path = f"/installations/{there.github.sandbox.installation.id}/select"
    await there.github.control(path, {"repositories": []}, "morgan")
    await there.github.control(path, {}, "morgan")
    await there.bot.quiet()


async def test_a_repository_is_offered_what_it_lacks_once_and_never_again_after_closing(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with town(tmp_path, sqlite_url, action=ACTION) as there:
        morgan = there.github.as_user("morgan")
        there.github.fault("drop_after", times=2)
        await _install(there)
        [pull] = await there.github.pulls()
        assert (pull["user"]["login"], pull["title"]) == (there.github.bot_login, "Add the skill request form")
        files = await morgan.all(f"{morgan.repo}/pulls/{pull['number']}/files")
        assert [(file["filename"], file["status"]) for file in files] == [(PATH, "added")], "the form is there already"
        assert f"uses: {ACTION}" in pull["body"]
        [check] = await there.github.check_runs(pull["head"]["sha"])
        assert check["conclusion"] == "success"

        await _install(there)
        assert len(await there.github.pulls()) == 1
        there.github.mishap("lose", "pull_request", "closed")  # it would wait for a job to claim it, and none will
        await morgan.patch(f"{morgan.repo}/pulls/{pull['number']}", {"state": "closed"})
        await morgan.delete_branch("skill-fleet/onboarding")
        await _install(there)
        [pull] = await there.github.pulls()
        assert pull["state"] == "closed"
        assert await there.words(pull["number"]) == []
