"""Phase 1's modules: what is wanted, whether it can be called that, why, where it goes, what it needs, the plan."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import dspy

from pipeline import naming
from pipeline.journey import ClarificationRound
from pipeline.models import (
    Dependencies,
    Dependency,
    Duplicate,
    Intent,
    Placement,
    Plan,
    PlannedSkill,
    Requirements,
    Resource,
    SkillRequest,
)
from pipeline.modules.step import Step
from pipeline.routing import nearest_skills, tree_text
from pipeline.signatures import understanding as signatures
from pipeline.skills.taxonomy import DependencyCycleError, Layout, Taxonomy, TaxonomyEntry, UnknownSkillError
from pipeline.templates import SECTIONS
from pipeline.visible import visible

TREE_CHARACTERS = 8_000
KNOWN_SKILLS = 30
REQUEST_CHARACTERS = 24_000
_SUFFIXES = {
    "scripts": (".py", ".sh", ".js", ".mjs"),
    "references": (".md", ".txt", ".json", ".yaml", ".csv"),
    "assets": (),
}


def shown(request: SkillRequest) -> SkillRequest:
    """The request as the model sees it: within a budget, and without saying everything twice."""
    cut = {name: getattr(request, name)[:REQUEST_CHARACTERS] for name in _LONG_FIELDS}
    fields = sum(len(text) for name, text in cut.items() if name != "text")
    if fields >= 0.8 * len(request.text):
        cut["text"] = ""
    return request.model_copy(update=cut)


_LONG_FIELDS = ("text", "purpose", "when", "examples", "constraints", "references")


class GatherRequirementsModule(Step):
    """Reads the request and everything answered so far."""

    def __init__(self) -> None:
        super().__init__()
        self.gather = dspy.Predict(signatures.GatherRequirements)

    async def aforward(self, request: SkillRequest, clarifications: Sequence[ClarificationRound]) -> Requirements:
        answer = await self.ask(self.gather, request=shown(request), clarifications=list(clarifications))
        requirements: Requirements = answer.requirements
        return requirements


@dataclass(frozen=True)
class Structure:
    """A name and description, and what the rules say about them; the suggestion is valid and free.

    There is no description to suggest ("") when neither the model nor the request has a word for one.
    """

    name: str
    description: str
    problems: tuple[str, ...] = ()
    suggested_name: str = ""
    suggested_description: str = ""


class ValidateStructureModule(Step):
    """Rules decide. Only when they find something is the model asked for a proposal, and the rules check that too."""

    def __init__(self) -> None:
        super().__init__()
        self.propose = dspy.Predict(signatures.ValidateStructure)

    async def aforward(self, wished: str, wishes: Sequence[str], description: str, taken: Sequence[str]) -> Structure:
        """`wished` is the name asked for (may be empty), `wishes` others to fall back on, best first."""
        fallback = naming.free_name([wished, *wishes], taken)
        name = wished or fallback
        if naming.same_but_spelling(wished, fallback):
            name = fallback
        text = naming.valid_description(description)
        problems = [*naming.name_problems(name, taken), *naming.description_problems(description)]
        if not problems:
            return Structure(name, description)
        answer = await self.ask(
            self.propose, name=name, description=description[:4_000], problems=problems, taken=list(taken)[:200]
        )
        proposal = answer.proposal
        usable_name = not naming.name_problems(proposal.name, taken) and bool(naming.name_problems(name, taken))
        if naming.description_problems(description):
            others = [proposal.description, text, *(naming.valid_description(wish) for wish in reversed(wishes))]
            text = next((other for other in others if not naming.description_problems(other)), "")
        return Structure(
            name,
            description,
            tuple(problems),
            proposal.name if usable_name else (fallback if naming.name_problems(name, taken) else name),
            text,
        )


class AnalyzeIntentModule(Step):
    def __init__(self) -> None:
        super().__init__()
        self.analyze = dspy.Predict(signatures.AnalyzeIntent)

    async def aforward(self, request: SkillRequest, requirements: Requirements) -> Intent:
        answer = await self.ask(self.analyze, request=shown(request), requirements=requirements)
        intent: Intent = answer.intent
        return intent


class FindTaxonomyPathModule(Step):
    """Chooses among the repository's categories; the path is computed from the choice, never written by a model."""

    def __init__(self) -> None:
        super().__init__()
        self.find = dspy.Predict(signatures.FindTaxonomyPath)

    async def aforward(self, requirements: Requirements, name: str, taxonomy: Taxonomy) -> Placement:
        categories = list(taxonomy.categories) if taxonomy.layout is Layout.CATEGORIES else []
        duplicates = near_duplicates(taxonomy, name, requirements.suggested_description)
        if not categories:
            return Placement(recommended_path=taxonomy.place(name), near_duplicates=duplicates)
        signature = _choosing_among((*categories, "new"))
        answer = await self.ask(
            self.find,
            signature=signature,
            requirements=requirements,
            tree=tree_text(taxonomy, _about(requirements), TREE_CHARACTERS),
            categories=categories,
        )
        category, new = answer.category, False
        if category == "new":
            proposed = naming.slug(answer.choice.new_category)
            new = bool(proposed) and proposed not in categories
            category = proposed or taxonomy.nearest_category(None)
        return Placement(
            recommended_path=_new_place(taxonomy, category, name) if new else taxonomy.place(name, category),
            category=category,
            new_category=new,
            rationale=answer.choice.reason,
            parent_skills=[parent for parent in answer.choice.parent_skills if taxonomy.find(parent)],
            near_duplicates=duplicates,
        )


