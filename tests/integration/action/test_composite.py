"""The composite's steps, run as a runner runs them, on real Git repositories."""

import json
import os
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

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
    assert run.summary.startswith("### ✅ 1 skill: pass")


def test_a_broken_skill_fails_the_step_with_an_annotation_at_its_line(project, machine, tmp_path):
    commit = project.commit({"skills/forms/SKILL.md": broken("forms")})
    run = machine(project.checkout(tmp_path / "work", commit)).run("workflow_dispatch", NO_EVENT)
    assert run.status == 1
    assert run.outputs["verdict"] == "fail"
    assert int(run.outputs["errors"]) >= 1
    places = {(a.properties["file"], a.properties["line"]) for a in run.annotations if a.level == "error"}
    assert places == {("skills/forms/SKILL.md", "2")}
    assert "skills/forms" in run.summary.replace("\\", "")


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
    assert "could not check" in run.summary
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
    inline = [
        child
        for token in MarkdownIt("gfm-like", {"linkify": False}).parse(run.summary)
        for child in token.children or ()
    ]
    assert {token.content for token in inline if token.type == "html_inline"} == {"<!-- -->"}
    assert {token.type for token in inline} <= {"text", "text_special", "html_inline", "softbreak"}
    assert "octocat" in run.summary
    for linking in ("@octocat", "https://", "#1"):
        assert linking not in run.summary


def test_a_report_is_not_written_through_a_link(project, machine, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    commit = project.commit({"skills/forms/SKILL.md": skill("forms"), "results.sarif": f"-> {victim}"})
    workspace = project.checkout(tmp_path / "work", commit)
    machine(workspace).run("workflow_dispatch", NO_EVENT, {"sarif-file": "results.sarif"})
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
    assert main(["prepare"]) == 2
    assert "needs Python 3.11 or newer" in capsys.readouterr().out
