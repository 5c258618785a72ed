"""`changed-only` on real clones: what each event compares with, and what happens when that is not there."""

import json
from pathlib import Path

import pytest

from tests.integration.action.project import broken, git, skill

CHANGED = {"changed-only": "true"}


def checked(run) -> list[str]:
    report = json.loads(Path(run.outputs["report-file"]).read_text())
    return [entry["path"] for entry in report["skills"]]


@pytest.fixture
def library(project):
    """Three skills on main; one of them broken, so that checking it shows."""
    project.first = project.commit(
        {
            "skills/forms/SKILL.md": skill("forms"),
            "skills/legacy/SKILL.md": broken("legacy"),
            "skills/tables/SKILL.md": skill("tables"),
            "skills/tables/references/more.md": "# More\n",
            "README.md": "Skills",
        }
    )
    return project


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_pull_request_checks_what_it_changed_whatever_the_depth(library, machine, tmp_path, depth):
    library.commit({"skills/tables/references/more.md": "# Even more\n"}, branch="topic", start="main")
    library.commit({"skills/forms/SKILL.md": skill("forms") + "\nMain went on.\n"})
    pull = library.pull_request("topic")
    workspace = library.checkout(tmp_path / "work", pull.merge, depth=depth)
    run = machine(workspace).run("pull_request", pull.event(), CHANGED, sha=pull.merge)
    assert run.status == 0, run.log
    assert checked(run) == ["skills/tables"]
    assert "1 of 3 skills changed" in run.summary


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_checkout_of_the_head_is_compared_with_the_merge_base(library, machine, tmp_path, depth):
    for number in range(3):
        start = "" if number else "main"
        library.commit({"skills/tables/references/more.md": f"{number}\n"}, branch="topic", start=start)
    for number in range(5):
        library.commit({"skills/forms/SKILL.md": skill("forms") + f"\nMain went on {number}.\n"})
    pull = library.pull_request("topic")
    workspace = library.checkout(tmp_path / "work", pull.head, depth=depth)
    run = machine(workspace).run("pull_request", pull.event(), CHANGED, sha=pull.merge)
    assert run.status == 0, run.log
    assert checked(run) == ["skills/tables"]


def test_a_broken_skill_that_was_not_touched_fails_nobody_else(library, machine, tmp_path):
    library.commit({"skills/forms/SKILL.md": skill("forms") + "\nOne more line.\n"}, branch="topic", start="main")
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.merge)).run(
        "pull_request", pull.event(), CHANGED, sha=pull.merge
    )
    assert (run.status, run.outputs["errors"], checked(run)) == (0, "0", ["skills/forms"])


def test_the_same_name_as_an_untouched_skill_is_still_found(library, machine, tmp_path):
    library.commit({"more/forms/SKILL.md": skill("forms")}, branch="topic", start="main")
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.merge)).run(
        "pull_request", pull.event(), CHANGED, sha=pull.merge
    )
    assert checked(run) == ["more/forms"]
    assert "TAX001" in Path(run.outputs["report-file"]).read_text()


def test_a_renamed_skill_is_checked_under_its_new_name_and_reported_gone_under_the_old(library, machine, tmp_path):
    library.commit(
        {"skills/forms/SKILL.md": None, "skills/papers/SKILL.md": skill("forms")}, branch="topic", start="main"
    )
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.merge)).run(
        "pull_request", pull.event(), CHANGED, sha=pull.merge
    )
    assert run.status == 1
    assert checked(run) == ["skills/papers"]
    assert "Removed: skills/forms." in run.summary


def test_a_deleted_skill_leaves_nothing_to_check(library, machine, tmp_path):
    library.commit({"skills/legacy/SKILL.md": None}, branch="topic", start="main")
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.merge)).run(
        "pull_request", pull.event(), CHANGED, sha=pull.merge
    )
    assert run.status == 0, run.log
    assert (run.outputs["verdict"], run.outputs["skills"]) == ("pass", "0")
    assert "Removed: skills/legacy." in run.summary


def test_a_change_outside_every_skill_checks_nothing(library, machine, tmp_path):
    library.commit({"README.md": "More skills", "docs/x.md": "x"}, branch="topic", start="main")
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.merge)).run(
        "pull_request", pull.event(), CHANGED, sha=pull.merge
    )
    assert (run.status, run.outputs["skills"]) == (0, "0")


def test_only_skills_below_the_path_are_checked(library, machine, tmp_path):
    library.commit(
        {"skills/forms/x.md": "x", "other/a/SKILL.md": broken("a"), "skills/ümläut \n x/SKILL.md": skill("x")},
        branch="topic",
        start="main",
    )
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.merge)).run(
        "pull_request", pull.event(), CHANGED | {"path": "skills"}, sha=pull.merge
    )
    assert checked(run) == ["skills/forms", "skills/ümläut \n x"]


def test_a_merge_group_is_compared_with_the_commit_it_is_built_on(library, machine, tmp_path):
    ahead = library.commit({"skills/legacy/x.md": "x"}, branch="queue-1", start="main")
    head = library.commit({"skills/forms/x.md": "x"}, branch="queue-2", start=ahead)
    run = machine(library.checkout(tmp_path / "work", head)).run(
        "merge_group", {"merge_group": {"base_sha": ahead, "head_sha": head}}, CHANGED, sha=head
    )
    assert (run.status, checked(run)) == (0, ["skills/forms"])


