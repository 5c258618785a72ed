"""Phase 2's answers: the plan's points laid out as a document, nothing added."""

from collections.abc import Sequence

from pipeline.models import Intent, OutlineSection, Plan, Requirements
from pipeline.outline.phrases import PHRASES
from pipeline.signatures.generation import BundledFile, Document, Section

_WORKFLOW = {words.workflow for words in PHRASES.values()}
_EXAMPLE = {words.example for words in PHRASES.values()}


def generate_skill_content(plan: Plan, requirements: Requirements, intent: Intent) -> Document:
    parts = [f"# {_title(plan)}", intent.purpose]
    for section in plan.content_outline:
        text = section_text(section, requirements)
        if text:
            parts.append(f"## {section.title}\n\n{text}")
    return Document(body="\n\n".join(part for part in parts if part) + "\n")


def generate_skill_section(requirements: Requirements, section_title: str, section_points: Sequence[str]) -> Section:
    section = OutlineSection(title=section_title, points=list(section_points))
    return Section(markdown=section_text(section, requirements))


def generate_file() -> BundledFile:
    """Nothing can be bundled that nobody wrote."""
    return BundledFile(content="")


def section_text(section: OutlineSection, requirements: Requirements) -> str:
    """The points as a list, numbered where they are steps; a single one as a paragraph; examples verbatim."""
    if section.title in _EXAMPLE and not section.points:
        return "\n\n".join(requirements.examples)
    if len(section.points) == 1:
        return section.points[0]
    if section.title in _WORKFLOW:
        return "\n".join(_item(f"{number}. ", point) for number, point in enumerate(section.points, start=1))
    return "\n".join(_item("- ", point) for point in section.points)


def _item(mark: str, point: str) -> str:
    """A list item; what follows its first line is indented below it."""
    first, *rest = point.split("\n")
    return "\n".join([mark + first, *(f"{' ' * len(mark)}{line}" if line.strip() else "" for line in rest)])


def _title(plan: Plan) -> str:
    return plan.skill_metadata.name.replace("-", " ").capitalize()
