"""CON rules about the work: checks after steps, examples, scripts an agent can run unattended, evaluations that
load.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
import sys
from collections.abc import Iterator

from pipeline.skills.findings import Provenance, Severity, Span
from pipeline.skills.markdown import BlockKind
from pipeline.skills.patterns import hint, lazy
from pipeline.skills.rules.description import has_trigger
from pipeline.skills.rules.registry import (
    BEST_PRACTICES,
    DESCRIPTIONS,
    EVALUATING,
    SCRIPTS,
    SPECIFICATION,
    Problem,
    rule,
)
from pipeline.skills.rules.spec_fields import shown
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.scripts import Command, Language, Script, fence_language
from pipeline.skills.subject import Subject

_CHECK = lazy(
    r"\b(?:verif|validat|check|test|confirm|review|assert|dry.?run|inspect|compare|ensure|diff|lint|preview|approv|proof)",
    re.IGNORECASE,
)
_STEPS = "\n".join(f"{n}. Convert part {n}." for n in range(1, 8))


@rule(
    "CON006",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a workflow of six or more numbered steps without a single check",
    why="Errors of an early step are carried through all later ones. A step that checks finds them where they arise.",
    source=BEST_PRACTICES,
    fix="Add a step that verifies the result, and what to do when it fails.",
    bad=VALID + "\n" + _STEPS + "\n",
    good=VALID + "\n" + _STEPS + "\n8. Verify that every field is filled.\n",
)
def workflows_check_themselves(skill: Subject) -> Iterator[Problem]:
    if skill.markdown is None:
        return
    steps = [block for block in skill.markdown.prose_blocks if block.ordered and block.list_depth == 1]
    if len(steps) < 6 or any(word in skill.markdown.prose_text for word in (" check", " test", " verif", " validat")):
        return
    if not _CHECK.search(skill.markdown.source):
        yield Problem(f"{len(steps)} steps and no check", skill.markdown.lines.line_span(steps[0].line))


@rule(
    "CON007",
    Severity.INFO,
    Provenance.SPEC,
    what="a body of more than 80 lines without any example: no code, no code span, no section that shows one",
    why="The specification recommends examples of inputs and outputs; one example settles what a page of description "
    "cannot.",
    source=SPECIFICATION,
    fix="Show one input and what comes out of it.",
    bad=VALID.replace("`", "") + "\nDo it with care.\n" * 50,
    good=VALID + "\nDo it with care.\n" * 50,
)
def long_bodies_show_an_example(skill: Subject) -> Iterator[Problem]:
    markdown = skill.markdown
    if markdown is None or markdown.source.count("\n") <= 80 or markdown.is_too_large:
        return
    if markdown.fences or markdown.code_spans or re.search(r"\be\.g\.|\bexamples?\b|例", markdown.source, re.I):
        return
    if any(block.quoted or block.kind is BlockKind.CELL for block in markdown.blocks):
        return
    span = markdown.lines.line_span(min(markdown.first_line, markdown.lines.count))
    yield Problem(f"{markdown.source.count(chr(10))} lines without an example", span)


@rule(
    "CON008",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a section “When to use” in the body while the description does not say when",
    why="The body is read after the decision to use the skill. What helps to decide belongs into the description.",
    source=DESCRIPTIONS,
    fix="Move the conditions into the description.",
    bad=VALID.replace(" Use when a user asks to complete or flatten a PDF form.", "")
    + "\n## When to use\n\nWhen there is a form.\n",
    good=VALID + "\n## When to use\n\nWhen there is a form.\n",
)
def conditions_stand_in_the_description(skill: Subject) -> Iterator[Problem]:
    if skill.markdown is None or skill.document is None or not skill.document.description:
        return
    if b"when" not in skill.markdown.words:
        return
    for heading in skill.markdown.headings:
        if "when" in heading.text.lower() and re.match(
            r"(?:\W*)when (?:should|do|to) (?:i |you |we )?(?:use|apply|invoke)", heading.text, re.I
        ):
            if not has_trigger(skill.document.description):
                span = skill.markdown.lines.line_span(heading.line)
                yield Problem("says when to use the skill, but the description does not", span)
            return


def _calls(script: Script) -> Iterator[ast.Call]:
    if script.python is not None:
        yield from (node for node in ast.walk(script.python) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The dotted name of what is called; empty when it is not a plain name."""
    parts: list[str] = []
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


