"""The version of a changed skill: raised once by what changed, with only the lines concerned touched."""

import pytest

from pipeline.models import Change, SkillDraft
from pipeline.revision import next_version, revised, version_of

BODY = "# Notes\n\nIntro.\n\n## Steps\n\nCollect.\n\n## Rules\n\nNever invent.\n"
DONE = [
    Change(request="Add a section", outcome="applied", note="Added the section “Tone”."),
]


def skill(head: str = "", body: str = BODY, **files: str) -> SkillDraft:
    text = f"---\nname: notes\ndescription: 'Writes notes. Use when asked.'  # by hand\n{head}---\n\n{body}"
    return SkillDraft(name="notes", path="skills/notes", files={"SKILL.md": text, **files})


VERSIONED = 'metadata:\n  author: ada\n  version: "1.4.2"\n'


@pytest.mark.parametrize(
    ("after", "version"),
    [
        (skill(VERSIONED, BODY.replace("Collect.", "Collect all.")), "1.4.3"),
        (skill(VERSIONED, BODY + "\n## Tone\n\nPlain.\n"), "1.5.0"),
        (skill(VERSIONED, BODY, **{"references/api.md": "x"}), "1.5.0"),
        (skill(VERSIONED, BODY.replace("## Rules\n\nNever invent.\n", "")), "2.0.0"),
        (skill(VERSIONED.replace("ada", "bob")), "1.4.3"),
    ],
)
def test_what_changed_decides_which_number_is_raised(after: SkillDraft, version: str) -> None:
    assert next_version(skill(VERSIONED), after) == version


@pytest.mark.parametrize("head", ["", "metadata:\n  author: ada\n", 'metadata:\n  version: "soon"\n'])
def test_a_skill_without_a_readable_version_counts_as_the_first(head: str) -> None:
    after = skill(head, BODY + "\n## Tone\n\nPlain.\n")
    assert version_of(revised(skill(head), after, DONE)) == "1.1.0"


def test_only_the_version_s_line_changes_in_the_frontmatter() -> None:
    after = skill(VERSIONED, BODY + "\n## Tone\n\nPlain.\n")
    text = revised(skill(VERSIONED), after, DONE).skill_content
    assert text == after.skill_content.replace('"1.4.2"', '"1.5.0"')


def test_frontmatter_in_one_line_is_written_anew_with_the_same_values() -> None:
    head = "metadata: {author: ada, version: '1.0.0'}\n"
    result = revised(skill(head), skill(head, BODY + "\n## Tone\n\nPlain.\n"), DONE)
    assert version_of(result) == "1.1.0"
    assert "author" in result.skill_content


def test_several_rounds_raise_the_version_once() -> None:
    before = skill(VERSIONED)
    first = revised(before, skill(VERSIONED, BODY + "\n## Tone\n\nPlain.\n"), DONE)
    again = first.model_copy(update={"files": {**first.files, "SKILL.md": first.skill_content + "\nMore.\n"}})
    assert version_of(revised(before, again, DONE)) == "1.5.0"


def test_nothing_changed_raises_nothing() -> None:
    assert revised(skill(VERSIONED), skill(VERSIONED), []) == skill(VERSIONED)


def test_a_changelog_that_is_kept_gets_its_line_once() -> None:
    log = {"CHANGELOG.md": "# Changes\n\n- 1.4.2: Old.\n"}
    before = skill(VERSIONED, BODY, **log)
    after = revised(before, skill(VERSIONED, BODY + "\n## Tone\n\nPlain.\n", **log), DONE)
    entry = "# Changes\n\n- 1.5.0: Added the section “Tone”.\n- 1.4.2: Old.\n"
    assert after.files["CHANGELOG.md"] == entry
    assert revised(before, after, DONE).files["CHANGELOG.md"] == entry


def test_a_changelog_section_gets_its_line() -> None:
    body = BODY + "\n## Changelog\n\n- 1.4.2: Old.\n"
    result = revised(skill(VERSIONED, body), skill(VERSIONED, body.replace("Collect.", "Collect all.")), DONE)
    assert "## Changelog\n\n- 1.4.3: Added the section “Tone”.\n- 1.4.2: Old.\n" in result.skill_content


def test_a_skill_without_a_changelog_gets_none() -> None:
    result = revised(skill(VERSIONED), skill(VERSIONED, BODY + "\n## Tone\n\nPlain.\n"), DONE)
    assert result.files.keys() == {"SKILL.md"}
