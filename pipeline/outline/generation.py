"""Phase 2's answers: the plan's points laid out as a document, nothing added."""

from collections.abc import Sequence

from pipeline.models import Intent, OutlineSection, Plan, Requirements
from pipeline.outline.phrases import PHRASES
from pipeline.signatures.generation import BundledFile, Document, Section

_WORKFLOW = {words.workflow for words in PHRASES.values()}
LONGEST_SHOWN = 40
_EXAMPLE = {words.example for words in PHRASES.values()}


def generate_skill_content(plan: Plan, requirements: Requirements, intent: Intent) -> Document:
    only = [point for section in plan.content_outline for point in section.points]
    parts = [f"# {requirements.title or _title(plan)}", "" if only == [intent.purpose] else intent.purpose]
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


def generate_reference(path: str, requirements: Requirements) -> BundledFile:
    """A long example of the request, whole."""
    for number, example in enumerate(requirements.examples, start=1):
        if long_example_path(number) == path:
            return BundledFile(content=f"# {requirements.title or 'Example'}\n\n{example}\n")
    return generate_file()


def long_example_path(number: int) -> str:
    return f"references/example-{number}.md"


def is_long(example: str) -> bool:
    return example.count("\n") > LONGEST_SHOWN


def section_text(section: OutlineSection, requirements: Requirements) -> str:
    """The points as a list, numbered where they are steps; a single one as a paragraph; examples verbatim."""
    if section.title in _EXAMPLE and not section.points:
        return "\n\n".join(_shown(number, text) for number, text in enumerate(requirements.examples, start=1))
    if len(section.points) == 1:
        return section.points[0]
    if section.title in _WORKFLOW:
        return "\n".join(_item(f"{number}. ", point) for number, point in enumerate(section.points, start=1))
    return "\n".join(_item("- ", point) for point in section.points)


def _shown(number: int, example: str) -> str:
    """An example, or the beginning of a long one and where the rest is."""
    if not is_long(example):
        return example
    lines = example.split("\n")
    fence = next((line.strip() for line in reversed(lines) if line.strip().startswith("```")), "")
    kept = "\n".join(lines[: LONGEST_SHOWN // 2])
    inside = sum(line.strip().startswith("```") for line in lines[: LONGEST_SHOWN // 2]) % 2 == 1
    closed = f"{kept}\n{fence}" if inside else kept
    return f"{closed}\n\n→ [`{long_example_path(number)}`]({long_example_path(number)})"


def _item(mark: str, point: str) -> str:
    """A list item; what follows its first line is indented below it."""
    first, *rest = point.split("\n")
    return "\n".join([mark + first, *(f"{' ' * len(mark)}{line}" if line.strip() else "" for line in rest)])


def _title(plan: Plan) -> str:
    return plan.skill_metadata.name.replace("-", " ").capitalize()