@rule(
    "CON011",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="a bundled script that asks the user for input (`input()`, `getpass`, `read -p`)",
    why="An agent has no keyboard: the script hangs until it is killed.",
    source=SCRIPTS,
    fix="Take the value as an argument or from the environment, and stop with an error when it is missing.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "name = input('Name: ')\n"},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "import sys\nname = sys.argv[1]\n"},
)
def scripts_do_not_ask(skill: Subject) -> Iterator[Problem]:
    for script in skill.scripts:
        if any(way in script.text for way in _WITHOUT_ASKING):
            continue
        for call in _calls(script):
            name = called(call)
            if name in ("input", "getpass.getpass", "click.prompt", "click.confirm", "inquirer.prompt"):
                yield Problem(f"`{name}()` waits for a person", script.node_span(call), file=script.path)
                break
        for command in script.commands:
            if command.name == "read" and any(re.fullmatch(r"-[a-z]*p.*", word) for word in command.arguments):
                yield Problem("`read -p` waits for a person", command.span, file=script.path)
                break


_WITHOUT_ASKING = ("isatty", "--yes", "args.yes", "--non-interactive", "--interactive")
"""What a script that asks has when it can be run without being asked: `--interactive` asks only when told to."""


_RUNNERS = hint("npx uvx bunx pipx", ("go", "run"), ("pnpm", "dlx"))
_PINNED = lazy(r".+(?:@v?\d|==\d|@[0-9a-f]{7,})")


def _runner_package(command: Command) -> str | None:
    """The package a one-off runner fetches without a version; None when it is pinned or local."""
    name, words = command.name, list(command.arguments)
    if name == "pipx":
        if not words or words[0] != "run":
            return None
        words = words[1:]
    elif name == "pnpm" and words[:1] == ["dlx"]:
        words = words[1:]
    elif name == "go" and words[:1] == ["run"] and len(words) > 1:
        return words[1] if re.fullmatch(r"[\w-]+\.[\w.-]+/\S+", words[1]) and "@" not in words[1] else None
    elif name not in ("npx", "bunx", "uvx"):
        return None
    package = next((word for word in words if not word.startswith("-")), None)
    for flag in ("--package", "-p", "--from"):
        if flag in words and words.index(flag) + 1 < len(words):
            package = words[words.index(flag) + 1]
    if package is None or _PINNED.match(package) or re.search(r"[<>$./\\{}]", package.lstrip("@").split("/")[0]):
        return None
    return package


_LOCAL_TOOLS = frozenset(
    {
        "tsc",
        "eslint",
        "prettier",
        "jest",
        "vitest",
        "playwright",
        "tsx",
        "ts-node",
        "next",
        "vite",
        "prisma",
        "turbo",
        "nx",
    }
)


@rule(
    "CON012",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a one-off runner without a version (`npx thing`, `uvx thing`), tools a project usually has itself left out",
    why="It runs whatever is newest that day: other behaviour, and other people's code, than the author saw.",
    source=SCRIPTS,
    fix="Pin it: `npx thing@1.4.2`, `uvx thing@1.4.2`.",
    bad=VALID + "\n```bash\nnpx pdf-fill-cli form.pdf\n```\n",
    good=VALID + "\n```bash\nnpx pdf-fill-cli@2.1.0 form.pdf\n```\n",
)
def runners_are_pinned(skill: Subject) -> Iterator[Problem]:
    markdown = skill.markdown
    if markdown is None or not _RUNNERS.allows(markdown.words):
        return
    found: dict[str, Span] = {}
    for block in markdown.fences:
        if fence_language(block.language) is not Language.SHELL or not re.search(
            r"npx|uvx|bunx|pipx|go run|pnpm dlx", block.text
        ):
            continue
        for command in Script("", block.text, Language.SHELL, block.line + 1).commands:
            package = _runner_package(command)
            if package is not None and package not in _LOCAL_TOOLS:
                found.setdefault(package, command.span)
    if found:
        names = ", ".join(f"`{shown(name, 30)}`" for name in list(found)[:5])
        yield Problem(f"runs without a version: {names}", next(iter(found.values())))


_IMPORT_TO_PACKAGE = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "pptx": "python-pptx",
    "sklearn": "scikit",
    "yaml": "pyyaml",
}


