"""Phase 3's modules: test cases, and two opinions that are recorded as advice and never decide."""

import json
from collections.abc import Sequence

import dspy

from pipeline.checking import body_of, description_of
from pipeline.models import Plan, ReportedFinding, SkillDraft, TestCases, TriggerCase
from pipeline.modules.step import Step
from pipeline.routing import distinct, nearest_skills
from pipeline.signatures import validation as signatures
from pipeline.skills.taxonomy import Taxonomy

SIBLINGS = 12
SHOWN_CHARACTERS = 40_000


class GenerateTestCasesModule(Step):
    """Trigger queries, balanced, and evaluation tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.generate = dspy.Predict(signatures.GenerateTestCases)

    async def aforward(self, draft: SkillDraft, plan: Plan, taxonomy: Taxonomy) -> TestCases:
        description = description_of(draft)
        nearest = nearest_skills(taxonomy, f"{draft.name} {description}", SIBLINGS)
        siblings = [f"{entry.name}: {entry.description[:200]}" for entry in nearest if entry.path != draft.path]
        answer = await self.ask(
            self.generate,
            name=draft.name,
            description=description,
            body=body_of(draft)[:SHOWN_CHARACTERS],
            trigger_phrases=plan.trigger_phrases,
            negative_triggers=plan.negative_triggers,
            siblings=siblings,
        )
        cases: TestCases = answer.test_cases
        return cases.model_copy(update={"triggers": balanced(cases.triggers)})


def balanced(cases: Sequence[TriggerCase]) -> list[TriggerCase]:
    """At most ten of each kind, without near-repetitions, alternating."""
    should = distinct([case.query for case in cases if case.should_trigger], limit=10, alike=0.95)
    should_not = distinct([case.query for case in cases if not case.should_trigger], limit=10, alike=0.95)
    return [
        *(TriggerCase(query=query, should_trigger=True) for query in should),
        *(TriggerCase(query=query, should_trigger=False) for query in should_not if query not in should),
    ]


def eval_files(name: str, cases: TestCases) -> dict[str, str]:
    """What is stored with the skill: `evals/evals.json` as agentskills.io documents it, and the trigger set."""
    files: dict[str, str] = {}
    if cases.evals:
        evals = [
            {
                "id": number,
                "prompt": case.prompt,
                "expected_output": case.expected_output,
                "files": [],
                "assertions": case.assertions,
            }
            for number, case in enumerate(cases.evals, start=1)
        ]
        files["evals/evals.json"] = _json({"skill_name": name, "evals": evals})
    if cases.triggers:
        triggers = [{"query": case.query, "should_trigger": case.should_trigger} for case in cases.triggers]
        files["evals/triggers.json"] = _json({"skill_name": name, "queries": triggers})
    return files


class ValidateSkillModule(Step):
    """The model's reading of the skill's meaning. Advice."""

    def __init__(self) -> None:
        super().__init__()
        self.validate = dspy.Predict(signatures.ValidateSkill)

    async def aforward(self, draft: SkillDraft, plan: Plan, findings: Sequence[ReportedFinding]) -> signatures.Review:
        answer = await self.ask(
            self.validate,
            document=draft.skill_content[:SHOWN_CHARACTERS],
            plan=plan,
            findings=[finding.message for finding in findings][:20],
        )
        review: signatures.Review = answer.review
        return review


class AssessQualityModule(Step):
    """The model's judgement against the success criteria. Advice."""

    def __init__(self) -> None:
        super().__init__()
        self.assess = dspy.Predict(signatures.AssessQuality)

    async def aforward(self, draft: SkillDraft, success_criteria: Sequence[str]) -> signatures.Judgement:
        answer = await self.ask(
            self.assess, document=draft.skill_content[:SHOWN_CHARACTERS], success_criteria=list(success_criteria)
        )
        judgement: signatures.Judgement = answer.judgement
        return judgement


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
