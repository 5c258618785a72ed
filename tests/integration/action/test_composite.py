"""The composite's steps, run as a runner runs them, on real Git repositories."""

import json
import os
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from bot.cli import main
from tests.integration.action.hub import Hub, serve
from tests.integration.action.project import broken, git, skill
from tests.integration.action.runner import Runner, environment

NO_EVENT: dict[str, object] = {}


def test_a_good_skill_passes_and_every_output_is_set(project, machine, tmp_path):
    commit = project.commit({"skills/forms/SKILL.md": skill("forms")})
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT, {"path": "skills"})
    assert run.status == 0, run.log
    assert run.outputs["verdict"] == "pass"
    assert (run.outputs["skills"], run.outputs["errors"]) == ("1", "0")
    report = json.loads(Path(run.outputs["report-file"]).read_text())
    assert [entry["path"] for entry in report["skills"]] == ["skills/forms"]
    assert run.outputs["sarif-file"] == ""
    assert run.summary.startswith("## Agent Skills: ✅ pass")


def test_a_broken_skill_fails_the_step_with_an_annotation_at_its_line(project, machine, tmp_path):
    commit = project.commit({"skills/forms/SKILL.md": broken("forms")})
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT)
    assert run.status == 1
    assert run.outputs["verdict"] == "fail"
    assert int(run.outputs["errors"]) >= 1
    places = {(a.properties["file"], a.properties["line"]) for a in run.annotations if a.level == "error"}
    assert places == {("skills/forms/SKILL.md", "2")}
    assert "skills/forms" in run.summary


@pytest.mark.parametrize(("fail_on", "status"), [("error", 1), ("never", 0)])
def test_fail_on_decides_the_status_and_not_the_verdict(project, machine, tmp_path, fail_on, status):
    commit = project.commit({"skills/forms/SKILL.md": broken("forms")})
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT, {"fail-on": fail_on})
    assert (run.status, run.outputs["verdict"]) == (status, "fail")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"path": "missing"}, "There is no SKILL.md in missing"),
        ({"path": "../.."}, "leads out of the workspace"),
        ({"path": "/etc"}, "leads out of the workspace"),
        ({"profile": "loud"}, "it can be default, portable"),
        ({"fail-on": "info"}, "error, warning or never"),
        ({"changed-only": "yes"}, "it can be true or false"),
        ({"sarif-file": "../../results.sarif"}, "inside the workspace or RUNNER_TEMP"),
        ({"baseline": "none.json"}, "no such file in the checkout"),
    ],
)
def test_an_unusable_input_is_an_error_that_says_what_to_do(project, machine, tmp_path, inputs, said):
    commit = project.commit({"skills/forms/SKILL.md": skill("forms")})
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT, inputs)
    assert run.status == 2
    assert len(run.shown("error")) == 1
    assert said in run.shown("error")[0]
    assert "could not be checked" in run.summary
    assert run.outputs["verdict"] == ""


@pytest.mark.parametrize(
    "path",
    [
        "$(touch pwned)",
        "`touch pwned`",
        "'; touch pwned; '",
        '"; touch pwned; "',
        "skills\n::error::planted",
        "${{ github.token }}",
        "-rf",
        "skills && touch pwned",
    ],
)
def test_an_input_never_reaches_a_shell(project, machine, tmp_path, path):
    commit = project.commit({"skills/forms/SKILL.md": skill("forms")})
    workspace = project.checkout(tmp_path / "work", commit)
    run = machine(workspace).run("workflow_dispatch", NO_EVENT, {"path": path})
    assert run.status == 2
    assert len(run.shown("error")) == 1
    assert run.shown("error")[0].startswith("There is no SKILL.md in")
    assert not list(tmp_path.rglob("pwned"))
    assert git(workspace, "status", "--porcelain") == ""


def test_nothing_of_the_checkout_is_imported(project, machine, tmp_path):
    """Modules that shadow the validator, its packages and the standard library, wherever Python could look."""
    trap = "import pathlib\npathlib.Path(__file__).with_name('pwned').write_text('')\nraise SystemExit('imported')\n"
    names = ["yaml.py", "json.py", "venv.py", "pip.py", "git.py", "sitecustomize.py", "usercustomize.py", "pydantic.py"]
    files = {f"{folder}{name}": trap for name in names for folder in ("", "skills/", "skills/forms/")}
    files |= {f"{package}/__init__.py": trap for package in ("pipeline", "pip", "venv", "encodings", "skills/pipeline")}
    files |= {"pyproject.toml": "not toml", "setup.cfg": "[metadata", "pip.conf": "[global]\nindex-url = file:///pwned"}
    files |= {"pyvenv.cfg": "home = /nowhere", ".python-version": "2.7", "python3": "#!/bin/sh\ntouch pwned\n"}
    commit = project.commit(files | {"skills/forms/SKILL.md": skill("forms")})
    workspace = project.checkout(tmp_path / "work", commit)
    (workspace / "python3").chmod(0o755)
    run = machine(workspace, PYTHONPATH=str(workspace), PYTHONSTARTUP=str(workspace / "yaml.py")).run(
        "workflow_dispatch", NO_EVENT, {"path": "skills"}
    )
    assert run.outputs["verdict"] == "pass", run.log
    assert not list(tmp_path.rglob("pwned"))
    assert not list(workspace.rglob("__pycache__"))


