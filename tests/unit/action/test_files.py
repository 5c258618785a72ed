"""What the Action tells the runner, and what it takes from it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.skills.action.changes import git_environment
from pipeline.skills.action.commands import SUMMARY_BYTES, limited, set_outputs, verbatim
from pipeline.skills.action.event import EventError, MergeGroup, OtherEvent, PullRequest, Push, read_event
from pipeline.skills.action.inputs import Comment, InputError, Scope, read_inputs


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_value_can_add_an_output(tmp_path_factory, value):
    file = tmp_path_factory.mktemp("out") / "output"
    set_outputs({"GITHUB_OUTPUT": str(file)}, {"verdict": value, "errors": "3"})
    lines = file.read_bytes().decode().split("\n")
    delimiters = [line.split("<<")[1] for line in lines if line.startswith(("verdict<<end-", "errors<<end-"))]
    assert len(delimiters) == 2
    assert all(lines.count(delimiter) == 1 for delimiter in delimiters)


def test_verbatim_text_stands_between_two_tokens_nobody_can_guess():
    first, second = verbatim("::error::x"), verbatim("::error::x")
    assert first != second
    opening, text, closing = first.splitlines()
    assert text == "::error::x"
    assert closing == f"::{opening.removeprefix('::stop-commands::')}::"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), st.integers(80, 200))
def test_a_cut_text_fits(text, limit):
    assert len(limited(text, limit).encode()) <= limit
    if len(text.encode()) <= limit:
        assert limited(text, limit) == text


def test_the_summary_stays_below_github_s_limit():
    assert len(limited("ü" * 2_000_000, SUMMARY_BYTES).encode()) <= 1024 * 1024


HASH = "a" * 40


@pytest.mark.parametrize(
    ("name", "payload", "expected"),
    [
        ("schedule", "{}", OtherEvent("schedule")),
        ("workflow_dispatch", "not read", OtherEvent("workflow_dispatch")),
        ("merge_group", f'{{"merge_group": {{"base_sha": "{HASH}"}}}}', MergeGroup(HASH)),
        (
            "push",
            json.dumps(
                {
                    "ref": "refs/heads/x",
                    "before": "0" * 40,
                    "after": HASH,
                    "repository": {"default_branch": "main"},
                }
            ),
            Push("refs/heads/x", None, HASH, "main"),
        ),
        (
            "pull_request",
            json.dumps(
                {
                    "pull_request": {
                        "number": 3,
                        "base": {"sha": HASH, "repo": {"full_name": "a/b"}},
                        "head": {"sha": HASH, "repo": None},
                    }
                }
            ),
            PullRequest(3, HASH, HASH, from_fork=True),
        ),
    ],
)
def test_an_event_is_read(tmp_path, name, payload, expected):
    (tmp_path / "event.json").write_text(payload)
    event = read_event({"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")})
    assert event == expected


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "{}",
        '{"merge_group": 3}',
        '{"merge_group": {"base_sha": "main"}}',
        '{"merge_group": {"base_sha": "--upload-pack=x"}}',
        f'{{"merge_group": {{"base_sha": "{HASH}\\n"}}}}',
    ],
)
def test_an_event_that_is_not_github_s_is_refused(tmp_path, payload):
    (tmp_path / "event.json").write_text(payload)
    with pytest.raises(EventError):
        read_event({"GITHUB_EVENT_NAME": "merge_group", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")})


def environ(workspace, **inputs):
    return {"GITHUB_WORKSPACE": str(workspace), "RUNNER_TEMP": str(workspace.parent / "temp")} | inputs


def test_inputs_have_defaults_and_several_paths(tmp_path):
    (tmp_path / "work/b").mkdir(parents=True)
    (tmp_path / "work/b/SKILL.md").touch()
    inputs = read_inputs(environ(tmp_path / "work", INPUT_PATH="a\n ./b/SKILL.md \n\na/\n", INPUT_COMMENT="TRUE"))
    assert inputs.paths == ("a", "b")
    assert (inputs.scope, inputs.comment, inputs.fail_on) == (Scope.ALL, Comment.STICKY, None)


@pytest.mark.parametrize("value", ["..", "a/../..", "/etc", "out", "a\0b"])
def test_a_path_that_leads_out_of_the_workspace_is_refused(tmp_path, value):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/out").symlink_to("/etc")
    with pytest.raises(InputError):
        read_inputs(environ(tmp_path / "work", INPUT_PATH=value))


@pytest.mark.parametrize(
    "value", ["../x.sarif", "/etc/x.sarif", "out/x.sarif", ".git/config", ".git/hooks/x", "dir", "a/"]
)
def test_a_file_is_written_only_where_it_does_no_harm(tmp_path, value):
    (tmp_path / "work/.git/hooks").mkdir(parents=True)
    (tmp_path / "work/dir").mkdir()
    (tmp_path / "work/out").symlink_to("/etc")
    with pytest.raises(InputError):
        read_inputs(environ(tmp_path / "work", INPUT_SARIF_FILE=value))


def test_a_link_under_the_name_of_the_file_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work/x.sarif").symlink_to("/etc/passwd")
    inputs = read_inputs(environ(tmp_path / "work", INPUT_SARIF_FILE="x.sarif"))
    assert inputs.sarif_file == (tmp_path / "work").resolve() / "x.sarif"


def test_the_token_replaces_the_header_that_the_checkout_stored():
    given_environ = {"GITHUB_SERVER_URL": "https://github.example/", "INPUT_TOKEN": "t0ken", "GIT_CONFIG_COUNT": "1"}
    variables = git_environment("/x/.git", "/x", given_environ)
    count = int(variables["GIT_CONFIG_COUNT"])
    pairs = [(variables[f"GIT_CONFIG_KEY_{n}"], variables[f"GIT_CONFIG_VALUE_{n}"]) for n in range(1, count)]
    headers = [value for key, value in pairs if key == "http.https://github.example/.extraheader"]
    assert headers == ["", "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46dDBrZW4="]
    assert ("safe.directory", "/x") in pairs
    assert "GIT_CONFIG_KEY_0" not in variables
