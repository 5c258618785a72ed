"""The command table, and what is made from it."""

from pathlib import Path

import pytest

from bot.commands.manual import command_sections, commands_table
from bot.commands.table import COMMANDS, CommandSpec, FromEdit, Verb
from bot.comments.notices import help_text

PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


def test_every_verb_is_in_the_table_in_the_order_of_the_journey() -> None:
    assert list(COMMANDS) == list(Verb)


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: str(spec.verb))
def test_each_command_is_described_completely(spec: CommandSpec) -> None:
    assert spec.usage.startswith(f"/skill {spec.verb}")
    assert spec.example.startswith(f"/skill {spec.verb}")
    assert spec.summary.endswith(".")
    assert f"`{spec.usage}`" in help_text("skill-fleet[bot]")


def test_approvals_count_only_in_a_fresh_comment() -> None:
    fresh = {spec.verb for spec in COMMANDS.values() if spec.from_edit is FromEdit.FRESH_COMMENT_ONLY}
    assert fresh == {Verb.APPROVE}


def test_the_page_in_the_documentation_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert commands_table() in page, "run `make docs`"
    assert command_sections() in page, "run `make docs`"
