"""What the outline drafter does on a person's words, and what it says it cannot do."""

import pytest

from pipeline import sections
from pipeline.checking import assemble, body_of, description_of
from pipeline.journey import Journey
from pipeline.models import Feedback, SkillDraft
from pipeline.modules.generation import Incorporated, IncorporateFeedbackModule
from pipeline.outline import OutlineDrafter
from pipeline.outline.reading import assign
from pipeline.runtime import Runtime
from pipeline.session import Session
from pipeline.skills.taxonomy import Taxonomy
from tests.scripted_author import BODY
from tests.unit.pipeline.requests import RICH
from tests.unit.pipeline.test_quality import PLAN

DRAFT = assemble(PLAN, BODY, {})


async def incorporate(
    text: str, path: str | None = None, line: int | None = None, draft: SkillDraft = DRAFT
) -> Incorporated:
    session = Session(Journey(request=RICH), Runtime(taxonomy=Taxonomy()), "generation")
    with session.open():
        feedback = [Feedback(text=text, by="ada", source="comment:1", path=path, line=line)]
        result: Incorporated = await IncorporateFeedbackModule().acall(draft=draft, feedback=feedback, plan=PLAN)
        return result


def changed_headings(after: SkillDraft) -> set[str]:
    before = {part.heading: part.text.strip() for part in sections.split(body_of(DRAFT))}
    now = {part.heading: part.text.strip() for part in sections.split(body_of(after))}
    return {heading for heading in {*before, *now} if before.get(heading) != now.get(heading)}


@pytest.mark.parametrize(
    ("request_", "section", "contains"),
    [
        ("Add a gotcha: scanned pages have no text.", "Gotchas", "- Scanned pages have no text."),
        ("Please add a step: close the file.", "Workflow", "5. Close the file."),
        ("Add a section on Limits: files over 100 MB take minutes.", "Limits", "Files over 100 MB take minutes."),
        ("Add an example:\n\n```sh\nls out\n```", "Example", "```sh\nls out\n```"),
        ('Replace "the next free number" with "a timestamp"', "Gotchas", "choose a timestamp instead"),
        ('Rename the section "Check" to "Verify"', "Verify", "Compare the sum"),
        ("Never write outside the report's folder.", "Rules", "Never write outside the report's folder."),
        ("Add to Workflow: tell the user where the files are.", "Workflow", "5. Tell the user where the files are."),
        (
            "Mention that encrypted files need the password first.",
            "Gotchas",
            "- Encrypted files need the password first.",
        ),
    ],
)
async def test_a_direct_request_changes_only_its_section(request_: str, section: str, contains: str) -> None:
    result = await incorporate(request_)
    assert [change.outcome for change in result.changes] == ["applied"]
    parts = {part.heading: part.text for part in sections.split(body_of(result.draft))}
    assert contains in parts[section]
    assert changed_headings(result.draft) <= {section, "Check" if section == "Verify" else section}
    assert result.draft.skill_content.split("---\n")[1] == DRAFT.skill_content.split("---\n")[1]


async def test_a_section_can_be_removed() -> None:
    result = await incorporate("Remove the section “Example”.")
    assert "## Example" not in result.draft.skill_content
    assert changed_headings(result.draft) == {"Example"}


async def test_the_description_can_be_changed_alone() -> None:
    result = await incorporate("Change the description to: Reads tables. Use when a PDF has tables to reuse.")
    assert description_of(result.draft) == "Reads tables. Use when a PDF has tables to reuse."
    assert body_of(result.draft) == body_of(DRAFT)


async def test_several_requests_are_answered_one_by_one() -> None:
    result = await incorporate(
        "- Add a gotcha: scanned pages have no text.\n- Make it funnier.\n- Remove the Example section"
    )
    assert [change.outcome for change in result.changes] == ["applied", "rejected", "applied"]
    assert "Without a language model" in result.changes[1].note
    assert {change.source for change in result.changes} == {"comment:1"}


@pytest.mark.parametrize("words", ["Looks great!", "Make it shorter", "Why pdfplumber?", 'Remove "no such text"'])
async def test_what_cannot_be_done_leaves_every_byte_and_says_so(words: str) -> None:
    result = await incorporate(words)
    assert result.draft == DRAFT
    assert [change.outcome for change in result.changes] == ["rejected"]


async def test_a_review_suggestion_replaces_the_line_it_stands_at() -> None:
    lines = DRAFT.skill_content.split("\n")
    line = next(number for number, text in enumerate(lines, start=1) if "Merged cells" in text)
    text = "```suggestion\n- Merged cells are `None`.\n```"
    result = await incorporate(text, f"{DRAFT.path}/SKILL.md", line)
    lines[line - 1] = "- Merged cells are `None`."
    assert result.draft.skill_content == "\n".join(lines)


@pytest.mark.parametrize(
    ("reply", "assigned", "rest"),
    [
        ("1. yes\n2. no", {0: "yes", 1: "no"}, ""),
        ("1b 2a", {0: "right", 1: "up"}, ""),
        ("1: b\n2) down it is", {0: "right", 1: "down it is"}, ""),
        ("just do it", {}, "just do it"),
        ("2. only this", {1: "only this"}, ""),
        ("thanks!\n1. yes", {0: "yes"}, "thanks!"),
        ("9. what", {}, "9. what"),
    ],
)
def test_numbered_replies_find_their_questions(reply: str, assigned: dict[int, str], rest: str) -> None:
    found, left = assign(reply, [["left", "right"], ["up", "down"]])
    assert (found, left.strip()) == (assigned, rest)


def test_the_outline_drafter_is_labelled() -> None:
    assert OutlineDrafter().name == "outline"


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("that says: do not list a revert.", "Do not list a revert."),
        ("that says to list them first and to name the step.", "List them first and name the step."),
        ("saying list them first", "List them first."),
    ],
)
async def test_what_a_new_section_says_is_the_instruction_itself(words: str, written: str) -> None:
    result = await incorporate(f'Add a section "Reverts" {words}')
    assert f"## Reverts\n\n{written}\n" in body_of(result.draft)


async def test_a_long_text_to_write_is_written_whole() -> None:
    long = " ".join(f"Rule {number} holds." for number in range(400))
    result = await incorporate(f"Add a section on Limits: {long}")
    assert f"## Limits\n\n{long}\n" in body_of(result.draft)


@pytest.mark.parametrize("words", ["renomme " + "« a » " * 4_000, "rename " * 5_000, "a " * 20_000])
async def test_words_without_end_take_no_time(words: str) -> None:
    result = await incorporate(words)  # took minutes when the whole text was searched
    assert result.draft == DRAFT
