"""The core as others call it: documents, rendering, verdicts, JSON, taxonomy."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.skills.command import exit_status
from pipeline.skills.document import SkillMetadata, read_document, render_skill
from pipeline.skills.findings import Provenance, Severity, Verdict
from pipeline.skills.index import register
from pipeline.skills.metadata import read_metadata
from pipeline.skills.patterns import Search, lazy
from pipeline.skills.reports.json_report import render_json
from pipeline.skills.reports.summary_report import render_summary
from pipeline.skills.reports.text_report import render_text
from pipeline.skills.rules.registry import Profile, all_rules
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.similarity import TextIndex
from pipeline.skills.taxonomy import DependencyCycleError, Taxonomy, TaxonomyEntry, UnknownSkillError
from pipeline.skills.validation import Options, validate_skill, validate_tree

one_line = st.text(min_size=1, max_size=200).filter(lambda text: text.strip() != "" and " ".join(text.split()) != "")


@given(
    description=one_line,
    compatibility=st.none() | one_line,
    metadata=st.dictionaries(one_line, st.text(max_size=60), max_size=4),
    body=st.text(max_size=300),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_rendered_is_read_back_unchanged(description, compatibility, metadata, body):
    given_metadata = SkillMetadata(
        name="pdf-forms", description=description, compatibility=compatibility, metadata=metadata
    )
    text = render_skill(given_metadata, body)
    assert read_metadata(text) == given_metadata
    assert text.endswith("\n") and not text.endswith("\n\n") and "\r" not in text
    frontmatter = yaml.safe_load(text.split("\n---\n", 1)[0].removeprefix("---\n"))
    assert frontmatter["description"] == given_metadata.description
    errors = [f for f in validate_skill("pdf-forms", {"SKILL.md": text}).findings if f.severity is Severity.ERROR]
    assert [f for f in errors if f.rule.startswith("SPEC") and f.rule != "SPEC004"] == []


@pytest.mark.parametrize("name", ["pdf-forms", "123", "on", "1e5", "null", "0x1f", "y", "2024-01-01"])
def test_a_name_is_a_string_to_every_loader(name):
    text = render_skill(SkillMetadata(name=name, description="Does things."), "# Body")
    assert yaml.safe_load(text.split("\n---\n", 1)[0].removeprefix("---\n"))["name"] == name


def test_keys_come_in_the_order_of_the_specification():
    metadata = SkillMetadata(
        name="pdf-forms",
        description='Fills "forms": use # when\nneeded.',
        license="Apache-2.0",
        compatibility="Needs Python.",
        metadata={"version": "1.0"},
        allowed_tools="Read Bash(git:*)",
    )
    assert render_skill(metadata, "\n\n# PDF forms\r\n\r\nFill it.\n\n\n") == (
        "---\n"
        "name: pdf-forms\n"
        'description: "Fills \\"forms\\": use # when needed."\n'
        'license: "Apache-2.0"\n'
        'compatibility: "Needs Python."\n'
        'metadata:\n  version: "1.0"\n'
        'allowed-tools: "Read Bash(git:*)"\n'
        "---\n"
        "\n"
        "# PDF forms\n\nFill it.\n"
    )


@pytest.mark.parametrize("rule", list(all_rules().values()), ids=lambda rule: rule.id)
def test_the_bad_example_of_each_rule_breaks_it_and_the_good_one_breaks_nothing(rule):
    def found(example):
        files = {"pdf-forms/SKILL.md": example} if isinstance(example, str) else example
        return {finding.rule for finding in validate_tree(files).findings}

    assert rule.id in found(rule.bad)
    assert rule.id not in found(rule.good)


WEIGHTS = {
    "portable": {"SPEC016": "error", "SPEC017": "error", "SPEC019": "error", "SPEC020": "error", "SPEC023": "error"},
    "claude": {"DES004": "error", "DES008": "warning", "SPEC020": "off"},
    "codex": {"DES004": "error", "DES010": "warning"},
    "copilot": {"SPEC020": "off"},
    "gh-publish": {"SPEC017": "error"},
}
"""What each profile makes of the rules' bad examples, where it differs from the default."""


