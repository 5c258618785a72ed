"""Content: the Git Data API, files, branches, comparisons, and git itself over HTTP."""

import asyncio
import base64
import os
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.model import Protection
from tests.github_sandbox import Client, GitHub

REPO = "/repos/acme/skills"


async def tip(client: Client, branch: str = "main") -> str:
    return str((await client.get(f"{REPO}/git/ref/heads/{branch}"))["object"]["sha"])


async def tree_of(client: Client, commit: str) -> str:
    return str((await client.get(f"{REPO}/git/commits/{commit}"))["tree"]["sha"])


async def test_trees_are_built_on_a_base_with_additions_and_removals(github: GitHub) -> None:
    bot = await github.as_installation()
    head = await tip(bot)
    blob = (await bot.post(f"{REPO}/git/blobs", {"content": "AAEC", "encoding": "base64"}))["sha"]
    entries: list[Any] = [
        {"path": "skills/a/SKILL.md", "mode": "100644", "type": "blob", "content": "text\n"},
        {"path": "skills/a/run.sh", "mode": "100755", "type": "blob", "sha": blob},
        {"path": "skills/changelog-entry", "mode": "040000", "type": "tree", "sha": None},
        {"path": "README.md", "mode": "100644", "type": "blob", "sha": None},
    ]
    tree = await bot.post(f"{REPO}/git/trees", {"base_tree": await tree_of(bot, head), "tree": entries})
    whole = await bot.get(f"{REPO}/git/trees/{tree['sha']}", recursive=1)
    paths = {each["path"]: each["mode"] for each in whole["tree"] if each["type"] == "blob"}
    assert paths["skills/a/run.sh"] == "100755"
    assert "README.md" not in paths and not any("changelog-entry" in path for path in paths)
    assert any("sql-migration-review" in path for path in paths)
    assert base64.b64decode((await bot.get(f"{REPO}/git/blobs/{blob}"))["content"]) == bytes([0, 1, 2])
    await asyncio.to_thread(fsck, github)


def fsck(github: GitHub) -> None:
    done = os.popen(f"git -C {github.sandbox.repository.git.path} fsck --strict 2>&1").read()
    assert "error" not in done and "warning" not in done, done


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"path": "a", "mode": "100644", "sha": "a" * 40}, "not a valid blob"),
        ({"path": "../a", "mode": "100644", "content": "x"}, "malformed path component"),
        ({"path": ".git/config", "mode": "100644", "content": "x"}, "malformed path component"),
        ({"path": "a", "mode": "100644", "content": "x", "sha": "a" * 40}, "not both"),
        ({"path": "absent", "mode": "100644", "sha": None}, "does not exist in the base tree"),
        ({"path": "a", "mode": "100644"}, "Must supply"),
    ],
)
async def test_a_tree_that_cannot_be_is_refused(github: GitHub, entry: Any, words: str) -> None:
    bot = await github.as_installation()
    base = await tree_of(bot, await tip(bot))
    answer = await bot.request("POST", f"{REPO}/git/trees", {"base_tree": base, "tree": [entry]})
    assert answer.status == 422
    assert words in answer.data["message"]
    assert "errors" not in answer.data


async def test_a_workflow_file_needs_a_permission_the_app_has_not(github: GitHub) -> None:
    bot = await github.as_installation()
    entry = {"path": ".github/workflows/x.yml", "mode": "100644", "type": "blob", "content": "on: push\n"}
    answer = await bot.request("POST", f"{REPO}/git/trees", {"tree": [entry]})
    assert (answer.status, answer.data["message"]) == (403, "Resource not accessible by integration")
    data = {"message": "m", "content": base64.b64encode(b"x").decode()}
    assert (await bot.request("PUT", f"{REPO}/contents/.github/workflows/x.yml", data)).status == 403
    assert (
        await github.as_user("morgan").request("PUT", f"{REPO}/contents/.github/workflows/x.yml", data)
    ).status == 201


