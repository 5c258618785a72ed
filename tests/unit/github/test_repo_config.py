"""`.github/skill-fleet.yml`: strict, with the line and the way out in every problem."""

import pytest

from bot.repo_config import InvalidConfigError, RepoConfig, load


def test_an_empty_file_means_the_defaults() -> None:
    assert load("") == load("# nothing\n") == RepoConfig()


def test_settings_are_read() -> None:
    config = load("label: wish\npipeline:\n  quality_target: 0.9\nreviewers: [ana, acme/docs]\n")
    assert (config.label, config.pipeline.quality_target, config.reviewers) == ("wish", 0.9, ("ana", "acme/docs"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("label: a\nlable: b\n", "Line 2: unknown setting `lable`; did you mean `label`?"),
        ("\npipeline:\n  qualty_target: 1\n", "Line 3: unknown setting `pipeline.qualty_target`; did you mean"),
        ("label: a\nlabel: b\n", "Line 2: `label` is set twice (first on line 1)."),
        ("remind_after_days: soon\n", "Line 1: `remind_after_days`:"),
        ("reviewers:\n  - ana\n  - [x]\n", "Line 3: `reviewers.1`:"),
        ("label: !!python/object/apply:os.system [id]\n", "Line 1: anchors, aliases and tags are not supported"),
        ("a: &x [1]\nb: *x\n", "anchors, aliases and tags"),
        ("- a\n", "Line 1: expected settings"),
        ("label: [\n", "not valid YAML"),
        ("label: \x07\n", "characters that YAML does not allow"),
        ("? [a]\n: 1\n", "Line 1: a setting's name must be a plain word."),
        ("x" * 70_000, "larger than 64 KiB"),
        ("validation_profile: loose\n", "Line 1: `validation_profile`"),
    ],
)
def test_every_mistake_is_named_with_its_line(text: str, says: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load(text)
    assert any(says in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    "name", ["api_base", "model_api_base", "api_key", "model_api_key", "temperature", "fallbacks", "model_allowed"]
)
def test_a_repository_names_a_model_but_never_its_address_its_key_or_its_limits(name: str) -> None:
    assert load("model: openai/gpt-5\n").model == "openai/gpt-5"
    for text in (f"model: openai/gpt-5\n{name}: x\n", f"pipeline:\n  {name}: x\n", f"model:\n  {name}: x\n"):
        with pytest.raises(InvalidConfigError):
            load(text)


def test_all_problems_come_at_once() -> None:
    with pytest.raises(InvalidConfigError) as caught:
        load("lable: a\nremind_after_days: 0\nexpire_after_days: 0\n")
    assert len(caught.value.problems) == 3
