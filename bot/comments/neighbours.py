"""How a skill stands among the others: why it goes where it goes, what it needs, and what would be missing. Pure."""

from bot.comments.markdown import inline_code, safe_inline
from pipeline.models import Dependencies, Dependency, Placement


def neighbours(placement: Placement | None, dependencies: Dependencies) -> str:
    """ "" when there is nothing to say. Missing skills are suggestions, and said to be."""
    lines: list[str] = []
    if placement is not None and placement.category and placement.rationale:
        kind = "New category" if placement.new_category else "Category"
        lines.append(f"- {kind} {inline_code(placement.category)}: {safe_inline(placement.rationale, 600)}")
    lines += [_line("Needs", item) for item in dependencies.required]
    lines += [_line("Goes well with", item) for item in dependencies.recommended]
    lines += [_line("Would build on a skill that is not here yet,", item) for item in dependencies.missing]
    return "**Among the other skills**\n\n" + "\n".join(lines) if lines else ""


def _line(how: str, item: Dependency) -> str:
    return f"- {how} {inline_code(item.name)}: {safe_inline(item.reason, 600)}"
