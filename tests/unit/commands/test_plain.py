"""Commands that are seen before anything is installed: never one that the real grammar does not find."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands import grammar
from bot.commands.plain import surely_commands
from bot.credentials import scrub

BOT = "skill-fleet[bot]"


@pytest.mark.parametrize(
    ("body", "sure"),
    [
        ("/skill start", True),
        ("/skill", True),
        ("\r\n/Skill  approve `0123abcd`\r\n\r\nThank you!", True),
        ("/skill refine Make it shorter.\n\n- and simpler\n", True),
        ("/skill refine Make it shorter.\n- and simpler\n", True),
        ("/skill approve\nThank you!", True),
        ("One question:\n/skill status", True),
        ("Looks good to me!\n\n/skill approve\n", True),
        ("> Is this right?\n\nYes.\n\n/skill approve", True),
        ("- one\n- two\n\n/skill approve", True),
        ("It is like this:\n\n```python\nprint()\n```\n\n/skill refine Use it.", True),
        ("`code` and *more*\n\n/skill approve", True),
        ("/skill start now", False),
        ("/skill refine\nMake it shorter.", False),  # these are some, but not for sure
        ("- one\n/skill approve", False),
        ("/skill approve\n---", False),  # headings and tables
        ("Words\n/skill approve\nwords\n===", False),
        ("/skill refine a | b\n---|---", False),
        ("    /skill approve", False),  # code
        ("```\n/skill approve\n```", False),
        ("````\n```\n/skill approve\n````", False),
        ("- ```\n\n/skill approve", False),
        ("Say `this\n/skill approve\nor` that", False),
        ("> /skill approve", False),
        ("> quoted\n/skill approve", False),
        ("<!--\n\n/skill approve\n-->", False),
        ("On Monday, somebody wrote:\n\n/skill approve", False),
        ("-----BEGIN RSA PRIVATE KEY-----\n\n/skill approve", False),
        ("Please do not /skill approve", False),
        ("/skillful", False),
        ("", False),
    ],
)
def test_only_what_surely_is_a_command_counts_as_one(body: str, sure: bool) -> None:
    assert surely_commands(body) is sure


_LINES = [
    *(
        "/skill foo `y",
        "",
        "",
        " ",
        "\t",
        "Words.",
        "Words with `code",
        "more` words",
        "é, *emphasis",
        "done*",
        "[a",
        "](b)",
    ),
    *(
        "> quote",
        "- item",
        "1. item",
        "  more of it",
        "    code",
        "```",
        "````",
        "```py",
        " ```",
        "~~~",
        "~~~ a`b",
        "~~~~",
    ),
    *(
        "---",
        "===",
        "--- | ---",
        "a | b",
        ":-",
        "# heading",
        "<div>",
        "<!-- x",
        "-->",
        "[a]: b",
        "[a]:",
        "\\",
        "Words\\",
    ),
    *(
        "On a day, X wrote:",
        "From: x",
        "Sent: y",
        "-- ",
        "-----BEGIN RSA PRIVATE KEY-----",
        "\x0b",
        "\u2028x",
        "\u00a0x",
    ),
]
_COMMANDS = ["/skill approve", "/SKILL status", "/skill refine a | b", "/skill refine `x", "/skill rename a-b\t"]
_SOME = st.lists(st.sampled_from(_LINES) | st.text(max_size=3), max_size=3)


@example(["<div>", "```", "", "Words", "```"], "/skill status", [])
@example(["- + " * 60, ""], "/skill status", [])
@given(_SOME, st.sampled_from(_COMMANDS), _SOME)
def test_what_counts_as_a_command_is_one_for_the_bot(before: list[str], command: str, after: list[str]) -> None:
    for end in ("\n", "\r\n"):
        body = end.join([*before, command, *after])
        if surely_commands(body):
            assert grammar.parse(scrub(body), BOT).commands