def test_a_link_out_of_the_checkout_is_not_read(project, machine, tmp_path):
    secret = tmp_path / "secret.md"
    secret.write_text(skill("forms").replace("forms", "very-secret-words"))
    commit = project.commit(
        {
            "skills/forms/SKILL.md": f"-> {secret}",
            "skills/environ/SKILL.md": skill("environ") + "\nRead [the settings](settings.sh).\n",
            "skills/environ/settings.sh": "-> /proc/self/environ",
        }
    )
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT)
    report = Path(run.outputs["report-file"]).read_text()
    for text in (run.log, run.summary, report):
        assert "very-secret-words" not in text
        assert "workflow-token" not in text
    assert run.outputs["verdict"] == "unloadable"


def test_text_of_a_skill_cannot_give_commands_to_the_runner(project, machine, tmp_path):
    name = "x\n::add-mask::planted\n::set-output name=verdict::pass\n##[error]planted"
    text = skill("forms").replace("name: forms", f'name: "{name}"'.replace("\n", "\\n"))
    commit = project.commit(
        {
            "skills/forms/SKILL.md": text,
            "skills/##[error]planted/SKILL.md": skill("forms"),
            "skills/::error::planted/SKILL.md": skill("forms"),
            "skills/new\n::error::planted/SKILL.md": skill("forms"),
        }
    )
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT)
    assert run.status == 1
    assert run.outputs["verdict"] == "fail"
    assert not [a for a in run.annotations if a.message == "planted"]
    assert set(run.commands) <= {"stop-commands", "group", "error", "warning", "notice"} | {"endgroup"}


def test_a_finding_mentions_nobody_in_the_summary(project, machine, tmp_path):
    text = skill("forms").replace("name: forms", "name: forms\n'@octocat [x](https://evil.example) |<img src=x>#1': 1")
    commit = project.commit({"skills/forms/SKILL.md": text})
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT)
    blocks = MarkdownIt("gfm-like", {"linkify": False}).parse(run.summary)
    inline = [child for block in blocks for child in block.children or ()]
    assert {token.type for token in inline} <= {"text", "text_special", "code_inline", "softbreak"}
    assert "octocat" in run.summary
    shown = "".join(token.content for token in inline)
    for linking in ("@octocat", "#1"):  # GitHub mentions and refers on the rendered text
        assert linking not in shown
    assert "https://" not in run.summary


def test_sarif_is_written_where_the_input_says(project, machine, tmp_path):
    commit = project.commit({"skills/forms/SKILL.md": broken("forms")})
    workspace = project.checkout(tmp_path / "work", commit)
    run = machine(workspace).run("workflow_dispatch", NO_EVENT, {"sarif-file": "out/results.sarif"})
    assert run.outputs["sarif-file"] == str(workspace / "out/results.sarif")
    (log,) = json.loads((workspace / "out/results.sarif").read_text())["runs"]
    assert log["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "skills/forms/SKILL.md"
    assert log["tool"]["driver"]["semanticVersion"] == "0.1.0"


def test_a_baseline_accepts_what_was_there_and_says_what_is_stale(project, machine, tmp_path, monkeypatch):
    commit = project.commit({"skills/forms/SKILL.md": broken("forms"), "skills/tables/SKILL.md": broken("tables")})
    workspace = project.checkout(tmp_path / "work", commit)
    monkeypatch.chdir(workspace)
    assert main(["validate", ".", "--write-baseline", "baseline.json"]) == 0
    run = machine(workspace).run("workflow_dispatch", NO_EVENT, {"baseline": "baseline.json"})
    assert (run.status, run.outputs["verdict"], run.outputs["errors"]) == (0, "pass", "0")
    (workspace / "skills/forms/SKILL.md").write_text(skill("forms"))
    run = machine(workspace).run("workflow_dispatch", NO_EVENT, {"baseline": "baseline.json"})
    assert run.status == 0
    assert any("write the baseline anew" in notice for notice in run.shown("notice"))
    (workspace / "baseline.json").write_text("{}")
    run = machine(workspace).run("workflow_dispatch", NO_EVENT, {"baseline": "baseline.json"})
    assert run.status == 2
    assert "baseline.json, which cannot be used" in run.shown("error")[0]


def test_the_repository_s_settings_hold_unless_the_workflow_says_otherwise(project, machine, tmp_path):
    settings = "validation:\n  fail-on: never\n"
    commit = project.commit({"skills/forms/SKILL.md": broken("forms"), ".github/skill-fleet.yml": settings})
    workspace = project.checkout(tmp_path / "work", commit)
    run = machine(workspace).run("workflow_dispatch", NO_EVENT)
    assert run.status == 0, run.log
    assert machine(workspace).run("workflow_dispatch", NO_EVENT, {"fail-on": "warning"}).status == 1
    (workspace / ".github/skill-fleet.yml").write_text("validation:\n  profile: loud\n")
    run = machine(workspace).run("workflow_dispatch", NO_EVENT)
    assert run.status == 2
    assert ".github/skill-fleet.yml" in run.shown("error")[0]


def test_a_thousand_findings_stay_within_what_github_shows(project, machine, tmp_path):
    names = [f"skill-{number}" for number in range(250)]
    long = "x" * 900
    commit = project.commit(
        {f"skills/{name}/SKILL.md": broken(name).replace("Use when", f"{long} Use when") for name in names}
    )
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT)
    assert run.outputs["skills"] == "250"
    for level in ("error", "warning", "notice"):
        assert len(run.shown(level)) <= 10
    assert len(run.shown("error")) == 10
    assert "more findings are not annotated here" in run.shown("notice")[-1]
    assert len(run.summary.encode()) <= 1024 * 1024
    assert len(json.loads(Path(run.outputs["report-file"]).read_text())["skills"]) == 250


