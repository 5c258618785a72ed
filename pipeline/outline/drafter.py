"""The seam: a DSPy adapter that answers signatures itself, so the modules do not know that there is no model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dspy

from pipeline.lm.model import as_json
from pipeline.models import Usage
from pipeline.outline import feedback, generation, understanding, validation
from pipeline.runtime import StoredResult
from pipeline.signatures.generation import Document

NAME = "outline"


def _requirements(i: Mapping[str, Any]) -> dict[str, object]:
    return {"requirements": understanding.gather_requirements(i["request"], i["clarifications"])}


def _intent(i: Mapping[str, Any]) -> dict[str, object]:
    return {"intent": understanding.analyze_intent(i["request"], i["requirements"])}


def _plan(i: Mapping[str, Any]) -> dict[str, object]:
    return {"plan": understanding.synthesize_plan(i["requirements"], i["intent"], i["plan_feedback"])}


def _cases(i: Mapping[str, Any]) -> dict[str, object]:
    names = ("name", "description", "body", "trigger_phrases", "negative_triggers", "siblings")
    return {"test_cases": validation.generate_test_cases(**{name: i[name] for name in names})}


_ANSWERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
    "GatherRequirements": _requirements,
    "ValidateStructure": lambda i: {"proposal": understanding.propose_structure(i["name"], i["description"])},
    "AnalyzeIntent": _intent,
    "FindTaxonomyPath": lambda i: understanding.find_taxonomy_path(i["requirements"], i["tree"], i["categories"]),
    "AnalyzeDependencies": lambda i: {
        "dependencies": understanding.analyze_dependencies(i["requirements"], i["existing_skills"])
    },
    "SynthesizePlan": _plan,
    "GenerateSkillContent": lambda i: {
        "document": generation.generate_skill_content(i["plan"], i["requirements"], i["intent"])
    },
    "GenerateSkillSection": lambda i: {
        "section": generation.generate_skill_section(i["requirements"], i["section_title"], i["section_points"])
    },
    "GenerateScript": lambda i: {"file": generation.generate_file()},
    "GenerateReference": lambda i: {"file": generation.generate_reference(i["path"], i["requirements"])},
    "GenerateAsset": lambda i: {"file": generation.generate_file()},
    "RefinedContent": lambda i: {"document": Document(body=i["body"])},
    "IncorporateFeedback": lambda i: {
        "revision": feedback.incorporate(i["feedback"], i["description"], i["sections"], i["plan"])
    },
    "GenerateTestCases": _cases,
    "ValidateSkill": lambda i: {"review": validation.validate_skill()},
    "AssessQuality": lambda i: {"judgement": validation.assess_quality(i["document"], i["success_criteria"])},
}


class OutlineAdapter(dspy.Adapter):
    """Answers from the inputs alone: no prompt is made and no model is called."""

    def __call__(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: Any,
        demos: Sequence[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        return [_ANSWERS[signature.__name__](inputs)]

    async def acall(
        self,
        lm: Any,
        lm_kwargs: dict[str, Any],
        signature: Any,
        demos: Sequence[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        return self(lm, lm_kwargs, signature, demos, inputs)


class _NoModel:
    """Satisfies `dspy.LM`; asking it would be an error of ours."""

    supports_response_schema = True
    supported_params = ("response_format",)

    def complete(self, request: Any) -> Any:
        raise AssertionError("the outline drafter asked a model")


class OutlineDrafter:
    """The `Drafter` when no model is configured. Deterministic and free; its work is labelled `outline`."""

    name = NAME

    def __init__(self) -> None:
        self._lm = dspy.LM("none/none", engine=_NoModel(), cache=False)
        self._adapter = OutlineAdapter()

    async def answer(self, predictor: Any, inputs: Mapping[str, Any], spent: Usage) -> StoredResult:
        with dspy.context(lm=self._lm, adapter=self._adapter, trace=[], callbacks=[], warn_on_type_mismatch=False):
            prediction = await predictor.acall(**inputs)
        return StoredResult(outputs=as_json(inputs.get("signature") or predictor.signature, prediction), model=NAME)
