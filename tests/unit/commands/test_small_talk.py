"""Agreement and thanks are told from feedback."""

import pytest

from bot.commands.small_talk import is_consent, is_thanks, only_shows_commands


@pytest.mark.parametrize(
    "text",
    [
        *("LGTM", "lgtm!", "Looks good to me, thanks!", "👍", "👍🏽 🎉", "approve", "Yes."),
        *("OK — ship it!", ":+1:", "+1", "Passt, danke!"),
    ],
)
def test_agreement_is_no_feedback(text: str) -> None:
    assert is_consent(text)


@pytest.mark.parametrize(
    "text",
    [
        "Looks good, but shorten the introduction.",
        "yes, and add an example",
        "Add a section about thanks",
        "no",
        "👎",
        "😕",
        "ok " * 40,
        "",
        "  ",
        "`approve`-style wording please",
    ],
)
def test_what_asks_for_something_is_feedback(text: str) -> None:
    assert not is_consent(text)


def test_yes_may_answer_a_question_and_thanks_may_not() -> None:
    told = [is_thanks(text) for text in ("Thanks!", "thank you, many thanks 🙏", "yes", "Yes, thanks", "👍")]
    assert told == [True, True, False, False, False]


@pytest.mark.parametrize(
    "text", ["`/skill approve 1a2b3c4d`", "```\n/skill cancel\n```", "`/skill status`\n`/skill help`"]
)
def test_a_command_that_is_only_shown(text: str) -> None:
    assert only_shows_commands(text)


@pytest.mark.parametrize(
    "text", ["What does `/skill approve` do?", "`skills/pdf`", "/skill approve", "```\nls\n```", "``"]
)
def test_what_is_more_than_a_shown_command(text: str) -> None:
    assert not only_shows_commands(text)
