"""The comment on the pull request against a small GitHub over HTTP."""

import pytest

from pipeline.skills.action.comment import LIMIT, keep_comment, marker
from tests.integration.action.hub import Hub, serve

MARK = "<!-- skill-fleet-action:0123456789abcdef -->"


@pytest.fixture
def hub():
    with serve(Hub()) as served:
        yield served


def keep(hub: Hub, markdown: str = "### Two errors", *, worth_posting: bool = True, from_fork: bool = False, **environ):
    environ = {"GITHUB_API_URL": hub.url, "GITHUB_REPOSITORY": "octo/skills", "INPUT_TOKEN": "t0ken"} | environ
    return keep_comment(environ, 7, MARK, markdown, worth_posting=worth_posting, from_fork=from_fork)


def test_the_first_run_posts_and_the_next_one_edits_in_place(hub):
    assert keep(hub).message == "The comment was posted."
    assert keep(hub, "### All good", worth_posting=False).message == "The comment was updated."
    assert [c["body"] for c in hub.comments] == [f"{MARK}\n### All good"]
    assert hub.tokens == {"Bearer t0ken"}


def test_an_unchanged_comment_is_left_alone(hub):
    keep(hub)
    hub.comments[0]["body"] = str(hub.comments[0]["body"]).replace("\n", "\r\n")  # as GitHub gives it back
    hub.requests.clear()
    assert keep(hub).message == "The comment is up to date."
    assert not [request for request in hub.requests if not request.startswith("GET")]


def test_nothing_to_say_posts_nothing(hub):
    assert not keep(hub, worth_posting=False).problem
    assert hub.comments == []


def test_a_comment_planted_by_somebody_else_is_not_ours(hub):
    planted = hub.add(f"{MARK}\nplanted", "eve")
    quoted = hub.add(f"> {MARK}\nquoted", "github-actions[bot]", "Bot")
    keep(hub)
    assert (planted["body"], quoted["body"]) == (f"{MARK}\nplanted", f"> {MARK}\nquoted")
    assert len(hub.comments) == 3


def test_a_person_s_token_knows_its_own_comment(hub):
    hub.login = "ada"
    hub.add(f"{MARK}\nother bot", "other[bot]", "Bot")
    keep(hub)
    keep(hub, "### Changed")
    assert [c["body"] for c in hub.comments] == [f"{MARK}\nother bot", f"{MARK}\n### Changed"]


def test_the_comment_is_found_behind_many_others(hub):
    for number in range(230):
        hub.add(f"comment {number}", "ada")
    keep(hub)
    keep(hub, "### Changed")
    assert len(hub.comments) == 231
    assert hub.comments[-1]["body"] == f"{MARK}\n### Changed"


@pytest.mark.parametrize(
    ("from_fork", "said"), [(True, "pull request from a fork"), (False, "permissions: pull-requests: write")]
)
def test_a_token_without_the_right_is_explained_and_not_a_failure(hub, from_fork, said):
    hub.may_write = False
    outcome = keep(hub, from_fork=from_fork)
    assert outcome.problem
    assert said in outcome.message


@pytest.mark.parametrize(("status", "said"), [(500, "answered 500"), (502, "answered 502"), (429, "answered 429")])
def test_github_s_trouble_is_a_warning(hub, status, said):
    hub.answer = status
    outcome = keep(hub)
    assert outcome.problem
    assert said in outcome.message


def test_the_token_does_not_follow_a_redirect(hub):
    with serve(Hub()) as elsewhere:
        hub.redirect = f"{elsewhere.url}/user"
        outcome = keep(hub)
        assert outcome.problem
        assert elsewhere.tokens == set()


@pytest.mark.parametrize(
    "environ",
    [
        {"INPUT_TOKEN": ""},
        {"GITHUB_API_URL": "file:///etc/passwd"},
        {"GITHUB_API_URL": "http://127.0.0.1:9"},
        {"GITHUB_REPOSITORY": "octo/skills/../../user"},
    ],
)
def test_without_a_way_to_github_there_is_a_warning(hub, environ):
    assert keep(hub, **environ).problem


def test_a_long_comment_is_cut_where_github_would_refuse_it(hub):
    keep(hub, "\n".join(["x" * 100] * 1000))
    body = str(hub.comments[0]["body"])
    assert len(body.encode()) <= LIMIT
    assert body.endswith("_The rest did not fit; the report file has all of it._\n")


def test_two_jobs_and_two_paths_have_comments_of_their_own():
    marks = {
        marker({"GITHUB_WORKFLOW": w, "GITHUB_JOB": j}, paths)
        for w, j, paths in [("a", "b", ("x",)), ("a", "c", ("x",)), ("a", "b", ("y",)), ("ab", "", ("x",))]
    }
    assert len(marks) == 4
