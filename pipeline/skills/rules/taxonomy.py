"""TAX rules, and the DES rules that compare skills: what only shows when the whole repository is looked at.

They speak only about whole repositories; one skill checked alone is compared with its siblings by name and text.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from pipeline.skills.files import EntryKind
from pipeline.skills.findings import WHOLE_FILE, Provenance, Severity, Span
from pipeline.skills.frontmatter import YamlType
from pipeline.skills.installers import MARKETPLACE, PLUGIN, Installer, found_by, listed_skills, plugins_of, read_text
from pipeline.skills.patterns import lazy
from pipeline.skills.repository import Repository, SkillSummary
from pipeline.skills.rules.registry import Problem, Profile, RepositoryProblem, repository_rule, rule
from pipeline.skills.rules.spec_fields import field_of, shown
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.similarity import TextIndex, weighted_words
from pipeline.skills.subject import Subject, is_extract

INSTALLER = "https://github.com/vercel-labs/skills"
PLUGINS = "https://code.claude.com/docs/en/plugin-marketplaces"
OVERLAP = 0.88
CODEX_BUDGET = 8_000
_SAMPLE_FOLDERS = frozenset(
    {
        "test",
        "tests",
        "fixtures",
        "__fixtures__",
        "testdata",
        "test-data",
        "example",
        "examples",
        "samples",
        "templates",
    }
)
"""Folders whose skills nobody is meant to install."""


def _is_sample(path: str) -> bool:
    return not _SAMPLE_FOLDERS.isdisjoint(path.lower().split("/")[:-1])


_ONLY_STRICT = {Profile.STRICT: Severity.WARNING}
_AGENT_HOMES = (
    ".claude",
    ".agents",
    ".agent",
    ".github",
    ".gemini",
    ".cursor",
    ".codex",
    ".kiro",
    ".opencode",
    ".windsurf",
)


def _named(name: str, description: str = "") -> str:
    text = VALID.replace("pdf-forms", name)
    return text if not description else re.sub(r'description: ".*"', f'description: "{description}"', text)


_MERGE = _named("pdf-merge", "Joins several documents into one file. Use when somebody wants to combine papers.")
_SPLIT = _named("pdf-split", "Cuts a long scan into chapters. Use when pages belong to different people.")


def _at(
    skill: SkillSummary, message: str, span: Span = WHOLE_FILE, severity: Severity | None = None
) -> RepositoryProblem:
    file = f"{skill.path}/{skill.skill_file}" if skill.path else skill.skill_file
    return RepositoryProblem(message, file, skill.path, span, severity)


def _is_mirror(one: str, other: str) -> bool:
    """Whether two folders hold the same skill for different agents (`.claude/skills/x` and `.agents/skills/x`)."""
    homes = {path.split("/", 1)[0] for path in (one, other)}
    hidden = [home for home in homes if home in _AGENT_HOMES]
    same_name = posixpath.basename(one) == posixpath.basename(other)
    return same_name and len(homes) == 2 and bool(hidden)


def _in_other_plugins(one: str, other: str) -> bool:
    """Whether the skills belong to different plugins, whose names clients keep apart (`/plugin:skill`)."""
    plugins = [path.split("/skills/", 1)[0] for path in (one, other) if "/skills/" in path]
    return len(plugins) == 2 and plugins[0] != plugins[1]


@repository_rule(
    "TAX001",
    Severity.WARNING,
    Provenance.REPOSITORY,
    what="two skills of one repository with the same name (noted in different plugins, never for agents' copies)",
    why="`npx skills` installs the first it meets; the other cannot be reached by name.",
    source=INSTALLER,
    fix="Rename one, or delete it.",
    bad={"skills/pdf-forms/SKILL.md": VALID, "skills/office/pdf-forms/SKILL.md": VALID},
    good={"skills/pdf-forms/SKILL.md": VALID, ".claude/skills/pdf-forms/SKILL.md": VALID},
)
def names_are_unique(repository: Repository) -> Iterator[RepositoryProblem]:
    first: dict[tuple[str, bool], SkillSummary] = {}
    for skill in repository.skills:
        if not skill.name:
            continue
        other = first.setdefault((skill.name, _is_sample(skill.path)), skill)
        if other is skill or _is_mirror(skill.path, other.path):
            continue
        for one, two in ((skill, other), (other, skill)):
            if one.path in repository.subjects:
                message = f"the name `{shown(one.name)}` is also that of {shown(two.path or '.')}"
                yield _at(one, message, one.name_span, Severity.INFO if _in_other_plugins(one.path, two.path) else None)
                break


@repository_rule(
    "DES009",
    Severity.WARNING,
    Provenance.PRACTICE,
    what=f"two skills whose names and descriptions are nearly the same (TF-IDF cosine of {OVERLAP} or more)",
    why="An agent cannot tell which of them to use, and uses either.",
    source="https://agentskills.io/skill-creation/optimizing-descriptions",
    fix="Say in each description what the other one does not do, or merge the two.",
    bad={
        "skills/pdf-forms/SKILL.md": VALID,
        "skills/pdf-form/SKILL.md": _named("pdf-form") + "\nMore.\n",
        "skills/pdf-split/SKILL.md": _SPLIT,
    },
    good={"skills/pdf-forms/SKILL.md": VALID, "skills/pdf-merge/SKILL.md": _MERGE},
)
def descriptions_differ(repository: Repository) -> Iterator[RepositoryProblem]:
    skills = [skill for skill in repository.skills if skill.description and len(skill.description) >= 30]
    index = TextIndex([weighted_words(skill.name, skill.description) for skill in skills])
    told: set[frozenset[str]] = set()
    for number, skill in enumerate(skills):
        if skill.path not in repository.subjects:
            continue
        for match in index.similar_to(number, at_least=OVERLAP):
            other = skills[match.index]
            pair = frozenset((skill.path, other.path))
            if pair in told or _is_mirror(skill.path, other.path) or skill.digest == other.digest:
                continue
            told.add(pair)
            message = f"reads like {shown(other.path)} (similarity {match.score:.2f})"
            yield _at(skill, message, skill.description_span)
            break


@repository_rule(
    "TAX009",
    Severity.WARNING,
    Provenance.REPOSITORY,
    what="a skill whose body is the same, byte for byte, as another's (copies for different agents left out)",
    why="One of them is forgotten at the next edit.",
    source=INSTALLER,
    fix="Keep one.",
    bad={
        "skills/pdf-forms/SKILL.md": VALID,
        "skills/pdf-copy/SKILL.md": _named("pdf-copy").replace("PDF forms\n", "PDF forms\n"),
    },
    good={"skills/pdf-forms/SKILL.md": VALID, "skills/pdf-merge/SKILL.md": _MERGE + "\nJoin them.\n"},
)
def bodies_differ(repository: Repository) -> Iterator[RepositoryProblem]:
    first: dict[str, SkillSummary] = {}
    holders = Counter(skill.digest for skill in repository.skills)
    for skill in repository.skills:
        if holders[skill.digest] < 2 or not skill.digest or not skill.description or _is_link(repository, skill):
            continue
        other = first.setdefault(skill.digest, skill)
        if other is not skill and not _is_mirror(skill.path, other.path) and skill.path in repository.subjects:
            yield _at(skill, f"has the same body as {shown(other.path or '.')}")


def _is_link(repository: Repository, skill: SkillSummary) -> bool:
    """Whether the skill's file is only a link to another's, which cannot differ from it."""
    entry = repository.tree.entry(f"{skill.path}/{skill.skill_file}" if skill.path else skill.skill_file)
    return entry is not None and entry.kind is EntryKind.SYMLINK


_IN_PLUGIN = lazy(r"(?:^|/)plugins/[^/]+/skills/")


@repository_rule(
    "TAX002",
    Severity.WARNING,
    Provenance.CLIENT,
    client="installers",
    what="a skill that neither `npx skills` nor `gh skill`, Claude Code, Codex, Copilot or Gemini CLI would find (one "
    "below `tests/`, `fixtures/`, `examples/` or `templates/` only by the profile `strict`)",
    why="Each looks in certain folders only. A skill elsewhere exists for nobody.",
    source=INSTALLER,
    fix="Move it to `skills/NAME/`, or to `.agents/skills/NAME/` for the repository's own agents.",
    bad={"skills/a/pdf-forms/SKILL.md": VALID, "docs/x/y/pdf-merge/SKILL.md": _MERGE},
    good={"skills/pdf-forms/SKILL.md": VALID},
)
def skills_can_be_found(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole:
        return
    paths = [skill.path for skill in repository.skills]
    plugins = plugins_of(repository.tree)
    found: set[str] = set()
    for installer in Installer:
        found |= found_by(installer, paths, plugins)
    for skill in repository.skills:
        if skill.path in repository.subjects and skill.path not in found and skill.name:
            told = _at(skill, f"no installer or client finds a skill at {shown(skill.path)}")
            if _IN_PLUGIN.search(skill.path) and is_extract(repository.tree):
                told = replace(told, severity=Severity.INFO)  # a manifest may list it: here are only SKILL.md files
            yield replace(told, severity=Severity.OFF, profiles=_ONLY_STRICT) if _is_sample(skill.path) else told


@repository_rule(
    "TAX003",
    Severity.WARNING,
    Provenance.CLIENT,
    client="npx-skills",
    what="skills more than two levels below `skills/`, and a `SKILL.md` at the root of a repository with other skills",
    why="`npx skills` goes two levels deep, and stops at a root `SKILL.md`: the other skills are silently left out.",
    source=INSTALLER,
    fix="Use `skills/NAME/` or `skills/CATEGORY/NAME/`.",
    bad={"skills/a/b/pdf-forms/SKILL.md": VALID, "skills/pdf-merge/SKILL.md": _MERGE},
    good={"skills/a/pdf-forms/SKILL.md": VALID},
)
def skills_are_not_too_deep(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole:
        return
    others = [skill for skill in repository.skills if skill.path]
    plugins = plugins_of(repository.tree)
    registered = {path for plugin in plugins for path in listed_skills(plugin, [s.path for s in others])}
    for skill in repository.skills:
        if skill.path not in repository.subjects:
            continue
        if not skill.path and others:
            yield _at(skill, f"a root SKILL.md hides the repository's {len(others)} other skills from `npx skills`")
        deep = skill.path.startswith("skills/") and skill.path.count("/") > 2
        inside = (
            any(other.path != skill.path and skill.path.startswith(f"{other.path}/") for other in others)
            if deep
            else False
        )
        if deep and not inside and skill.path not in registered:
            yield _at(skill, f"{skill.path.count('/')} levels below `skills/`; `npx skills` goes two deep")


@repository_rule(
    "TAX004",
    Severity.WARNING,
    Provenance.CLIENT,
    client="npx-skills",
    what="skills under `plugins/` beside a folder `skills/`, without a marketplace manifest",
    why="As soon as it has found `skills/`, `npx skills` no longer looks into plugins that nobody declares.",
    source=INSTALLER,
    fix="Add `.claude-plugin/marketplace.json` that lists the plugins.",
    bad={"skills/pdf-forms/SKILL.md": VALID, "plugins/p/skills/pdf-merge/SKILL.md": _MERGE},
    good={"skills/pdf-forms/SKILL.md": VALID, "skills/pdf-merge/SKILL.md": _MERGE},
)
def plugins_are_declared(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole or repository.tree.exists(MARKETPLACE) or repository.tree.exists(PLUGIN):
        return
    has_skills = any(skill.path.startswith("skills/") for skill in repository.skills)
    for skill in repository.skills:
        if has_skills and re.match(r"plugins/[^/]+/skills/", skill.path) and skill.path in repository.subjects:
            yield _at(skill, "in an undeclared plugin: `npx skills` finds only `skills/`")


_MANIFEST = '{"name": "shop", "plugins": [{"name": "office", "source": "./", "skills": ["./skills/pdf-forms"]}]}\n'


@repository_rule(
    "TAX005",
    Severity.ERROR,
    Provenance.CLIENT,
    client="claude",
    what="a plugin manifest that is not JSON, has local sources without `./`, or names folders that are missing",
    why="The marketplace cannot be added, or its plugin comes without its skills.",
    source=PLUGINS,
    fix="Correct the manifest; `claude plugin validate` checks it too.",
    bad={"skills/pdf-forms/SKILL.md": VALID, MARKETPLACE: _MANIFEST.replace("pdf-forms", "pdf-from")},
    good={"skills/pdf-forms/SKILL.md": VALID, MARKETPLACE: _MANIFEST},
)
def manifests_are_sound(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole:
        return
    for path in (MARKETPLACE, PLUGIN):
        text = read_text(repository.tree, path)
        if text is None:
            continue
        try:
            manifest = json.loads(text)
        except json.JSONDecodeError as error:
            span = Span(error.lineno, error.colno, error.lineno, error.colno + 1)
            yield RepositoryProblem(f"not valid JSON: {error.msg}", path, span=span)
            continue
        except RecursionError:
            yield RepositoryProblem("nested too deeply to be read", path)
            continue
        declared = manifest.get("plugins") if isinstance(manifest, dict) and path == MARKETPLACE else [manifest]
        if not isinstance(declared, list):
            yield RepositoryProblem("has no list `plugins`", path, span=Span(1, 1, 1, 2))
            continue
        for plugin in declared:
            if isinstance(plugin, dict):
                yield from _plugin_problems(repository, plugin, path, text)


def _plugin_problems(
    repository: Repository, plugin: dict[str, object], path: str, text: str
) -> Iterator[RepositoryProblem]:
    source = plugin.get("source", "./") if path == MARKETPLACE else "./"
    if not isinstance(source, str):
        return  # fetched from elsewhere
    if not source.startswith("./"):
        message = f"the source `{shown(source)}` does not start with `./`"
        yield RepositoryProblem(message, path, span=_where(text, source))
        return
    folder = posixpath.normpath(source)
    folder = "" if folder == "." else folder
    if folder.startswith("..") or (folder and not repository.tree.exists(folder)):
        yield RepositoryProblem(f"the source `{shown(source)}` is not there", path, span=_where(text, source))
        return
    skills = plugin.get("skills")
    for listed in [skills] if isinstance(skills, str) else skills if isinstance(skills, list) else ():
        if not isinstance(listed, str):
            continue
        target = posixpath.normpath(posixpath.join(folder, listed))
        if target.startswith("..") or not (target == "." or repository.tree.exists(target)):
            yield RepositoryProblem(f"the skill path `{shown(listed)}` is not there", path, span=_where(text, listed))


def _where(text: str, value: str) -> Span:
    literal = json.dumps(value, ensure_ascii=False)
    position = text.find(literal)
    if position == -1:
        return Span(1, 1, 1, 2)
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return Span(line, column, line, column + len(literal))


@repository_rule(
    "TAX006",
    Severity.WARNING,
    Provenance.CLIENT,
    client="claude",
    what="a skill missing from a plugin's explicit list that names its siblings",
    why="The plugin is installed without it.",
    source=PLUGINS,
    fix="Add its path to `skills` in the manifest.",
    bad={
        "skills/pdf-forms/SKILL.md": VALID,
        "skills/pdf-merge/SKILL.md": _MERGE,
        "skills/pdf-split/SKILL.md": _SPLIT,
        MARKETPLACE: _MANIFEST.replace('"./skills/pdf-forms"', '"./skills/pdf-forms", "./skills/pdf-split"'),
    },
    good={"skills/pdf-forms/SKILL.md": VALID, MARKETPLACE: _MANIFEST},
)
def skills_are_registered(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole:
        return
    plugins = [plugin for plugin in plugins_of(repository.tree) if plugin.listed]
    paths = [skill.path for skill in repository.skills]
    registered = {path for plugin in plugins for path in listed_skills(plugin, paths)}
    parents = Counter(posixpath.dirname(path) for path in registered)
    for skill in repository.skills:
        listed = parents[posixpath.dirname(skill.path)]
        if skill.path in repository.subjects and skill.path not in registered and listed >= 2:
            yield _at(skill, f"not in the plugin manifest that lists {listed} of its siblings")


@repository_rule(
    "TAX007",
    Severity.INFO,
    Provenance.REPOSITORY,
    what="a skill missing from a README that links to most of its siblings",
    why="People choose from that list.",
    source=INSTALLER,
    fix="Add a row for it.",
    bad={
        "skills/pdf-forms/SKILL.md": VALID,
        "skills/pdf-merge/SKILL.md": _MERGE,
        "skills/pdf-split/SKILL.md": _SPLIT,
        "skills/csv-join/SKILL.md": _named("csv-join", "Joins tables by a column. Use when two lists belong together."),
        "README.md": "- [a](skills/pdf-forms)\n- [b](skills/pdf-merge)\n- [c](skills/pdf-split)\n",
    },
    good={"skills/pdf-forms/SKILL.md": VALID, "README.md": "- [forms](skills/pdf-forms)\n"},
)
def skills_are_listed(repository: Repository) -> Iterator[RepositoryProblem]:
    if not repository.is_whole:
        return
    for readme in ("README.md", "skills/README.md"):
        text = read_text(repository.tree, readme)
        if text is None:
            continue
        folder = posixpath.dirname(readme)
        links = {skill.path: posixpath.relpath(skill.path or ".", folder or ".") for skill in repository.skills}
        linked = {
            path
            for path, link in links.items()
            if link != "." and re.search(rf"\]\((?:\./)?{re.escape(link)}[/)#]", text)
        }
        siblings = Counter(posixpath.dirname(path) for path in linked)
        everyone = Counter(posixpath.dirname(skill.path) for skill in repository.skills)
        for skill in repository.skills:
            parent = posixpath.dirname(skill.path)
            most = siblings[parent] >= 3 and siblings[parent] * 3 >= everyone[parent] * 2
            if skill.path in repository.subjects and skill.path not in linked and most:
                yield _at(skill, f"{readme} links to {siblings[parent]} of its siblings, but not to it")


@repository_rule(
    "TAX010",
    Severity.INFO,
    Provenance.REPOSITORY,
    what="copies of a skill for different agents (`.claude/skills/x`, `.agents/skills/x`) that have drifted apart",
    why="The agents now work by different instructions, seldom on purpose.",
    source=INSTALLER,
    fix="Make one a copy of, or a link to, the other.",
    bad={".claude/skills/pdf-forms/SKILL.md": VALID, ".agents/skills/pdf-forms/SKILL.md": VALID + "\nAnd more.\n"},
    good={".claude/skills/pdf-forms/SKILL.md": VALID, ".agents/skills/pdf-forms/SKILL.md": VALID},
)
def copies_are_equal(repository: Repository) -> Iterator[RepositoryProblem]:
    first: dict[str, SkillSummary] = {}
    for skill in repository.skills:
        match = re.fullmatch(r"(\.[\w-]+)/skills/([^/]+)", skill.path)
        if match is None or match[1] not in _AGENT_HOMES:
            continue
        other = first.setdefault(match[2], skill)
        if other is not skill and other.digest != skill.digest and skill.path in repository.subjects:
            yield _at(skill, f"differs from its copy in {shown(other.path)}")


@repository_rule(
    "DES010",
    Severity.INFO,
    Provenance.CLIENT,
    client="codex",
    what=f"skills for one agent whose names and descriptions together exceed {CODEX_BUDGET:,} characters",
    why="Codex lists skills in about that much room, then shortens and omits; Claude Code spends 1 % of the context.",
    source="https://developers.openai.com/codex/skills",
    fix="Shorten descriptions, or split the skills into plugins that are installed as needed.",
    bad={
        f".agents/skills/pdf-{n}/SKILL.md": _named(f"pdf-{n}", f"Does thing {n}. Use when {'asked so ' * 100}.")
        for n in range(10)
    },
    good={".agents/skills/pdf-forms/SKILL.md": VALID},
    profiles={Profile.CODEX: Severity.WARNING},
)
def listing_fits_the_budget(repository: Repository) -> Iterator[RepositoryProblem]:
    for home in (".agents/skills", ".claude/skills"):
        members = [s for s in repository.skills if posixpath.dirname(s.path) == home]
        total = sum(len(s.name) + len(s.description) for s in members)
        if total > CODEX_BUDGET:
            message = f"{len(members)} skills need {total:,} characters in the agent's list; about {CODEX_BUDGET:,} fit"
            yield RepositoryProblem(message, home)


@rule(
    "TAX011",
    Severity.INFO,
    Provenance.CLIENT,
    client="gh-skill",
    what="installation metadata (`metadata.github-*`) committed in the source of a skill",
    why="`gh skill` writes it at installation, and `gh skill publish` strips it: in the source it is stale.",
    source="https://cli.github.com/manual/gh_skill",
    fix="Delete those keys.",
    bad=VALID.replace('form."\n', 'form."\nmetadata:\n  github-repo: "a/b"\n'),
    good=VALID,
)
def no_installation_metadata(skill: Subject) -> Iterator[Problem]:
    value = field_of(skill, "metadata")
    if value is not None and value.type is YamlType.MAPPING:
        for entry in value.fields:
            if entry.key.text.startswith("github-"):
                yield Problem(f"`{shown(entry.key.text)}` is written by an installation", entry.key.span)
                return
