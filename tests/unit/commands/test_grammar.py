"""What counts as a command, and what never does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.grammar import new_commands, parse
from bot.commands.meaning import Command, Malformed, Unknown, nearest_verb
from bot.commands.table import COMMANDS, CommandSpec, Verb

BOT = "skill-fleet[bot]"


def commands(body: str) -> tuple[Command, ...]:
    return parse(body, BOT).commands


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: str(spec.verb))
def test_every_example_of_the_table_is_a_command(spec: CommandSpec) -> None:
    for body in (spec.example, spec.example.replace("/skill", "@skill-fleet"), f"- {spec.example}"):
        (command,) = commands(body)
        assert command.verb is spec.verb
        assert parse(body, BOT).free_text == ""


@pytest.mark.parametrize(
    "body",
    [
        "`/skill approve`",
        "`code over\n/skill approve`",
        "```\n/skill approve\n```",
        "~~~\n/skill approve",
        "    /skill approve",
        "> /skill approve",
        "> question\n/skill approve",
        "- > /skill approve",
        "> - a\n/skill approve",
        "<div>\n/skill approve\n</div>",
        "<!--\n/skill approve\n-->",
        "<b>/skill approve</b>",
        "[/skill approve](https://example.com)",
        "[a\n/skill approve](https://example.com)",
        "*a\n/skill approve*",
        "![/skill approve](x.png)",
        "# /skill approve",
        "/skill approve\n===",
        "| a |\n| --- |\n| /skill approve |",
        "**/skill approve**",
        "say /skill approve",
        "\\/skill approve",
        "\u200b/skill approve",
        "/skills approve",
        "/skill-fleet approve",
        "/skilled approve",
        "@skill-fleet-two approve",
        "@skill-fleet thank you",
        "@skill-fleet help me with this, please",
        "mail@skill-fleet approve",
        "",
    ],
)
def test_this_is_no_command(body: str) -> None:
    parsed = parse(body, BOT)
    assert parsed.commands == ()
    assert parsed.unknown == ()
    assert parsed.malformed == ()


@pytest.mark.parametrize(
    "tail",
    [
        "________________________________\nFrom: Skill Fleet <n@github.com>\nSent: Monday\n\n/skill cancel",
        "-----Original Message-----\nFrom: x\n/skill cancel",
        "----- Original Message -----\n/skill cancel",
        "On Mon, 3 Aug 2026 at 10:00, skill-fleet[bot] <n@github.com> wrote:\n\n/skill cancel",
        "On Mon, 3 Aug 2026 at 10:00, skill-fleet[bot] <n@github.com>\nwrote:\n/skill cancel",
        "Am Mo., 3. Aug. 2026 um 10:00 Uhr schrieb skill-fleet <n@github.com>:\n/skill cancel",
        "From: Skill Fleet\nDate: Monday\nTo: me\n\n/skill cancel",
        "**From:** Skill Fleet\n**Sent:** Monday\n\n/skill cancel",
        "-- \nAda\n/skill cancel",
        "—\nReply to this email directly, view it on GitHub, or unsubscribe.\n/skill cancel",
    ],
)
def test_what_an_email_program_appends_is_cut(tail: str) -> None:
    assert parse(f"Only tables.\n\n{tail}", BOT).commands == ()
    assert parse(f"Only tables.\n\n{tail}", BOT).free_text.removesuffix("—").strip() == "Only tables."
    assert commands(f"/skill skip\n\n{tail}".replace("\n", "\r\n")) == (Command(Verb.SKIP),)


@pytest.mark.parametrize(
    "answer",
    [
        "From: the configuration file, not the environment.",
        "Above\n____________\nbelow",
        "On Fridays only",
        "```\n-----Original Message-----\n```\nis what the file contains",
        "1. Python\n2. On call, as Ada wrote: never",
    ],
)
def test_an_answer_that_only_resembles_an_email_stays_whole(answer: str) -> None:
    assert parse(answer, BOT).free_text == answer


def test_several_commands_run_in_their_order() -> None:
    body = "Fine by me.\r\n/skill rename pdf-forms\r\n\r\n1. /skill approve `1A2B3C4D`.\r\n2. /skill status"
    assert commands(body) == (
        Command(Verb.RENAME, "pdf-forms"),
        Command(Verb.APPROVE, "1a2b3c4d"),
        Command(Verb.STATUS),
    )


def test_text_runs_to_the_next_command_line_and_keeps_code_but_no_quotes() -> None:
    body = "/skill refine shorter:\n\n```sh\n/skill cancel\n```\n\n> old words\n\nand an example\n\n/skill status\nbye"
    assert commands(body) == (
        Command(Verb.REFINE, "shorter:\n\n```sh\n/skill cancel\n```\n\n\nand an example"),
        Command(Verb.STATUS),
    )


def test_a_word_after_skill_that_is_no_command_is_unknown_with_the_nearest_one() -> None:
    parsed = parse("/skill aprove\n/skill xyzzy", BOT)
    assert parsed.unknown == (Unknown("aprove", Verb.APPROVE), Unknown("xyzzy", None))
    assert parsed.free_text == ""
    assert nearest_verb("REFINED") is Verb.REFINE


@pytest.mark.parametrize(
    ("body", "verb"),
    [
        ("/skill cancel please", Verb.CANCEL),
        ("/skill approve yes", Verb.APPROVE),
        ("/skill rename", Verb.RENAME),
        ("/skill rename PDF Tools", Verb.RENAME),
        ("/skill rename " + "a" * 65, Verb.RENAME),
        ("/skill refine", Verb.REFINE),
        ("/skill answer\n\n> only a quote", Verb.ANSWER),
    ],
)
def test_a_known_command_with_text_that_does_not_fit_is_malformed_with_a_reason(body: str, verb: Verb) -> None:
    parsed = parse(body, BOT)
    assert parsed.commands == ()
    (malformed,) = parsed.malformed
    assert isinstance(malformed, Malformed)
    assert malformed.verb is verb
    assert malformed.reason.endswith(".")


def test_skill_alone_asks_for_help() -> None:
    assert commands("/skill") == (Command(Verb.HELP),)


def test_free_text_loses_quotes_and_keeps_code_and_what_continues_a_quote() -> None:
    body = "> Which version?\nPython 3.12\n\n> And the data?\n\n```json\n{}\n```\n- > nested\n- mine"
    assert parse(body, BOT).free_text == "Python 3.12\n\n```json\n{}\n```\n\n- mine"


def test_an_edit_gives_only_the_commands_it_added() -> None:
    assert new_commands("/skill status", "/skill status\n/skill skip", BOT) == (Command(Verb.SKIP),)
    assert new_commands("/skill skip\n/skill status", "/skill status", BOT) == ()
    assert new_commands("/skill status", "/skill status\n/skill status", BOT) == (Command(Verb.STATUS),)
    assert new_commands("/skill refine a", "/skill refine b", BOT) == (Command(Verb.REFINE, "b"),)
    assert new_commands("`/skill skip`", "/skill skip", BOT) == (Command(Verb.SKIP),)


PIECES = [
    "/skill approve",
    "@skill-fleet skip",
    "/skill refine x",
    "> ",
    "- ",
    "```",
    "`",
    "\n",
    "\n\n",
    "    ",
    "<b>",
    "a",
]
bodies = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@settings(max_examples=300, deadline=None)
@given(bodies)
def test_free_text_never_contains_a_command(body: str) -> None:
    parsed = parse(body, BOT)
    again = parse(parsed.free_text, BOT)
    assert (again.commands, again.unknown, again.malformed) == ((), (), ())
    if parsed.commands or parsed.unknown or parsed.malformed:
        assert parsed.free_text == ""


@settings(max_examples=200, deadline=None)
@given(bodies)
def test_quoting_a_whole_comment_disarms_it(body: str) -> None:
    quoted = "\n".join(f"> {line}" for line in body.splitlines())
    assert parse(quoted, BOT).commands == ()
    assert parse(f"`````\n{body}\n`````", BOT).commands == ()


@settings(max_examples=200, deadline=None)
@given(bodies, st.sampled_from(["\n", "\r\n"]))
def test_line_ends_make_no_difference(body: str, end: str) -> None:
    body = body.replace("\r", "")
    assert parse(body.replace("\n", end), BOT) == parse(body, BOT)