@rule(
    "CON013",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a bundled Python script that imports packages nobody declares",
    why="The first run ends in `ModuleNotFoundError`; the agent then installs something by guess.",
    source=SCRIPTS,
    fix="Declare them inline (`# /// script`), in a `requirements.txt`, or name them in the body or `compatibility`.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.py": "import pypdf\n"},
    good={
        "pdf-forms/SKILL.md": VALID,
        "pdf-forms/scripts/fill.py": '# /// script\n# dependencies = ["pypdf>=5"]\n# ///\nimport pypdf\n',
    },
)
def packages_are_declared(skill: Subject) -> Iterator[Problem]:
    if skill.document is None:
        return
    if not any(script.python is not None for script in skill.scripts):
        return
    declared = skill.document.text.lower()
    for entry in skill.files:
        if re.search(
            r"(?:^|/)(?:requirements[^/]*\.txt|pyproject\.toml|setup\.py|environment\.ya?ml|pipfile)$", entry.path, re.I
        ):
            declared += (skill.text(entry.path) or "").lower()
    local = {posixpath.splitext(posixpath.basename(e.path))[0] for e in skill.files if e.path.endswith(".py")}
    local |= {part for e in skill.files for part in posixpath.dirname(e.path).split("/")}
    for script in skill.scripts:
        if script.python is None or "# /// script" in script.text:
            continue
        missing = sorted(
            name
            for name in _top_level_imports(script.python)
            if name not in sys.stdlib_module_names
            and name not in local
            and name.lower().replace("_", "-") not in declared
            and name.lower() not in declared
            and _IMPORT_TO_PACKAGE.get(name, "\0") not in declared
        )
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing[:5])
            yield Problem(f"imports {listed}, which nothing declares", Span(1, 1, 1, 1), file=script.path)


def _top_level_imports(tree: ast.Module) -> set[str]:
    """Packages imported outside `try`, where a fallback may wait."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@rule(
    "CON014",
    Severity.INFO,
    Provenance.PRACTICE,
    what="a bundled Python program that reads its arguments by hand and has no `--help`",
    why="`--help` is how an agent learns to call a script without reading its source into the context.",
    source=SCRIPTS,
    fix="Use `argparse` with a description and help for each argument.",
    bad={
        "pdf-forms/SKILL.md": VALID,
        "pdf-forms/scripts/fill.py": "import sys\nif __name__ == '__main__':\n    print(sys.argv[1])\n",
    },
    good={
        "pdf-forms/SKILL.md": VALID,
        "pdf-forms/scripts/fill.py": "import argparse\nargparse.ArgumentParser().parse_args()\n",
    },
)
def scripts_have_help(skill: Subject) -> Iterator[Problem]:
    for script in skill.scripts:
        text = script.text
        if script.python is None or "sys.argv" not in text or "__main__" not in text:
            continue
        if not re.search(r"--help|argparse|click|typer|docopt|\bfire\b|absl|usage", text, re.I):
            yield Problem("reads `sys.argv` and has no --help", Span(1, 1, 1, 1), file=script.path)


_CASES = '{"skill_name": "pdf-forms", "evals": [{"id": 1, "prompt": "Fill it", "expected_output": "Filled"}]}'


@rule(
    "CON017",
    Severity.WARNING,
    Provenance.PRACTICE,
    what="an `evals/evals.json` that cannot be read, names another skill, has no prompts, or names files that are "
    "missing",
    why="Evaluations that do not load are evaluations nobody runs. Both spellings in use, `assertions` and "
    "`expectations`, "
    "are accepted.",
    source=EVALUATING,
    fix="Correct the file; `skill_name` is the skill's name, each case has a `prompt`.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/evals/evals.json": _CASES.replace("pdf-forms", "pdf-merge")},
    good={"pdf-forms/SKILL.md": VALID, "pdf-forms/evals/evals.json": _CASES},
)
def evaluations_load(skill: Subject) -> Iterator[Problem]:
    path = "evals/evals.json"
    text = skill.text(path) if any(entry.path == "evals" for entry in skill.entries) else None
    if text is None:
        return
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (1, 1)
        yield Problem(f"not valid JSON: {error}", Span(line, column, line, column + 1), file=path)
        return
    if isinstance(document, list):
        document = {"evals": document}
    cases = document.get("evals", document.get("queries")) if isinstance(document, dict) else None
    if not isinstance(cases, list) or not cases:
        yield Problem("has no list `evals` of cases", Span(1, 1, 1, 1), file=path)
        return
    declared = document.get("skill_name")
    if isinstance(declared, str) and skill.document is not None and declared not in ("", skill.document.name):
        line = text[: max(text.find('"skill_name"'), 0)].count("\n") + 1
        message = f"`skill_name` is `{shown(declared, 64)}`, the skill is `{shown(skill.document.name, 64)}`"
        yield Problem(message, Span(line, 1, line, 1), file=path)
    for number, case in enumerate(cases, start=1):
        if not isinstance(case, dict) or not any(
            isinstance(case.get(key), str) for key in ("prompt", "query", "input")
        ):
            yield Problem(f"case {number} has no `prompt`", Span(1, 1, 1, 1), file=path)
            continue
        files = case.get("files")
        for name in files if isinstance(files, list) else ():
            if isinstance(name, str) and not (skill.exists(name) or skill.exists(f"evals/{name}")):
                yield Problem(f"case {number} needs `{shown(name)}`, which is missing", Span(1, 1, 1, 1), file=path)
