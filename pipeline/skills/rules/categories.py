"""TAX008: the categories of a repository, where `skills/<category>/<name>` is how it is laid out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.skills.findings import Provenance, Severity
from pipeline.skills.repository import Repository, SkillSummary
from pipeline.skills.rules.registry import RepositoryProblem, repository_rule
from pipeline.skills.rules.spec_fields import shown
from pipeline.skills.rules.spec_file import VALID

LEAST_CATEGORIES = 3
"""Categories of two skills or more from which on a repository is taken to be laid out by category."""


def _skills(*paths: str) -> dict[str, str | bytes]:
    made: dict[str, str | bytes] = {}
    for number, path in enumerate(paths):
        name = path.rpartition("/")[2]
        about = f'description: "Does task {number} of {name}. Use when somebody asks for {name} number {number}."'
        made[f"skills/{path}/SKILL.md"] = re.sub(r'description: ".*"', about, VALID.replace("pdf-forms", name))
    return made


_LAID_OUT = ("data/csv-join", "data/csv-split", "documents/pdf-merge", "documents/pdf-sign", "web/crawl", "web/fetch")


@repository_rule(
    "TAX008",
    Severity.INFO,
    Provenance.REPOSITORY,
    what="a category with one skill beside three or more fuller ones, or a category named almost like another "
    "(`document`, `documents`)",
    why="People and installers browse by category. A second name for the same thing, or a drawer for one skill, hides "
    "it from those who look where its siblings are.",
    source="https://github.com/vercel-labs/skills",
    fix="Move the skill to the category of its nearest siblings; keep a new one when more skills will follow.",
    bad=_skills(*_LAID_OUT, "document/pdf-forms"),
    good=_skills(*_LAID_OUT, "documents/pdf-forms"),
)
def categories_are_shared(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole:
        return
    shelves: dict[str, dict[str, list[SkillSummary]]] = {}
    for skill in repository.skills:
        base, category = _shelf(skill.path)
        if category:
            shelves.setdefault(base, {}).setdefault(category, []).append(skill)
    for categories in shelves.values():
        filled = [category for category, skills in categories.items() if len(skills) > 1]
        if len(filled) < LEAST_CATEGORIES:
            continue
        for category, skills in sorted(categories.items()):
            twin = next((other for other in filled if other != category and _plain(other) == _plain(category)), None)
            if twin is not None and len(categories[twin]) > len(skills):
                several = len(categories[twin])
                message = f"the category `{shown(category)}` is almost that of {several} skills, `{shown(twin)}`"
            elif len(skills) == 1:
                message = f"the only skill of the category `{shown(category)}`; {len(filled)} others hold several"
            else:
                continue
            for skill in skills:
                if skill.path in repository.subjects:
                    yield RepositoryProblem(message, f"{skill.path}/{skill.skill_file}", skill.path)


def _shelf(path: str) -> tuple[str, str]:
    """The folder of the categories and the category, of a skill at `…/skills/<category>/<name>`; else empty."""
    parts = path.split("/")
    if len(parts) < 3 or parts[-3] != "skills":
        return "", ""
    return "/".join(parts[:-2]), parts[-2]


def _plain(category: str) -> str:
    """A category's name without what people spell differently: case, hyphens, plural."""
    return re.sub(r"[^a-z0-9]", "", category.lower()).removesuffix("s")
