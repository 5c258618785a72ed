"""A model that answers the golden requests as a good one would: what it writes stands in `tests/data/golden`."""

import re
from pathlib import Path
from typing import Any

import yaml

from pipeline.sections import split
from tests.scripted_author import Author
from tests.scripted_model import Request, ScriptedModel

FOLDER = Path(__file__).resolve().parents[2] / "data" / "golden"
WRITTEN: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}
_PATH = re.compile(r"\[\[ ## path ## \]\]\s*(\S+)")
_SECTION = re.compile(r"\[\[ ## section_title ## \]\]\s*(.+)")


def golden_author(server: ScriptedModel, name: str) -> Author:
    """An author whose answers are those of the golden request `name`."""
    author = Author(server)
    author.answers |= answers(WRITTEN[name])
    return author


def answers(written: dict[str, Any]) -> dict[str, Any]:
    """What the model says to every signature about one request."""
    body: str = written["body"]
    parts = [part for part in split(body) if part.heading]
    files: dict[str, dict[str, str]] = written.get("files", {})

    def bundled(request: Request) -> dict[str, Any]:
        path = _PATH.search(request.body["messages"][1]["content"])
        assert path is not None
        return {"file": {"content": files[path[1]]["content"]}}

    def section(request: Request) -> dict[str, Any]:
        title = _SECTION.search(request.body["messages"][1]["content"])
        assert title is not None
        return {"section": {"markdown": next(part.below for part in parts if part.heading == title[1].strip())}}

    triggers = [(query, True) for query in written["should"]] + [(query, False) for query in written["should_not"]]
    return {
        "GatherRequirements": {
            "requirements": {
                "domain": "technical",
                "category": written["category"],
                "target_level": "intermediate",
                "topics": written["topics"],
                "constraints": written["constraints"],
                "trigger_phrases": written["should"][:5],
                "negative_triggers": written["should_not"][:5],
                "examples": [],
                "skill_category": written["skill_category"],
                "title": written["title"],
                "suggested_name": written["name"],
                "suggested_description": written["description"],
                "language": written.get("language", "English"),
                "ambiguities": written.get("ambiguities", []),
            }
        },
        "AnalyzeIntent": {
            "intent": {
                "purpose": written["capabilities"][0],
                "problem_statement": written["capabilities"][0],
                "target_audience": "the people who asked",
                "value_proposition": written["criteria"][0],
                "skill_type": "workflow",
                "in_scope": written["capabilities"],
                "out_of_scope": [],
                "success_criteria": written["criteria"],
            }
        },
        "FindTaxonomyPath": {
            "category": written["category"],
            "choice": {"new_category": "", "reason": "Skills of this kind are there.", "parent_skills": []},
        },
        "SynthesizePlan": {
            "plan": {
                "description": written["description"],
                "license": "",
                "compatibility": "",
                "capabilities": written["capabilities"],
                "content_outline": [{"title": part.heading, "points": [part.heading]} for part in parts],
                "resource_requirements": [
                    {"path": path, "reason": file["reason"], "load_when": file.get("load_when", "")}
                    for path, file in files.items()
                ],
                "success_criteria": written["criteria"],
                "generation_guidance": "Short and exact.",
                "trigger_phrases": written["should"][:5],
                "negative_triggers": written["should_not"][:5],
                "estimated_length": written.get("length", "short"),
                "rationale": "It is what was asked for.",
            }
        },
        "GenerateSkillContent": {"document": {"body": body}},
        "GenerateSkillSection": section,
        "GenerateScript": bundled,
        "GenerateReference": bundled,
        "GenerateAsset": bundled,
        "RefinedContent": {"document": {"body": body}},
        "GenerateTestCases": {
            "test_cases": {
                "triggers": [{"query": query, "should_trigger": should} for query, should in triggers],
                "evals": [
                    {
                        "prompt": task["prompt"],
                        "expected_output": task["expected"],
                        "assertions": task["assertions"],
                    }
                    for task in written["evals"]
                ],
            }
        },
        "ValidateSkill": {"review": {"strengths": ["Concrete steps."], "issues": []}},
        "AssessQuality": {
            "judgement": {
                "clarity": 0.9,
                "usefulness": 0.9,
                "strengths": ["Short."],
                "weaknesses": [],
                "meets": written["criteria"],
                "missing": [],
            }
        },
    }
