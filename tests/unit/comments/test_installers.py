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
    found = ways("https://github.com", "acme/skills", "pdf", path)
    assert {way.name for way in found if "add acme" in way.how or "install acme" in way.how} == by_command
    assert {way.name for way in found if "by itself" in way.how} == by_themselves
    assert {way.name for way in found} >= {"Claude Code", "Codex", "Copilot"}


def test_a_name_that_a_shell_would_act_on_gives_no_command() -> None:
    assert ways("https://github.com", "acme/skills", "pdf; rm -rf ~", "skills/pdf") == []
    assert ways("https://x;rm", "acme/skills", "pdf", "skills/pdf") == []


@pytest.mark.parametrize(
    ("web", "commands"),
    [
        ("https://github.com", ["npx skills add acme/skills --skill pdf", "gh skill install acme/skills pdf"]),
        (
            "https://acme.ghe.com",
            [
                "npx skills add https://acme.ghe.com/acme/skills.git --skill pdf",
                "gh skill install acme.ghe.com/acme/skills pdf",
            ],
        ),
        ("https://git.acme.test/hub", ["npx skills add https://git.acme.test/hub/acme/skills.git --skill pdf"]),
        ("http://127.0.0.1:4000", ["npx skills add http://127.0.0.1:4000/acme/skills.git --skill pdf"]),
    ],
)
def test_they_are_told_which_github_it_is_on(web: str, commands: list[str]) -> None:
    found = ways(web, "acme/skills", "pdf", "skills/pdf")
    assert [way.how.strip("`") for way in found if "copy" not in way.how] == commands