@pytest.mark.parametrize("profile", WEIGHTS)
def test_a_profile_weighs_these_rules_otherwise_than_the_default_and_no_others(profile):
    def weight(rule, chosen):
        files = {"pdf-forms/SKILL.md": rule.bad} if isinstance(rule.bad, str) else rule.bad
        findings = validate_tree(files, options=Options(profile=chosen, is_repository=True)).findings
        return "/".join(sorted({f.severity.value for f in findings if f.rule == rule.id})) or "off"

    weights = {r.id: (weight(r, Profile.DEFAULT), weight(r, Profile(profile))) for r in all_rules().values()}
    assert {rule: chosen for rule, (default, chosen) in weights.items() if chosen != default} == WEIGHTS[profile]


@pytest.mark.parametrize(
    ("profile", "line", "rule", "severity"),
    [
        ("codex", "description: Fills <form> parts of a document. Use when there is one.", "DES004", "error"),
        ("copilot", "description: Fills <form> parts of a document. Use when there is one.", "DES004", "warning"),
        ("copilot", "allowed-tools: shell", "SEC009", "warning"),
        ("codex", "allowed-tools: shell", "SEC009", "info"),
        ("copilot", "argument-hint: FILE", "SPEC020", None),
        ("codex", "argument-hint: FILE", "SPEC020", "info"),
    ],
)
def test_codex_and_copilot_weigh_what_concerns_them(profile, line, rule, severity):
    text = VALID.replace("\n---\n\n", f"\n{line}\n---\n\n")
    text = re.sub(r'description: ".*"\n', "", text) if line.startswith("description") else text
    found = validate_skill("pdf-forms", {"SKILL.md": text}, profile=profile).findings
    assert next((finding.severity.value for finding in found if finding.rule == rule), None) == severity


def test_the_numbers_of_the_rules_have_no_holes():
    numbers = {}
    for rule in all_rules():
        numbers.setdefault(rule.rstrip("0123456789"), []).append(int(rule[-3:]))
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in numbers.values())


def test_a_valid_skill_passes_without_a_word():
    report = validate_skill("pdf-forms", {"SKILL.md": VALID})
    assert report.verdict is Verdict.PASS
    assert report.findings == ()


def test_a_skill_without_files_is_unloadable():
    report = validate_skill("pdf-forms", {})
    assert report.verdict is Verdict.UNLOADABLE
    assert [finding.rule for finding in report.findings] == ["SPEC001"]


SECRET = VALID + "\nUse `ghp_" + "b7Qz9Lk2Xw4Rt8Vn3Mp6Ys1Hd5Jf0GcTaEuo" + "`.\n"
BROKEN_MANIFEST = {".claude-plugin/marketplace.json": "{"}


@pytest.mark.parametrize(
    ("files", "verdict", "errors"),
    [
        ({"pdf-forms/SKILL.md": VALID}, Verdict.PASS, set()),
        ({"pdf-forms/SKILL.md": SECRET}, Verdict.PASS, {"SEC007"}),
        ({"pdf-forms/SKILL.md": VALID, **BROKEN_MANIFEST}, Verdict.PASS, {"TAX005"}),
        ({"pdf/SKILL.md": VALID}, Verdict.FAIL, {"SPEC011"}),
        ({"pdf/SKILL.md": SECRET}, Verdict.FAIL, {"SPEC011", "SEC007"}),
        ({"pdf-forms/SKILL.md": "\n" + VALID}, Verdict.UNLOADABLE, {"SPEC002"}),
        ({"a/SKILL.md": "", "pdf/SKILL.md": VALID}, Verdict.UNLOADABLE, {"SPEC002", "SPEC011"}),
    ],
)
def test_the_verdict_speaks_of_the_specification_and_the_exit_status_of_every_error(files, verdict, errors):
    report = validate_tree(files)
    assert report.verdict is verdict
    assert {finding.rule for finding in report.findings if finding.severity is Severity.ERROR} == errors
    assert exit_status(report, "error") == (1 if errors else 0)
    assert exit_status(report, "never") == 0


