from pathlib import Path

import pytest
import yaml

from bot.repo_config import PATH as CONFIG_PATH
from bot.repo_config import RepoConfig, load
from bot.setup.onboarding import FORM_PATH, WORKFLOW_PATH, configuration, issue_form, onboarding, workflow

ROOT = Path(__file__).parents[3]


def test_the_form_that_is_offered_is_the_one_we_use_ourselves() -> None:
    assert issue_form() == (ROOT / FORM_PATH).read_text(encoding="utf-8")


def test_a_fresh_repository_is_offered_the_form_and_the_settings() -> None:
    offer = onboarding([])
    assert offer is not None
    assert sorted(offer.files) == [FORM_PATH, CONFIG_PATH]
    assert offer.branch == "skill-fleet/onboarding"
    assert offer.body == (
        "Skill Fleet was installed here. This pull request adds what it works best with:\n"
        "\n"
        "- `.github/ISSUE_TEMPLATE/skill-request.yml`: the form in which people ask for a skill. It puts the label "
        "`skill-request` on the issue.\n"
        "- `.github/skill-fleet.yml`: every setting with its default, commented out. Merging it changes nothing.\n"
        "\n"
        "Change what you like before merging. If you do not want it, close it: you will not be asked again, and "
        "requests work without it as soon as somebody puts the label on an issue.\n"
    )


@pytest.mark.parametrize(
    ("present", "offered"),
    [
        ([FORM_PATH], [CONFIG_PATH]),
        ([".github/ISSUE_TEMPLATE/skill-request.yaml"], [CONFIG_PATH]),
        ([CONFIG_PATH], [FORM_PATH]),
        ([CONFIG_PATH, FORM_PATH], None),
    ],
)
def test_what_is_there_is_not_offered(present: list[str], offered: list[str] | None) -> None:
    offer = onboarding(present, action="acme/skill-fleet@v1")
    assert (sorted(offer.files) if offer else None) == offered


def test_no_workflow_is_ever_written_because_the_app_may_not() -> None:
    offer = onboarding([], action="acme/skill-fleet@v1")
    assert offer is not None
    assert not [path for path in offer.files if path.startswith(".github/workflows/")]
    assert WORKFLOW_PATH in offer.body
    assert workflow("acme/skill-fleet@v1") in offer.body
    without = onboarding([WORKFLOW_PATH], action="acme/skill-fleet@v1")
    assert without is not None
    assert WORKFLOW_PATH not in without.body


def test_merging_the_settings_changes_nothing() -> None:
    assert load(configuration()) == RepoConfig()


def test_taking_the_hashes_away_gives_the_defaults_too() -> None:
    """Every line is a setting or a sentence about one: uncommented, the file says the same as the model."""
    lines = [line.removeprefix("# ") for line in configuration().splitlines()[2:]]
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    assert set(yaml.safe_load(text)) == set(RepoConfig.model_fields)
    assert load(text) == RepoConfig()


def test_the_workflow_is_harmless() -> None:
    document = yaml.safe_load(workflow("acme/skill-fleet@v1"))
    assert document[True] == {"pull_request": None}, "YAML 1.1 reads `on` as true; not pull_request_target"
    assert document["permissions"] == {"contents": "read"}
    (job,) = document["jobs"].values()
    checkout, validate = job["steps"]
    assert len(checkout["uses"].partition("@")[2]) == 40
    assert checkout["with"]["persist-credentials"] is False
    assert validate["uses"] == "acme/skill-fleet@v1"


def test_every_line_of_the_form_and_the_settings_is_short_enough_to_read() -> None:
    assert max(len(line) for line in configuration().splitlines()) <= 120
