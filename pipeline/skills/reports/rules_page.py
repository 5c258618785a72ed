"""`docs/rules.md`, from the registry: what each rule reports, why, on whose authority, and how to comply."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from pipeline.skills.files import Symlink
from pipeline.skills.rules.registry import Example, Rule, all_rules

_GROUPS = {
    "SPEC": "Specification: the file loads, and its fields conform",
    "STR": "Structure: sizes, references and files",
    "CON": "Content: what the body says",
    "DES": "Description: whether an agent picks the skill",
    "SEC": "Security: what the skill does, hides or grants",
    "TAX": "Repository: where skills are, and how they get along",
    "IGN": "Exceptions",
}
_INTRODUCTION = """# Rules

Generated from the registry by `python -m pipeline.skills.reports.rules_page docs/rules.md`; do not edit.

## Verdict and exit status

The **verdict** speaks about the specification alone. A skill is **unloadable** when an error of a rule marked ⛔ is
found: clients would skip it. It **fails** when another requirement of the specification is not met: an error of a rule
of origin `spec` that is an error by default. It **passes** otherwise, whatever else was found. A profile does not
change it: an error that a profile makes of a recommendation fails the build, not the skill.

The **exit status** speaks about the build: `--fail-on error` (the default) fails it for an error of any origin, so a
credential or a broken manifest stops a pull request although the skill conforms; reports then say *pass, with errors*.
Warnings and notes are advice, and never fail a build unless asked to (`--fail-on warning`, or a profile that makes
errors of them: `strict` does so with every warning).

## Origins and exceptions

*Origin* says on whose authority a rule speaks: the specification (`spec`), a client (`client:…`), good practice,
security, or the repository as a whole. Where a profile weighs a rule differently, it says so.

Silence a finding with `skill-fleet: ignore RULE reason` in a comment: `# …` in the frontmatter, for the whole skill;
`# …` in a script, for that line and the next; `<!-- … -->` in Markdown, for the block that follows. Or with a baseline
file. Security errors can be silenced by the baseline only. A comment or entry that silences nothing is reported.

## What was changed after trying the rules on real skills

Every rule of the catalogue this began with is here, under its number. These differ from it:

- **STR003**, **STR012**: warnings, not errors; the specification has no limit, and an unclosed fence is valid.
- **STR005**: absolute links are warnings, and only for folders of a file system: `/docs/x` is mostly a web path.
- **STR004**: code spans count only when the skill has that folder; skills often speak of a project's own `scripts/`.
- **STR004** in a folder on disk that is no Git repository and holds five or more SKILL.md files and nothing else:
  somebody took them out of their repositories, so nothing can be known of other files. One note per skill says so; the
  licence file of **SPEC018** is not asked for. A single skill without other files is judged as it is.
- **STR004** does not take `[x](label)` or `[x](wiki/page)` for files: no extension, and no folder a skill would have.
- **STR007**, **DES003**, **DES008**, **DES010**, **SEC014**: notes; as warnings they were right and nobody's problem.
  **SEC014** still warns of a command that fetches or reads secrets. **DES003** speaks from 500 characters on (7 % of
  1,642 real descriptions); at 400 it was 13 %.
- **STR016** does not ask for a shebang line: skills say `python scripts/x.py`. It looks at JSON files as well.
- **STR013** leaves trailing spaces alone: two of them are a line break.
- **CON003**, **DES006**: thresholds that real skills of known quality stay under (one shouted word in 60; 12 quoted
  phrases or 18 short items, where the catalogue had 5 and 8).
- **CON006** wants a check in a workflow of six numbered steps; what is destructive without a guard is **SEC010**.
- **CON012** leaves out tools that a project usually installs itself (`npx tsc`, `npx eslint`).
- **CON014** speaks only of programs that read `sys.argv` by hand; one without arguments needs no `--help`.
- **SEC004**: installers of well-known tools are notes, other HTTPS installers warnings; the rest are errors.
- **SEC012**: the catalogue wanted every host a script names and the skill does not declare. Scripts name the service
  they are for, and no field declares hosts; so only hosts made for hiding are reported.
- **SEC012**, **SEC020** read code, not words about it: Python by its syntax tree; elsewhere comments, what is printed
  and (for JavaScript) texts are blanked first.
- **TAX001**: a warning, and copies for different agents are no duplicates.
- **TAX002** leaves alone what lies below `tests/`, `fixtures/`, `testdata/`, `examples/`, `samples/` or `templates/`:
  nobody is meant to install it. `--profile strict` asks for it all the same.
- **DES011** says nothing when there is no trigger set at all: that would be a finding on nearly every skill.
- **TAX008** needs three categories of two skills or more to compare with; in a small repository any new skill would be
  alone in its category.