@pytest.mark.parametrize("rule", list(all_rules().values()), ids=lambda rule: rule.id)
def test_only_a_rule_of_the_specification_can_change_the_verdict(rule):
    required = {r.id for r in all_rules().values() if r.provenance is Provenance.SPEC and r.severity is Severity.ERROR}
    assert not rule.breaks_loading or rule.id in required
    example = {"pdf-forms/SKILL.md": rule.bad} if isinstance(rule.bad, str) else rule.bad
    for skill in validate_tree(example).skills:
        errors = {finding.rule for finding in skill.findings if finding.severity is Severity.ERROR}
        assert (skill.verdict is not Verdict.PASS) == bool(errors & required)


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("rule", list(all_rules().values()), ids=lambda rule: rule.id)
def test_no_profile_changes_the_verdict(rule, profile):
    example = {"pdf-forms/SKILL.md": rule.bad} if isinstance(rule.bad, str) else rule.bad
    chosen = Options(profile=profile, is_repository=True)
    assert validate_tree(example, options=chosen).verdict is validate_tree(example).verdict


def test_every_pattern_that_is_compiled_late_is_a_pattern():
    def patterns(value):
        if isinstance(value, tuple):
            return [found for item in value for found in patterns(item)]
        if isinstance(value, Search):
            return [value.pattern]
        return [value] if isinstance(value, type(lazy(""))) else []

    modules = [module for name, module in sys.modules.items() if name.startswith("pipeline.skills")]
    found = [pattern for module in modules for value in vars(module).values() for pattern in patterns(value)]
    assert len(found) > 50
    assert all(re.compile(pattern.pattern, pattern.flags) for pattern in found)


@pytest.mark.parametrize("folder", ["tests/x/y", "fixtures/x/y", "docs/Examples/x", "a/testdata/b", "src/templates/x"])
def test_a_sample_nobody_installs_need_not_be_found_unless_strictly_asked(folder):
    files = {f"{folder}/pdf-forms/SKILL.md": VALID, "skills/pdf-merge/SKILL.md": VALID.replace("-forms", "-merge")}

    def severities(profile):
        report = validate_tree(files, options=Options(profile=profile, is_repository=True))
        return [finding.severity for finding in report.findings if finding.rule == "TAX002"]

    assert severities(Profile.DEFAULT) == []
    assert severities(Profile.STRICT) == [Severity.WARNING]


def test_a_pass_with_errors_is_not_shown_as_clean():
    report = validate_tree({"pdf-forms/SKILL.md": SECRET})
    assert "pdf-forms  pass, with errors" in render_text(report)
    assert "| D | ❌ pass, with errors | 1 |" in render_summary(report)


def test_the_json_report_has_the_published_shape():
    report = validate_tree({"skills/pdf/SKILL.md": VALID, "README.md": "# Skills"})
    document = json.loads(render_json(report))
    assert document["version"] == 1
    skill = document["skills"][0]
    assert (skill["path"], skill["name"], skill["verdict"]) == ("skills/pdf", "pdf-forms", "fail")
    assert skill["findings"][0] == {
        "rule": "SPEC011",
        "severity": "error",
        "message": "name `pdf-forms` differs from its folder `pdf`",
        "file": "skills/pdf/SKILL.md",
        "line": 2,
        "column": 7,
        "end_line": 2,
        "end_column": 16,
        "fixable": False,
    }
    assert document["summary"].keys() == {"skills", "errors", "warnings", "infos", "seconds"}


def test_text_from_a_skill_cannot_steer_the_terminal():
    report = validate_tree({"a\x1b[2J/SKILL.md": VALID.replace("pdf-forms", '"\x1b[31mred"')})
    assert "\x1b" not in render_text(report)


