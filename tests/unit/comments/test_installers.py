"""Only installers that find the skill at its path are named."""

import pytest

from bot.comments.installers import ways


@pytest.mark.parametrize(
    ("path", "by_command", "by_themselves"),
    [
        ("skills/pdf", {"npx skills", "GitHub CLI"}, set()),
        ("skills/documents/pdf", {"npx skills", "GitHub CLI"}, set()),
        ("pdf", {"npx skills", "GitHub CLI"}, set()),
        ("documents/pdf", set(), set()),
        ("plugins/office/skills/pdf", {"npx skills", "GitHub CLI"}, set()),
        (".agents/skills/pdf", {"npx skills"}, {"Codex", "Copilot"}),
        (".claude/skills/pdf", {"npx skills"}, {"Claude Code", "Copilot"}),
        (".github/skills/pdf", {"npx skills"}, {"Copilot"}),
    ],
)
def test_the_ways_that_find_it(path: str, by_command: set[str], by_themselves: set[str]) -> None:
    found = ways("acme/skills", "pdf", path)
    assert {way.name for way in found if "add acme" in way.how or "install acme" in way.how} == by_command
    assert {way.name for way in found if "by itself" in way.how} == by_themselves
    assert {way.name for way in found} >= {"Claude Code", "Codex", "Copilot"}


def test_a_name_that_a_shell_would_act_on_gives_no_command() -> None:
    assert ways("acme/skills", "pdf; rm -rf ~", "skills/pdf") == []
