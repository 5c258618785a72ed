"""A model that writes a small, valid skill: answers for every signature, recognised by its instructions.

Tests replace single answers: `author.answers["SynthesizePlan"] = {...}` or a function of the request.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import dspy

from pipeline.signatures import generation, understanding, validation
from tests.scripted_model import Reply, Request, ScriptedModel, reply_json

Answer = dict[str, Any] | Reply | Callable[[Request], Any]

BODY = """# PDF tables

Extract the tables of a PDF report into CSV files.

## Workflow

1. Open the report with `pdfplumber.open(path)` and walk through its pages.
2. Call `page.extract_tables()`; skip pages where it returns an empty list.
3. Write each table with the `csv` module to `page-N-table-M.csv`, in a new folder next to the report.
4. Print one line per file with the number of rows, so that the reader sees what was found.

## Example

```python
import pdfplumber

with pdfplumber.open("q3.pdf") as report:
    for number, page in enumerate(report.pages, start=1):
        print(number, len(page.extract_tables()))
```

## Gotchas

- Merged cells come out as `None` in all but the first cell; repeat the value only when the header spans columns.
- Never overwrite an existing CSV file: choose the next free number instead.
- Numbers keep the report's format; do not turn `1.234,50` into a float.

## Check

- Compare the sum of one numeric column with the total printed in the report.
- Every CSV file has the same number of columns in all rows.
"""

DEFAULTS: dict[str, Answer] = {
    "GatherRequirements": {
        "requirements": {
            "domain": "technical",
            "category": "documents",
            "target_level": "intermediate",
            "topics": ["pdfplumber", "CSV files"],
            "constraints": ["Never overwrite an existing CSV file"],
            "trigger_phrases": ["get the tables out of this PDF", "turn the report's tables into CSV"],
            "negative_triggers": ["summarise this PDF"],
            "examples": [],
            "steps": [],
            "gotchas": [],
            "checks": [],
            "references": [],
            "skill_category": "workflow_automation",
            "suggested_name": "pdf-tables",
            "suggested_description": "Extracts tables from PDF reports into CSV files. Use when someone needs the "
            "tables or numbers of a PDF report in a spreadsheet.",
            "language": "English",
            "ambiguities": [],
        }
    },
    "ValidateStructure": {
        "proposal": {
            "name": "report-tables",
            "description": "Extracts tables from reports. Use when tables are needed.",
        }
    },
    "AnalyzeIntent": {
        "intent": {
            "purpose": "Get tables out of PDF reports without retyping them.",
            "problem_statement": "Tables in PDF files cannot be calculated with.",
            "target_audience": "analysts",
            "value_proposition": "Saves hours of typing.",
            "skill_type": "how_to",
            "in_scope": ["text PDFs"],
            "out_of_scope": ["scanned pages"],
            "success_criteria": ["Every table of the report has its CSV file"],
        }
    },
    "FindTaxonomyPath": {
        "category": "new",
        "choice": {"new_category": "documents", "reason": "It works on documents.", "parent_skills": []},
    },
    "AnalyzeDependencies": {"dependencies": {"required": [], "recommended": [], "missing": []}},
    "SynthesizePlan": {
        "plan": {
            "description": "Extracts tables from PDF reports into CSV files. Use when someone needs the tables or "
            "numbers of a PDF report in a spreadsheet.",
            "license": "",
            "compatibility": "",
            "capabilities": ["Extract tables from PDF reports into CSV files"],
            "content_outline": [
                {"title": "Workflow", "points": ["open the report with pdfplumber, write CSV files"]},
                {"title": "Example", "points": ["count the tables per page"]},
                {"title": "Gotchas", "points": ["merged cells", "never overwrite"]},
                {"title": "Check", "points": ["compare sums"]},
            ],
            "resource_requirements": [],
            "success_criteria": ["Every table of the report has its CSV file"],
            "generation_guidance": "Prefer pdfplumber.",
            "trigger_phrases": ["get the tables out of this PDF report", "turn the report's tables into CSV files"],
            "negative_triggers": ["summarise this PDF"],
            "estimated_length": "short",
            "rationale": "Small and complete.",
        }
    },
    "GenerateSkillContent": {"document": {"body": BODY}},
    "GenerateSkillSection": {"section": {"markdown": "Open the report with `pdfplumber` and write the CSV files."}},
    "GenerateScript": {
        "file": {
            "content": '#!/usr/bin/env python3\n"""Count tables."""\nimport argparse\n\n'
            "argparse.ArgumentParser(description='Count the tables of a PDF.').parse_args()\n"
        }
    },
    "GenerateReference": {"file": {"content": "# Options\n\nUse `snap_tolerance` for ragged lines.\n"}},
    "GenerateAsset": {"file": {"content": "page,table,rows\n"}},
    "RefinedContent": {"document": {"body": BODY}},
    "IncorporateFeedback": {
        "revision": {
            "edits": [
                {
                    "action": "replace",
                    "section": 4,
                    "heading": "Check",
                    "markdown": "- Compare the sum of two numeric columns with the totals printed in the report.",
                }
            ],
            "file_edits": [],
            "description": "",
            "done": [
                {"request": "compare two columns", "outcome": "applied", "note": "The check compares two columns."}
            ],
        }
    },
    "GenerateTestCases": {
        "test_cases": {
            "triggers": [
                {"query": "I need the tables from report.pdf as CSV", "should_trigger": True},
                {"query": "put the numbers of this PDF report into a spreadsheet", "should_trigger": True},
                {"query": "summarise q3.pdf in five sentences", "should_trigger": False},
                {"query": "merge these two PDF files", "should_trigger": False},
            ],
            "evals": [
                {
                    "prompt": "Extract the tables of q3.pdf.",
                    "expected_output": "One CSV file per table.",
                    "assertions": ["A CSV file exists for every table."],
                }
            ],
        }
    },
    "ValidateSkill": {"review": {"strengths": ["Concrete steps."], "issues": []}},
    "AssessQuality": {
        "judgement": {
            "clarity": 0.9,
            "usefulness": 0.8,
            "strengths": ["Short."],
            "weaknesses": [],
            "meets": ["Every table of the report has its CSV file"],
            "missing": [],
        }
    },
}


def signatures() -> Iterator[Any]:
    """Every signature of the pipeline."""
    for module in (understanding, generation, validation):
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if issubclass(cls, dspy.Signature) and cls.__module__ == module.__name__:
                yield cls


class Author:
    """Attach to a `ScriptedModel`; afterwards `asked` names the signatures in order and `prompts` what they read."""

    def __init__(self, server: ScriptedModel) -> None:
        self.answers: dict[str, Answer] = dict(DEFAULTS)
        self.asked: list[str] = []
        self.requests: list[tuple[str, Request]] = []
        self._by_instructions = {" ".join(s.instructions.split()): s.__name__ for s in signatures()}
        server.fallback = self

    def __call__(self, request: Request) -> Reply | None:
        text = " ".join(request.prompt.split())
        name = next((name for words, name in self._by_instructions.items() if words in text), None)
        if name is None:
            return None
        self.asked.append(name)
        self.requests.append((name, request))
        answer = self.answers[name]
        value = answer(request) if callable(answer) else answer
        return value if isinstance(value, Reply) else reply_json(value)

    def forget(self) -> None:
        """Keep nothing of what was asked (a benchmark asks a lot)."""
        self.asked.clear()
        self.requests.clear()

    def prompts(self, name: str) -> list[str]:
        """What the signature was asked with, each time (the user's message; the rest is fixed)."""
        return [str(request.body["messages"][1]["content"]) for asked, request in self.requests if asked == name]
