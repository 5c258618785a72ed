"""A model that writes a different skill for every request and does exactly what reviews ask, in their order.

Every request carries its mark (`case-07`), so that each answer is for the request that was asked about and two requests
never ask the same; every demand carries a mark of its own (`case-07-2`), which ends up in the skill.
"""

import copy
import random
import re
from typing import Any

from tests.scripted_author import BODY, DEFAULTS

CASE = re.compile(r"case-\d{2,3}\b(?!-\d)")
DEMAND = re.compile(r"case-\d{2,3}-\d\b")
_SYLLABLES = [f"{consonant}{vowel}" for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]


def mark(number: int) -> str:
    return f"case-{number:02d}"


def has_question(case: str) -> bool:
    """Does the model want to know something about this request?"""
    return int(case[5:]) % 3 == 0


def words_of(case: str) -> list[str]:
    """Words that this request alone uses, so that no two skills look alike."""
    dice = random.Random(case)
    return ["".join(dice.choice(_SYLLABLES) for _ in range(3)) for _ in range(6)]


def form_of(case: str) -> dict[str, str]:
    a, b, c, d, *_ = words_of(case)
    return {
        "name": f"{a}-{b}",
        "purpose": f"Turn {a} {b} tables into {c} files, as agreed in {case}.\n\n1. Open the {d} report.\n2. Write it.",
        "when": f"When somebody needs the {a} or {b} figures of a {d} report.",
        "examples": f"Input: q3.{d}",
        "constraints": f"Never overwrite an existing {c} file.",
    }


def answer(signature: str, prompt: str) -> dict[str, Any]:
    """The model's answer for the request whose mark is in the prompt."""
    value = copy.deepcopy(DEFAULTS[signature])
    assert isinstance(value, dict)
    found = CASE.search(prompt)
    if found is None:
        return value
    case = found[0]
    a, b, c, d, e, f = words_of(case)
    about = f"Turns {a} {b} tables into {c} files. Use when someone needs the {a} or {b} figures of a {d} report."
    match signature:
        case "GatherRequirements":
            asked = has_question(case) and f"{case} uses Python" not in prompt
            value["requirements"] |= {
                "topics": [f"{a} {b} tables", case],
                "constraints": [f"Never overwrite an existing {c} file"],
                "trigger_phrases": [f"get the {a} tables", f"turn {b} into {c}"],
                "suggested_name": f"{a}-{b}",
                "suggested_description": about,
                "ambiguities": [_question(case)] if asked else [],
            }
        case "AnalyzeIntent":
            value["intent"] |= {"purpose": f"Get {a} tables out of {d} reports for {case}."}
        case "FindTaxonomyPath":
            value["choice"] |= {"new_category": "documents"}
        case "SynthesizePlan":
            value["plan"] |= {
                "description": about,
                "capabilities": [f"Extract {a} tables from {d} reports"],
                "trigger_phrases": [f"get the {a} tables out of this {d} report", f"turn {b} into {c} files"],
                "generation_guidance": f"As agreed in {case}: prefer {e}.",
            }
        case "GenerateSkillContent" | "RefinedContent":
            body = BODY.replace("# PDF tables", f"# {a} {b}").replace("PDF report", f"{d} report about {f}")
            value["document"] = {"body": body.replace("sum of one", f"sum ({case}) of one")}
        case "IncorporateFeedback":
            demands = list(dict.fromkeys(DEMAND.findall(_field(prompt, "feedback"))))
            known = [each for each in dict.fromkeys(DEMAND.findall(_field(prompt, "sections"))) if each not in demands]
            lines = "\n".join(f"- Look after {each}." for each in [*known, *demands])
            value["revision"]["edits"][0]["markdown"] = f"- Compare the sum ({case}) of one column.\n{lines}"
            value["revision"]["done"] = [
                {"request": f"look after {each}", "outcome": "applied", "note": "It is in the check."}
                for each in demands
            ]
    return value


def _field(prompt: str, name: str) -> str:
    """What the prompt says under one input field."""
    _, _, after = prompt.rpartition(f"[[ ## {name} ## ]]")
    return after.partition("[[ ## ")[0]


def _question(case: str) -> dict[str, Any]:
    return {
        "question": f"Which language should {case} use?",
        "why": "the script's language",
        "options": ["Python", "JavaScript"],
        "assumption": "Python",
        "affects": "tools",
    }