async def test_refs_compare_and_swap(github: GitHub) -> None:
    bot, morgan = await github.as_installation(), github.as_user("morgan")
    head = await tip(bot)
    ref = {"ref": "refs/heads/skill/issue-1", "sha": head}
    assert (await bot.request("POST", f"{REPO}/git/refs", ref)).status == 201
    answer = await bot.request("POST", f"{REPO}/git/refs", ref)
    assert (answer.status, answer.data["message"], "errors" in answer.data) == (422, "Reference already exists", False)
    for name, sha, words in (
        ("heads/x", head, "Reference name is invalid"),
        ("refs/heads/..", head, "Reference name is invalid"),
        ("refs/heads/x", "b" * 40, "Object does not exist"),
        ("refs/heads/skill", head, "Reference update failed"),
    ):
        answer = await bot.request("POST", f"{REPO}/git/refs", {"ref": name, "sha": sha})
        assert (answer.status, words in answer.data["message"]) == (422, True), name
    mine = await morgan.commit("skill/issue-1", {"a.md": "1"})
    await morgan.commit("other", {"b.md": "1"})
    other = await tip(bot, "other")
    answer = await bot.request("PATCH", f"{REPO}/git/refs/heads/skill/issue-1", {"sha": other})
    assert (answer.status, answer.data["message"]) == (422, "Update is not a fast forward")
    assert await tip(bot, "skill/issue-1") == mine
    await bot.patch(f"{REPO}/git/refs/heads/skill/issue-1", {"sha": other, "force": True})
    answer = await bot.request("PATCH", f"{REPO}/git/refs/heads/none", {"sha": other})
    assert answer.data["message"] == "Reference does not exist"
    assert [each["ref"] for each in await bot.get(f"{REPO}/git/matching-refs/heads/skill/")] == [ref["ref"]]
    await bot.delete(f"{REPO}/git/refs/heads/skill/issue-1")
    assert (await bot.request("GET", f"{REPO}/git/ref/heads/skill/issue-1")).status == 404
    assert (await github.as_user("riley").request("POST", f"{REPO}/git/refs", ref)).status == 404


async def test_commits_of_the_app_are_verified_when_it_names_no_author(github: GitHub) -> None:
    bot = await github.as_installation()
    head = await tip(bot)
    tree = await tree_of(bot, head)
    plain = await bot.post(f"{REPO}/git/commits", {"message": "m", "tree": tree, "parents": [head]})
    assert plain["verification"]["verified"] and plain["author"]["name"] == "skill-fleet[bot]"
    author = {"name": "Riley", "email": "riley@example.org"}
    signed = await bot.post(f"{REPO}/git/commits", {"message": "m", "tree": tree, "parents": [head], "author": author})
    assert not signed["verification"]["verified"]
    for body, words in (
        ({"tree": "a" * 40, "parents": [head]}, "Tree SHA does not exist"),
        ({"tree": tree, "parents": ["a" * 40]}, "Parent SHA does not exist"),
    ):
        answer = await bot.request("POST", f"{REPO}/git/commits", {"message": "m", **body})
        assert (answer.status, words in answer.data["message"]) == (422, True)
    shown = await bot.get(f"{REPO}/commits/{plain['sha']}")
    assert shown["author"]["login"] == "skill-fleet[bot]"
    assert (await bot.get(f"{REPO}/commits/{signed['sha']}"))["author"] is None


async def test_the_same_commit_made_twice_is_one(github: GitHub) -> None:
    bot = await github.as_installation()
    github.sandbox.world.clock.freeze()
    head = await tip(bot)
    body = {"message": "m", "tree": await tree_of(bot, head), "parents": [head]}
    assert len({(await bot.post(f"{REPO}/git/commits", body))["sha"] for _ in range(2)}) == 1


async def test_files_are_read_written_and_removed_with_their_sha(github: GitHub) -> None:
    morgan, bot = github.as_user("morgan"), await github.as_installation()
    path = f"{REPO}/contents/docs/a%20b.md"
    data = {"message": "m", "content": base64.b64encode(b"one\n").decode()}
    made = await bot.put(path, data)
    assert (await github.file("docs/a b.md")) == "one\n"
    answer = await bot.request("PUT", path, data)
    assert (answer.status, answer.data["message"]) == (422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
    assert (await bot.request("PUT", path, {**data, "sha": "a" * 40})).status == 409
    updated = await bot.put(path, {**data, "sha": made["content"]["sha"], "branch": "main"})
    answer = await bot.request("GET", path, headers={"Accept": "application/vnd.github.raw+json"})
    assert answer.data == "one\n"
    assert [each["name"] for each in await bot.get(f"{REPO}/contents/docs")] == ["a b.md"]
    assert {"skills", "README.md"} <= {each["name"] for each in await bot.get(f"{REPO}/contents/")}
    gone = {"message": "m", "sha": updated["content"]["sha"]}
    assert (await bot.request("DELETE", path, {**gone, "sha": "a" * 40})).status == 409
    await bot.delete(path, gone)
    assert (await bot.request("GET", path)).status == 404
    assert (await morgan.get(f"{REPO}/readme"))["path"] == "README.md"
    assert (await bot.request("GET", f"{REPO}/contents/README.md", ref="nowhere")).status == 404


async def test_branches_commits_and_comparisons(github: GitHub) -> None:
    morgan = github.as_user("morgan")
    sha = await morgan.commit("skill/issue-1", {"a.md": "one\ntwo\n", "README.md": None})
    await morgan.commit("main", {"b.md": "x\n"})
    assert await github.branches() == ["main", "skill/issue-1"]
    assert (await morgan.get(f"{REPO}/branches/skill/issue-1"))["commit"]["sha"] == sha
    assert (await morgan.request("GET", f"{REPO}/branches/none")).status == 404
    found = await morgan.get(f"{REPO}/compare/main...skill/issue-1")
    assert (found["status"], found["ahead_by"], found["behind_by"]) == ("diverged", 1, 1)
    assert {(each["filename"], each["status"]) for each in found["files"]} == {
        ("a.md", "added"),
        ("README.md", "removed"),
    }
    assert (await morgan.get(f"{REPO}/compare/main...main"))["status"] == "identical"
    assert (await morgan.request("GET", f"{REPO}/compare/main...none")).status == 404
    assert [each["sha"] for each in await morgan.get(f"{REPO}/commits", sha="skill/issue-1", path="a.md")] == [sha]
    assert (await morgan.request("GET", f"{REPO}/commits/none")).status == 422
    assert (await morgan.get(f"{REPO}/git/trees/skill/issue-1"))["truncated"] is False


async def git(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder)}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "Morgan", f"GIT_{role}_EMAIL": "m@example.org"}
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=folder, env=environment, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def remote(github: GitHub, token: str | None, repo: str = "acme/skills") -> str:
    host = github.sandbox.url.removeprefix("http://")
    return f"http://{f'x-access-token:{token}@' if token else ''}{host}/{repo}.git"


