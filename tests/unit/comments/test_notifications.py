"""Notification levels: questions and replies always, remarks only when wanted, mentions never at `none`."""

import itertools

import pytest

from bot.comments import pull, questions
from bot.comments.audit import active_in
from bot.comments.notifications import Level, Occasion, addressed, wanted
from bot.repo_config import RepoConfig
from tests.unit.comments.samples import REALISTIC


@pytest.mark.parametrize(("occasion", "level"), list(itertools.product(Occasion, Level)))
def test_only_remarks_can_be_turned_off(occasion: Occasion, level: Level) -> None:
    assert wanted(occasion, level) is (level is Level.ALL or occasion is not Occasion.REMARK)


def test_nobody_is_mentioned_where_nobody_wants_to_be() -> None:
    text = questions.clarify(REALISTIC.clarify(), "ada")
    assert addressed(text, ["ada"], Level.OUTCOMES) == text
    quiet = addressed(text, ["ada"], Level.NONE)
    assert quiet.startswith("`ada`, before")
    assert active_in(quiet) == []
    assert addressed(
        pull.promoted(REALISTIC.job(), "f" * 40, "https://github.com"), ["bob", "ada"], Level.NONE
    ).startswith("🎉 `ada`, ")


def test_the_levels_are_those_of_the_configuration() -> None:
    for level in Level:
        assert RepoConfig(notifications=level).notifications == level
