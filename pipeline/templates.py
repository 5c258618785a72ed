"""Which sections documents of a kind usually have. Advice to the drafter, never a rule."""

from collections.abc import Mapping

from pipeline.models import SkillCategory

SECTIONS: Mapping[SkillCategory, tuple[str, ...]] = {
    "document_creation": (
        "Workflow: from the inputs to the finished document",
        "Output format: structure, length and file type, with a short template",
        "Style: the rules that differ from what an agent would do anyway",
        "Example: one input and its finished output",
        "Gotchas",
        "Check: what to verify before handing the document over",
    ),
    "workflow_automation": (
        "Workflow: numbered steps with exact commands",
        "Inputs and outputs: what must be there before, what exists afterwards",
        "Errors: what fails in practice, how it shows and what to do",
        "Gotchas",
        "Check: how to see that each step worked, before the next one",
    ),
    "mcp_enhancement": (
        "Prerequisites: server, tools and access",
        "Workflow: which tool in which order, with parameters",
        "Errors: what the tools answer when something is wrong, and the way back",
        "Example: one request and the calls it leads to",
        "Check: how to confirm the effect",
    ),
    "analysis": (
        "Inputs: what is needed and how to check its quality first",
        "Method: the steps from data to statement",
        "Output format: what is reported, with an example",
        "Interpretation: what the result does and does not show",
        "Gotchas",
    ),
    "other": (
        "Workflow: the steps, with exact commands where they matter",
        "Example: one realistic case from start to end",
        "Gotchas",
        "Check: how to see that the result is right",
    ),
}

STYLE: Mapping[str, str] = {
    "short": "as short as it can be while complete: 40 to 90 lines",
    "medium": "80 to 200 lines",
    "long": "150 to 300 lines; move long reference text to the planned bundled files",
}