def test_validate_imports_neither_models_nor_servers(tmp_path):
    (tmp_path / "pdf-forms").mkdir()
    (tmp_path / "pdf-forms/SKILL.md").write_text(VALID)
    code = (
        "import sys; from bot.cli import main; status = main(['validate', sys.argv[1]]);"
        "heavy = {'dspy', 'aiohttp', 'mlflow', 'sqlalchemy', 'pydantic', 'litellm', 'git', 'rich'} & set(sys.modules);"
        "print('STATUS', status, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "STATUS 0 []" in done.stdout


def skill(name, description="Does something. Use when asked.", **metadata):
    return render_skill(SkillMetadata(name=name, description=description, metadata=metadata), "# Body\n\nDo it.")


def taxonomy(folders, **kwargs):
    return Taxonomy.build({f"{p}/SKILL.md": skill(p.rsplit("/", 1)[-1]) for p in folders}, **kwargs)


MARKETPLACE = """{
  "name": "shop",
  "plugins": [
    {
      "name": "office",
      "source": "./",
      "skills": [
        "./skills/pdf",
        "./skills/docx"
      ]
    }
  ]
}
"""


@pytest.mark.parametrize(
    ("folders", "kwargs", "category", "expected"),
    [
        ([], {}, None, "skills/new-one"),
        ([], {"paths": ["package.json", "src/a.ts"]}, None, ".agents/skills/new-one"),
        ([], {"paths": ["package.json", "skills/README.md"]}, None, "skills/new-one"),
        (["skills/a", "skills/b"], {}, "docs", "skills/new-one"),
        (["skills/docs/a", "skills/docs/b", "skills/web/c"], {}, "web", "skills/web/new-one"),
        (["skills/docs/a", "skills/docs/b", "skills/web/c"], {}, "unheard", "skills/docs/new-one"),
        (["skills/web-tools/a", "skills/docs/b"], {}, "web", "skills/web-tools/new-one"),
        (["a", "b"], {}, None, "new-one"),
        (["plugins/p/skills/a", "plugins/p/skills/b"], {}, None, "plugins/p/skills/new-one"),
        ([".claude/skills/a"], {}, None, ".claude/skills/new-one"),
        (["skills/pdf"], {"manifests": {".claude-plugin/marketplace.json": MARKETPLACE}}, None, "skills/new-one"),
    ],
)
def test_a_new_skill_goes_where_its_siblings_are(folders, kwargs, category, expected):
    assert taxonomy(folders, **kwargs).place("new-one", category) == expected


def test_a_place_that_is_taken_is_refused():
    with pytest.raises(ValueError, match="skills/a already holds a skill"):
        taxonomy(["skills/a"]).place("a")


def test_a_circle_of_needs_is_refused_as_an_ordered_path():
    tree = Taxonomy(
        entries=(
            TaxonomyEntry(name="b", description="B", path="skills/b", requires=("c",)),
            TaxonomyEntry(name="c", description="C", path="skills/c", requires=("a",)),
        )
    )
    with pytest.raises(DependencyCycleError) as caught:
        tree.check_dependencies("a", ["b"])
    assert caught.value.cycle == ("a", "b", "c", "a")
    with pytest.raises(UnknownSkillError, match="'z'"):
        tree.check_dependencies("x", ["z"])


def test_needed_skills_come_in_the_order_they_are_needed():
    tree = Taxonomy(
        entries=(
            TaxonomyEntry(name="b", description="B", path="skills/b", requires=("c", "d")),
            TaxonomyEntry(name="c", description="C", path="skills/c", requires=("d",)),
            TaxonomyEntry(name="d", description="D", path="skills/d"),
        )
    )
    assert tree.check_dependencies("a", ["b"]) == ("d", "c", "b")


def test_requirements_are_read_from_the_metadata():
    tree = Taxonomy.build({"skills/a/SKILL.md": skill("a", requires="b, c"), "skills/b/SKILL.md": skill("b")})
    assert tree.find("a").requires == ("b", "c")
    assert Taxonomy.model_validate_json(tree.model_dump_json()) == tree


def test_a_request_is_routed_to_the_skill_that_describes_it():
    tree = Taxonomy.build(
        {
            "skills/pdf/SKILL.md": skill("pdf", "Fills and merges PDF forms. Use when a PDF document is mentioned."),
            "skills/sql/SKILL.md": skill("sql", "Writes and explains SQL queries. Use when a database is queried."),
            "skills/css/SKILL.md": skill("css", "Fixes style sheets. Use when a page layout looks wrong."),
        }
    )
    assert tree.route("please merge these two pdfs")[0].entry.name == "pdf"
    assert tree.route("explain this query")[0].entry.name == "sql"
    assert tree.route("qqq zzz") == ()
    duplicates = tree.near_duplicates("pdf-filler", "Fills and merges PDF forms when a PDF document is mentioned.")
    assert [found.entry.name for found in duplicates] == ["pdf"]
    assert tree.near_duplicates("kubernetes", "Deploys charts to clusters.") == ()


def test_a_manifest_that_lists_skills_gets_one_more_line_and_nothing_else():
    tree = taxonomy(["skills/pdf", "skills/docx"], manifests={".claude-plugin/marketplace.json": MARKETPLACE})
    entry = TaxonomyEntry(name="xlsx", description="Edits sheets. Use when asked.", path="skills/xlsx")
    changed = register(tree, entry, {".claude-plugin/marketplace.json": MARKETPLACE})
    assert changed[".claude-plugin/marketplace.json"] == MARKETPLACE.replace(
        '"./skills/docx"\n', '"./skills/docx",\n        "./skills/xlsx"\n'
    )


@pytest.mark.parametrize(
    ("readme", "expected"),
    [
        (
            (
                "# Skills\n\n| Skill | What |\n| --- | --- |\n| [docx](skills/docx) | Words |\n| [pdf](skills/pdf) | "
                "Pages |\n"
            ),
            (
                "# Skills\n\n| Skill | What |\n| --- | --- |\n| [docx](skills/docx) | Words |\n"
                "| [owl](skills/owl) | Draws owls for you. |\n| [pdf](skills/pdf) | Pages |\n"
            ),
        ),
        (
            "- **[docx](./skills/docx)** - Words\n- **[pdf](./skills/pdf)** - Pages\n",
            (
                "- **[docx](./skills/docx)** - Words\n- **[owl](./skills/owl)** - Draws owls for you.\n"
                "- **[pdf](./skills/pdf)** - Pages\n"
            ),
        ),
        ("# Nothing listed here\n\n- pdf is nice\n", "# Nothing listed here\n\n- pdf is nice\n"),
    ],
)
def test_a_readme_that_lists_skills_gets_a_row_in_its_own_style(readme, expected):
    tree = taxonomy(["skills/pdf", "skills/docx"])
    entry = TaxonomyEntry(name="owl", description="Draws owls for you. Use when asked.", path="skills/owl")
    assert register(tree, entry, {"README.md": readme}).get("README.md", readme) == expected


def test_positions_are_those_of_the_file():
    document = read_document(VALID.encode())
    assert document.fields["description"].span.line == 3
    assert document.text[document.fields["name"].start : document.fields["name"].end] == "pdf-forms"
    assert document.body.startswith("\n# PDF forms")
    assert document.body_line == 5


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=2, max_size=8))
@settings(max_examples=200, deadline=None)
def test_pruning_by_telling_words_loses_no_similar_text(texts):
    index = TextIndex(texts)
    for number in range(len(texts)):
        everyone = {match.index for match in index.rank(texts[number]) if match.index != number and match.score >= 0.7}
        assert {match.index for match in index.similar_to(number, at_least=0.7)} == everyone