- After 224 findings in skills no rule was tuned on ([how often they were right](validator.md#how-often-it-is-right)):
  **CON001** wants `lorem ipsum dolor`, because checklists speak of lorem ipsum; **CON011** lets a script ask that has
  `--interactive`; **STR004** and **STR006** do not read links in templates and sample outputs, nor **STR015** skills
  among them; **TAX009** compares no file with a link to it, **TAX001** no skill with a fixture; **DES001** takes a
  sentence that begins with “For”; **SEC018** no longer holds all of `self` for secret once one attribute is.
- After 235 more: **SEC013** leaves alone SQL that only constants and question marks make up, and notes what tests
  run; **STR004** does not take a path behind “Example:” for a file; **DES001** understands “before any …”, “for the …
  phase” and 触发; **SEC001** knows a script's list of invisible characters, **SEC007** a key that counts through the
  alphabet, **SEC016** well-known mirrors, **CON011** `args.yes`, **CON009** a user of one letter, **SEC003** “no
  reason to …”, **DES007** “instead of … on every query”. In the pages of a skill about attacks, the attacks are noted
  only (SEC004 to SEC006, SEC008, SEC010, SEC011, SEC013, SEC016 to SEC019), and so is a service started with a blank
  to fill in (SEC011). **TAX002** only notes a plugin's skills where the tree holds SKILL.md files and nothing else: a
  manifest may list them.
- **STR017** is new: what a rule did not look at, because it is too large or cannot be read, is a finding.
- **SPEC024** is new (YAML 1.1 booleans); **SEC017**-**SEC020** split Python and JavaScript from the shell rules.
"""


def render_rules_page() -> str:
    """The page, with a final newline."""
    parts = [_INTRODUCTION]
    rules = list(all_rules().values())
    for prefix, title in _GROUPS.items():
        members = sorted((r for r in rules if r.id.rstrip("0123456789") == prefix), key=lambda r: r.id)
        parts.append(f"## {title}\n")
        parts.append("| Rule | Severity | Origin | Reports |\n| --- | --- | --- | --- |")
        parts.append("\n".join(_row(rule) for rule in members) + "\n")
        parts.extend(_section(rule) for rule in members)
    return "\n".join(parts).rstrip("\n") + "\n"


def _row(rule: Rule) -> str:
    mark = " ⛔" if rule.breaks_loading else ""
    what = rule.what.replace("|", "\\|")
    return f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity.value}{mark} | {rule.origin} | {what} |"


def _section(rule: Rule) -> str:
    marks = [rule.severity.value, rule.origin]
    marks += ["fixable"] if rule.fixable else []
    marks += [f"{profile.value}: {severity.value}" for profile, severity in rule.profiles.items()]
    lines = [
        f"### {rule.id}",
        "",
        f"*{' · '.join(marks)}* ([source]({rule.source}))",
        "",
        f"Reports {rule.what}.",
        "",
        rule.why,
        "",
        f"**How to fix:** {rule.fix}",
        "",
        "Bad:",
        "",
        _fenced(example_text(rule.bad)),
        "",
        "Good:",
        "",
        _fenced(example_text(rule.good)),
        "",
    ]
    return "\n".join(lines)


def _fenced(text: str) -> str:
    fence = "`" * max(3, max((len(run) for run in _backtick_runs(text)), default=0) + 1)
    return f"{fence}text\n{text.rstrip(chr(10))}\n{fence}"


def _backtick_runs(text: str) -> list[str]:
    return [run for run in "".join(c if c == "`" else " " for c in text).split() if run]


def example_text(example: Example, *, limit: int = 14) -> str:
    """An example as text: each file under its path, long ones cut, what cannot be printed escaped."""
    files: Mapping[str, str | bytes | Symlink] = (
        {"pdf-forms/SKILL.md": example} if isinstance(example, str) else example
    )
    shown = list(files.items())[:4]
    more = f"\n\n[… and {len(files) - 4} more files]" if len(files) > 4 else ""
    return "\n\n".join(f"# {path}\n{_content(content, limit)}" for path, content in shown) + more


def _content(content: str | bytes | Symlink, limit: int) -> str:
    if isinstance(content, Symlink):
        return f"(a link to {content.target})"
    text = content if isinstance(content, str) else content.decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text).rstrip("\n").split("\n")
    cut = [line if len(line) <= 160 else line[:150] + " […]" for line in shown]
    return "\n".join(cut if len(cut) <= limit else [*cut[:limit], "[…]"])


if __name__ == "__main__":
    from pathlib import Path

    Path(sys.argv[1]).write_text(render_rules_page(), encoding="utf-8")