async def test_people_clone_and_push_with_git_and_pull_requests_follow(github: GitHub, tmp_path: Path) -> None:
    morgan = github.as_user("morgan")
    status, text = await git(tmp_path, "clone", "-q", remote(github, morgan.token), "work")
    assert status == 0, text
    work = tmp_path / "work"
    await git(work, "checkout", "-q", "-b", "topic")
    (work / "a.md").write_text("one\n")
    await git(work, "add", ".")
    await git(work, "commit", "-q", "-m", "Add a")
    assert (await git(work, "push", "-q", "origin", "topic"))[0] == 0
    number = await morgan.open_pull("topic", "Add a")
    (work / "a.md").write_text("two\n")
    await git(work, "commit", "-q", "-am", "Change a")
    assert (await git(work, "push", "-q", "origin", "topic"))[0] == 0
    head = (await git(work, "rev-parse", "HEAD"))[1].strip()
    assert (await github.pull(number))["head"]["sha"] == head
    assert (await git(work, "fetch", "-q", "origin", f"pull/{number}/head"))[0] == 0
    await morgan.merge(number)
    assert (await git(work, "pull", "-q", "origin", "main"))[0] == 0
    assert (await git(work, "push", "-q", "origin", ":topic"))[0] == 0
    assert await github.branches() == ["main"]


@pytest.mark.parametrize(
    ("who", "repo", "expected"),
    [
        ("riley", "acme/skills", "denied to riley"),
        (None, "acme/skills", "could not read"),
        ("bad", "acme/skills", "Invalid username"),
    ],
)
async def test_pushing_without_the_right_is_refused(
    github: GitHub, tmp_path: Path, who: str | None, repo: str, expected: str
) -> None:
    token = {"riley": github.sandbox.token("riley"), "bad": "ghp_wrong"}.get(who or "")
    await git(tmp_path, "clone", "-q", remote(github, None), "work")
    work = tmp_path / "work"
    await git(work, "checkout", "-q", "-b", "topic")
    status, text = await git(work, "push", remote(github, token, repo), "topic")
    assert status != 0
    assert expected in text


async def test_the_app_pushes_but_no_workflows_and_not_to_protected_branches(github: GitHub, tmp_path: Path) -> None:
    bot = await github.as_installation()
    github.sandbox.repository.protected["main"] = Protection(approvals=1)
    await git(tmp_path, "clone", "-q", remote(github, bot.token), "work")
    work = tmp_path / "work"
    (work / "a.md").write_text("one\n")
    await git(work, "add", ".")
    await git(work, "commit", "-q", "-m", "Add a")
    status, text = await git(work, "push", "origin", "main")
    assert status != 0 and "GH006" in text
    assert (await git(work, "push", "-q", "origin", "HEAD:refs/heads/topic"))[0] == 0
    (work / ".github/workflows").mkdir(parents=True)
    (work / ".github/workflows/x.yml").write_text("on: push\n")
    await git(work, "add", ".")
    await git(work, "commit", "-q", "-m", "Sneak in")
    status, text = await git(work, "push", "origin", "HEAD:refs/heads/topic")
    assert status != 0 and "without workflows permission" in text
    assert (await bot.request("PATCH", f"{REPO}/git/refs/heads/main", {"sha": await tip(bot, "topic")})).status == 422