class AnalyzeDependenciesModule(Step):
    """Only existing skills can be dependencies; what does not exist becomes a suggestion."""

    def __init__(self) -> None:
        super().__init__()
        self.analyze = dspy.Predict(signatures.AnalyzeDependencies)

    async def aforward(self, requirements: Requirements, name: str, taxonomy: Taxonomy) -> Dependencies:
        if not taxonomy.entries:
            return Dependencies()
        nearest = nearest_skills(taxonomy, _about(requirements), KNOWN_SKILLS)
        answer = await self.ask(self.analyze, requirements=requirements, existing_skills=[_known(s) for s in nearest])
        return _checked(answer.dependencies, name, taxonomy)


class SynthesizePlanModule(Step):
    """The plan, with the name, the path and the frontmatter checked and set by us."""

    def __init__(self) -> None:
        super().__init__()
        self.synthesize = dspy.Predict(signatures.SynthesizePlan)

    async def aforward(
        self,
        requirements: Requirements,
        intent: Intent,
        placement: Placement,
        dependencies: Dependencies,
        assumptions: Sequence[str],
        plan_feedback: Sequence[str],
        name: str,
        description: str = "",
    ) -> tuple[Plan, str]:
        """The plan and why it is so. A `description` given by the person stays as it is."""
        answer = await self.ask(
            self.synthesize,
            requirements=requirements,
            intent=intent,
            placement=placement,
            dependencies=dependencies,
            assumptions=list(assumptions),
            plan_feedback=list(plan_feedback),
            template=list(SECTIONS[requirements.skill_category]),
            name=name,
        )
        draft = answer.plan
        text = description or naming.valid_description(draft.description) or requirements.suggested_description
        plan = Plan(
            skill_metadata=PlannedSkill(
                name=name,
                description=naming.valid_description(text),
                license=" ".join(visible(draft.license).split()) or None,
                compatibility=" ".join(visible(draft.compatibility).split()) or None,
            ),
            taxonomy_path=placement.recommended_path,
            capabilities=draft.capabilities,
            content_outline=draft.content_outline,
            resource_requirements=_usable(draft.resource_requirements),
            success_criteria=draft.success_criteria or intent.success_criteria,
            generation_guidance=draft.generation_guidance,
            trigger_phrases=draft.trigger_phrases or requirements.trigger_phrases,
            negative_triggers=draft.negative_triggers or requirements.negative_triggers,
            estimated_length=draft.estimated_length if draft.estimated_length in ("short", "long") else "medium",
            assumptions=list(assumptions)[:12],
        )
        return plan, draft.rationale


def _about(requirements: Requirements) -> str:
    return " ".join([requirements.suggested_name, requirements.suggested_description, *requirements.topics])


def _known(entry: TaxonomyEntry) -> signatures.KnownSkill:
    return signatures.KnownSkill(name=entry.name, category=entry.category or "", description=entry.description[:300])


def near_duplicates(taxonomy: Taxonomy, name: str, description: str) -> list[Duplicate]:
    """Existing skills that the new one would compete with, most alike first."""
    found = taxonomy.near_duplicates(name, description)[:5]
    return [Duplicate(name=f.entry.name, path=f.entry.path, similarity=min(1.0, f.score)) for f in found]


@lru_cache(maxsize=64)
def _choosing_among(categories: tuple[str, ...]) -> Any:
    """The signature with this repository's categories as the enum of its answer."""
    choices: object = Literal[categories]
    signature = signatures.FindTaxonomyPath.with_updated_fields("category", type_=choices)
    signature.__name__ = signatures.FindTaxonomyPath.__name__
    return signature


def _new_place(taxonomy: Taxonomy, category: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(taxonomy.root, category, name))


def _cycle(taxonomy: Taxonomy, name: str, needed: str) -> tuple[str, ...]:
    """The circle, in order, that `name` needing `needed` would close."""
    try:
        taxonomy.check_dependencies(name, [needed])
    except DependencyCycleError as closed:
        return closed.cycle
    except UnknownSkillError:  # some other skill's broken dependency: reported by the repository rules, not ours
        return ()
    return ()


def _checked(found: Dependencies, name: str, taxonomy: Taxonomy) -> Dependencies:
    """Existing names only, none twice, no cycle; the rest becomes a suggestion with its reason."""
    known = {entry.name for entry in taxonomy.entries} - {name}
    missing = [item for item in found.missing if item.name not in known and item.name != name]
    required: list[Dependency] = []
    for item in found.required:
        if item.name not in known:
            missing.append(item)
        elif closed := _cycle(taxonomy, name, item.name):
            reason = f"cannot be required: that would close the cycle {' → '.join(closed)}"
            missing.append(Dependency(name=item.name, reason=reason))
        elif item.name not in {other.name for other in required}:
            required.append(item)
    taken = {item.name for item in required}
    recommended = [item for item in found.recommended if item.name in known - taken]
    return Dependencies(required=required, recommended=recommended, missing=missing[:5])


def _usable(resources: Sequence[Resource]) -> list[Resource]:
    """Files of a kind we can check, each path once."""
    kept: dict[str, Resource] = {}
    for resource in resources:
        directory, _, file = resource.path.partition("/")
        suffixes = _SUFFIXES[directory]
        if (not suffixes or file.endswith(suffixes)) and file != "SKILL.md".lower():
            kept.setdefault(resource.path, resource)
    return list(kept.values())[:5]