@pytest.mark.parametrize(("may_write", "fork"), [(True, False), (False, True), (False, False)])
def test_the_comment_is_kept_up_to_date_or_its_absence_explained(project, machine, tmp_path, may_write, fork):
    project.commit({"README.md": "Skills"})
    project.commit({"skills/forms/SKILL.md": broken("forms")}, branch="topic", start="main")
    pull = project.pull_request("topic")
    workspace = project.checkout(tmp_path / "work", pull.merge)
    with serve(Hub(may_write=may_write)) as hub:
        runner = machine(workspace, GITHUB_API_URL=hub.url)
        run = runner.run("pull_request", pull.event(fork=fork), {"comment": "true"}, sha=pull.merge)
        assert run.status == 1
        assert "workflow-token" not in run.log + run.summary
        if not may_write:
            assert any("No comment" in warning and ("fork" in warning) == fork for warning in run.shown("warning"))
            return
        (workspace / "skills/forms/SKILL.md").write_text(skill("forms"))
        run = runner.run("pull_request", pull.event(), {"comment": "true"}, sha=pull.merge)
        assert run.status == 0
    (comment,) = hub.comments
    assert "✅ pass" in str(comment["body"])
    assert hub.tokens == {"Bearer workflow-token"}


def test_without_a_pull_request_there_is_no_comment_and_no_failure(project, machine, tmp_path):
    commit = project.commit({"skills/forms/SKILL.md": skill("forms")})
    run = machine(project.checkout(tmp_path / "work", commit)).run("schedule", NO_EVENT, {"comment": "true"})
    assert run.status == 0
    assert "belongs to no pull request" in run.log


def test_a_report_is_not_written_through_a_link(project, machine, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    commit = project.commit({"skills/forms/SKILL.md": skill("forms"), "results.sarif": f"-> {victim}"})
    workspace = project.checkout(tmp_path / "work", commit)
    run = machine(workspace).run("workflow_dispatch", NO_EVENT, {"sarif-file": "results.sarif"})
    assert run.status == 0, run.log
    assert not (workspace / "results.sarif").is_symlink()
    assert victim.read_text() == "precious"


def test_the_environment_is_built_from_the_cache_alone_and_hashes_are_still_checked(
    action, temporary, project, machine, tmp_path
):
    commit = project.commit({"skills/forms/SKILL.md": skill("forms")})
    workspace = project.checkout(tmp_path / "work", commit)
    first = machine(workspace)
    first.save_cache(first.run("workflow_dispatch", NO_EVENT))

    offline = environment() | {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
    offline |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    run = Runner(action, workspace, tmp_path / "temp-1", first.cache, offline).run("workflow_dispatch", NO_EVENT)
    assert run.outputs["verdict"] == "pass", run.log
    assert not run.outputs["report-file"].startswith(str(workspace))

    for wheel in first.cache.rglob("*.whl"):
        wheel.write_bytes(wheel.read_bytes() + b"tampered")
    run = Runner(action, workspace, tmp_path / "temp-2", first.cache, offline).run("workflow_dispatch", NO_EVENT)
    assert run.status == 2
    assert "Could not download the validator's packages" in run.shown("error")[0]


def test_an_old_python_is_refused_with_the_reason(action, monkeypatch, capsys):
    import runpy

    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    main = runpy.run_path(str(action / "pipeline/skills/action/start.py"))["main"]
    assert main("pipeline.skills.action.environment", "prepare") == 2
    assert "needs Python 3.11 or newer" in capsys.readouterr().out