def pushed(before: str, after: str, ref: str = "refs/heads/main") -> dict[str, object]:
    return {"ref": ref, "before": before, "after": after, "repository": {"default_branch": "main"}}


def test_a_push_is_compared_with_what_was_there_before(library, machine, tmp_path):
    after = library.commit({"skills/forms/x.md": "x"})
    run = machine(library.checkout(tmp_path / "work", after)).run("push", pushed(library.first, after), CHANGED)
    assert checked(run) == ["skills/forms"]


def test_a_new_branch_is_compared_with_where_it_left_the_default_branch(library, machine, tmp_path):
    after = library.commit({"skills/forms/x.md": "x"}, branch="topic", start="main")
    library.commit({"skills/tables/x.md": "x"})
    run = machine(library.checkout(tmp_path / "work", after)).run(
        "push", pushed("0" * 40, after, "refs/heads/topic"), CHANGED
    )
    assert run.outputs["skills"] == "1", run.log
    assert checked(run) == ["skills/forms"]


@pytest.mark.parametrize(
    ("event_name", "before", "ref", "said"),
    [
        ("push", "0" * 40, "refs/heads/main", "Nothing came before this push"),
        ("push", "0" * 40, "refs/tags/v1", "Nothing came before this push"),
        ("push", "1" * 40, "refs/heads/main", "is gone (a forced push)"),
        ("schedule", "", "", "A schedule event compares nothing"),
    ],
)
def test_without_anything_to_compare_with_everything_is_checked_and_that_is_said(
    library, machine, tmp_path, event_name, before, ref, said
):
    event = pushed(before, library.first, ref) if event_name == "push" else {}
    run = machine(library.checkout(tmp_path / "work", library.first)).run(event_name, event, CHANGED)
    assert run.outputs["skills"] == "3", run.log
    assert said in run.summary.replace("\\", "")


def test_a_deleted_branch_checks_nothing(library, machine, tmp_path):
    run = machine(library.checkout(tmp_path / "work", library.first)).run(
        "push", pushed(library.first, "0" * 40, "refs/heads/topic"), CHANGED
    )
    assert (run.status, run.outputs["skills"]) == (0, "0")


def test_a_base_that_cannot_be_had_is_an_error_that_names_the_setting(library, machine, tmp_path):
    library.commit({"skills/forms/x.md": "x"}, branch="topic", start="main")
    pull = library.pull_request("topic")
    workspace = library.checkout(tmp_path / "work", pull.merge)
    git(workspace, "remote", "set-url", "origin", (tmp_path / "nowhere").as_uri())
    run = machine(workspace).run("pull_request", pull.event(), CHANGED, sha=pull.merge)
    assert run.status == 2
    assert "Set fetch-depth: 0 on actions/checkout" in run.shown("error")[0]


def test_the_base_branchs_own_checkout_is_refused(library, machine, tmp_path):
    library.commit({"skills/forms/x.md": "x"}, branch="topic", start="main")
    pull = library.pull_request("topic")
    run = machine(library.checkout(tmp_path / "work", pull.base)).run(
        "pull_request_target", pull.event(), CHANGED, sha=pull.base
    )
    assert run.status == 2
    assert "Run this workflow on pull_request" in run.shown("error")[0]


def test_a_workspace_without_git_is_an_error(machine, tmp_path):
    (tmp_path / "work/skills/forms").mkdir(parents=True)
    (tmp_path / "work/skills/forms/SKILL.md").write_text(skill("forms"))
    run = machine(tmp_path / "work").run("push", pushed("1" * 40, "2" * 40), CHANGED)
    assert run.status == 2
    assert "the workspace holds none" in run.shown("error")[0]


def test_nothing_in_the_checkout_makes_git_run_a_program(library, machine, tmp_path):
    """Hooks that an earlier step pointed into the checkout, drivers named in attributes, a planted bare repository."""
    trap = f"#!/bin/sh\ntouch {tmp_path / 'pwned'}\n"
    hooks = {f"hooks/{name}": trap for name in ("reference-transaction", "post-checkout", "fsmonitor-watchman")}
    bare = {
        "skills/HEAD": "ref: refs/heads/main\n",
        "skills/config": f'[core]\n\tbare = true\n\tfsmonitor = "touch {tmp_path / "pwned"}"\n',
        "skills/objects/x": "",
        "skills/refs/x": "",
    }
    attributes = {".gitattributes": "* diff=trap filter=trap\n", "skills/forms/x.md": "x"}
    library.commit(hooks | bare | attributes, branch="topic", start="main")
    pull = library.pull_request("topic")
    workspace = library.checkout(tmp_path / "work", pull.merge)
    for hook in (workspace / "hooks").iterdir():
        hook.chmod(0o755)
    git(workspace, "config", "core.hooksPath", "hooks")
    git(workspace, "config", "core.fsmonitor", "hooks/fsmonitor-watchman")
    git(workspace, "config", "diff.trap.textconv", f"touch {tmp_path / 'pwned'}")
    run = machine(workspace).run("pull_request", pull.event(), CHANGED | {"path": "skills"}, sha=pull.merge)
    assert run.outputs["skills"] == "1", run.log
    assert not (tmp_path / "pwned").exists()


def test_a_broken_event_is_an_error(library, machine, tmp_path):
    run = machine(library.checkout(tmp_path / "work", library.first)).run(
        "push", {"ref": "refs/heads/main", "before": "--upload-pack=touch pwned", "after": "0"}, CHANGED
    )
    assert run.status == 2
    assert "push.before of the event is not a commit hash" in run.shown("error")[0]
