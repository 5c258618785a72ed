"""What the model took for a request, phase by phase and step by step, as a folded table. Pure."""

from collections.abc import Mapping

from bot.comments.markdown import cell, details
from bot.comments.words import price
from pipeline.accounting import by_phase, in_order
from pipeline.models import Phase, Usage


def spending(by_module: Mapping[str, Usage], names: Mapping[Phase, Mapping[str, str]]) -> str:
    """`names` gives each module's plain words. "" when nothing was asked of a model."""
    phases = by_phase(by_module)
    if not phases:
        return ""
    rows = ["| | calls | tokens read | tokens written | cost |", "| --- | ---: | ---: | ---: | ---: |"]
    for phase, total in phases.items():
        rows.append(_row(f"**{phase.capitalize()}**", total))
        rows += [
            _row(cell(names[phase].get(module, module)), usage)
            for inside, module, usage in in_order(by_module)
            if inside == phase
        ]
    return details("What the model took, step by step", "\n".join(rows))


def _row(name: str, usage: Usage) -> str:
    numbers = (f"{usage.calls:,}", f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", price(usage))
    return f"| {name} | {' | '.join(numbers)} |"
