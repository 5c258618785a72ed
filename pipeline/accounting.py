"""What a journey's model calls took, by phase and module: sums over what the journey stores. Pure."""

from collections.abc import Mapping
from typing import get_args

from pipeline.models import Phase, Usage

PHASES: tuple[Phase, ...] = get_args(Phase)
MODULES: Mapping[Phase, tuple[str, ...]] = {
    "understanding": (
        "GatherRequirements",
        "ValidateStructure",
        "AnalyzeIntent",
        "FindTaxonomyPath",
        "AnalyzeDependencies",
        "SynthesizePlan",
    ),
    "generation": ("GenerateSkillContent", "RefinedContent", "IncorporateFeedback"),
    "validation": ("GenerateTestCases", "ValidateSkill", "AssessQuality"),
}
"""Every module asks in one phase alone, so what it took is what the phase took."""


def by_phase(by_module: Mapping[str, Usage]) -> dict[Phase, Usage]:
    """The phases that took anything, in their order."""
    sums = {phase: sum((by_module.get(name, Usage()) for name in MODULES[phase]), Usage()) for phase in PHASES}
    return {phase: usage for phase, usage in sums.items() if usage.calls}


def in_order(by_module: Mapping[str, Usage]) -> list[tuple[Phase, str, Usage]]:
    """(phase, module, usage) in the order of the road."""
    return [
        (phase, name, by_module[name])
        for phase in PHASES
        for name in MODULES[phase]
        if by_module.get(name, Usage()).calls
    ]
