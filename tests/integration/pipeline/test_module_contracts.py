"""Every signature: all inputs reach the model, all outputs are bounded."""

import json
from collections.abc import Iterator
from typing import Any, Literal

import dspy
import pytest
from dspy.adapters.json_adapter import _get_structured_outputs_response_format
from dspy.clients.legacy_requests import _strict_json_schema
from pydantic import TypeAdapter

from pipeline.lm import ModelSettings
from pipeline.lm.model import LanguageModel
from pipeline.lm.wire import WireAdapter
from pipeline.models import Usage
from tests.scripted_author import DEFAULTS, signatures
from tests.scripted_model import ScriptedModel, reply_json

ALL = sorted(signatures(), key=lambda signature: str(signature.__name__))
NAMES = {
    "GatherRequirements", "ValidateStructure", "AnalyzeIntent", "FindTaxonomyPath", "AnalyzeDependencies",
    "SynthesizePlan", "GenerateSkillContent", "GenerateSkillSection", "GenerateScript", "GenerateReference",
    "GenerateAsset", "RefinedContent", "IncorporateFeedback", "GenerateTestCases", "ValidateSkill", "AssessQuality",
}  # fmt: skip


def test_every_module_of_the_design_has_its_signature() -> None:
    assert {signature.__name__ for signature in ALL} == NAMES == set(DEFAULTS)


class Filler:
    """Builds a value for any JSON schema whose strings can be found again."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.marks: list[str] = []

    def value(self, schema: dict[str, Any], path: str) -> Any:
        if "$ref" in schema:
            return self.value(self.definitions[schema["$ref"].rpartition("/")[2]], path)
        if "anyOf" in schema:
            return self.value(schema["anyOf"][0], path)
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        kind = schema.get("type")
        if kind == "object":
            if "properties" not in schema:
                return {self._mark(f"{path}key"): self.value(schema["additionalProperties"], f"{path}v")}
            return {name: self.value(sub, f"{path}{name}") for name, sub in schema["properties"].items()}
        if kind == "array":
            return [self.value(schema["items"], f"{path}item")]
        if kind == "string":
            if "pattern" in schema:
                known = "references/" if "references" in schema["pattern"] else ""
                return known + self._mark(path)
            return self._mark(path)
        return {"integer": 1, "number": 0.5, "boolean": True}[str(kind)]

    def _mark(self, path: str) -> str:
        mark = f"m{len(self.marks)}x{''.join(c for c in path.lower() if c.isalnum())}"[:40]
        self.marks.append(mark)
        return mark


def filled(signature: Any) -> tuple[dict[str, Any], list[str]]:
    """A value for each input, and the marks that can be found again in the prompt."""
    inputs: dict[str, Any] = {}
    marks: list[str] = []
    for name, field in signature.input_fields.items():
        adapter = TypeAdapter(field.annotation)
        schema = adapter.json_schema()
        filler = Filler(schema.get("$defs", {}))
        inputs[name] = adapter.validate_python(filler.value(schema, name))
        marks.extend(filler.marks)
    return inputs, marks


@pytest.mark.parametrize("signature", ALL, ids=lambda signature: signature.__name__)
async def test_every_input_is_in_the_prompt_on_the_wire(signature: Any) -> None:
    inputs, marks = filled(signature)
    assert marks
    async with ScriptedModel() as server:
        server.queue.append(reply_json(DEFAULTS[signature.__name__]))
        lm = LanguageModel(ModelSettings(model="openai/scripted", api_base=server.base_url))
        await lm.answer(dspy.Predict(signature), inputs, Usage())
        await lm.aclose()
        prompt = server.requests[0].prompt
    assert [mark for mark in marks if mark not in prompt] == []
    assert " ".join(signature.instructions.split()) in " ".join(prompt.split())


@pytest.mark.parametrize("signature", ALL, ids=lambda signature: signature.__name__)
def test_prompts_and_schemas_are_what_dspy_would_send(signature: Any) -> None:
    """They are made in less time than DSPy takes, not differently."""
    inputs, _ = filled(signature)
    ours, theirs = WireAdapter(), dspy.JSONAdapter(use_native_function_calling=False)
    for main in (True, False):
        said = theirs.format_user_message_content(signature, inputs, main_request=main)
        assert ours.format_user_message_content(signature, inputs, main_request=main) == said
    given: dict[str, Any] = {}
    ours._prepare_response_format(_Capable(), given, signature)
    sent = given["response_format"]["json_schema"]
    made = _get_structured_outputs_response_format(signature, use_native_function_calling=False)
    assert sent["strict"] is True
    assert sent["schema"] == _without_defaults(_strict_json_schema(made.model_json_schema()))


class _Capable:
    supported_params = ("response_format",)
    supports_response_schema = True


def _without_defaults(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_defaults(item) for item in schema]
    if isinstance(schema, dict):
        return {key: _without_defaults(value) for key, value in schema.items() if key != "default"}
    return schema


@pytest.mark.parametrize("signature", ALL, ids=lambda signature: signature.__name__)
def test_every_output_is_bounded_inside_its_type(signature: Any) -> None:
    unbounded = []
    for name, field in signature.output_fields.items():
        narrowed = name == "category"  # replaced by the repository's own enum before it is asked
        annotation = Literal["a", "new"] if narrowed else field.annotation
        unbounded.extend(_unbounded(TypeAdapter(annotation).json_schema(), name))
    assert unbounded == []


def _unbounded(schema: Any, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from _unbounded(item, f"{path}[{number}]")
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    if kind == "string" and not {"maxLength", "enum", "const", "pattern"} & set(schema):
        yield path
    if kind == "array" and "maxItems" not in schema:
        yield path
    for key, value in schema.items():
        yield from _unbounded(value, f"{path}.{key}")


def test_the_authors_answers_are_valid_for_their_signatures() -> None:
    for signature in ALL:
        answer = DEFAULTS[signature.__name__]
        assert isinstance(answer, dict)
        for name, field in signature.output_fields.items():
            TypeAdapter(field.annotation).validate_python(json.loads(json.dumps(answer[name])))
