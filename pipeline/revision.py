"""The version of a skill that was changed: `metadata.version` raised, and a line in its changelog where it keeps one.

Major when something was taken away, minor when something was added or the description changed, patch otherwise; always
counted from the version on the default branch, so that several rounds raise it once. Only the lines concerned change.
"""

import re
from collections.abc import Sequence

from pipeline import sections
from pipeline.checking import body_of, description_of, with_body
from pipeline.models import Change, SkillDraft
from pipeline.skills.document import read_document
from pipeline.skills.metadata import SkillMetadata, read_metadata, render_skill

CHANGELOG = "CHANGELOG.md"
FIRST = "1.0.0"
_NUMBERS = re.compile(r"v?(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?")
_IN_METADATA = re.compile(r"(?m)^(metadata:[ \t]*(?:#.*)?\n(?:[ \t]+.*\n|[ \t]*\n)*?[ \t]+version:[ \t]*).*$")
_BLOCK = re.compile(r"(?m)^metadata:[ \t]*(?:#.*)?\n([ \t]+)(?=\S)")
_SECTION = re.compile(r"changelog|change log|version history|history", re.IGNORECASE)


def version_of(draft: SkillDraft) -> str:
    """`metadata.version`; "" when there is none that can be read."""
    try:
        return read_metadata(draft.skill_content).metadata.get("version", "")
    except ValueError:
        return ""


def next_version(before: SkillDraft, after: SkillDraft) -> str:
    """The version after these changes. A skill without a readable version counts as 1.0.0."""
    match = _NUMBERS.fullmatch(version_of(before).strip() or FIRST) or _NUMBERS.fullmatch(FIRST)
    assert match is not None, "the first version is a version"
    major, minor, patch = (int(number or 0) for number in match.groups())
    old, new = _parts(before), _parts(after)
    if old - new:
        return f"{major + 1}.0.0"
    if new - old or description_of(before) != description_of(after):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def revised(before: SkillDraft, after: SkillDraft, changes: Sequence[Change]) -> SkillDraft:
    """`after` under its new version, with a line where the skill keeps a changelog."""
    if _without_tests(before) == _without_tests(after):
        return after
    version = next_version(before, after)
    done = [change.note or change.request for change in changes if change.outcome == "applied"]
    line = f"{version}: {' '.join('; '.join(done).split())[:300] or 'Changed on request.'}"
    return _logged(_versioned(after, version), version, line)


def _parts(draft: SkillDraft) -> set[str]:
    files = {path for path in draft.files if not path.startswith("evals/")}
    return files | {f"## {heading.strip().lower()}" for heading in sections.headings(body_of(draft))}


def _without_tests(draft: SkillDraft) -> dict[str, str]:
    return {path: text for path, text in draft.files.items() if not path.startswith("evals/")}


def _versioned(draft: SkillDraft, version: str) -> SkillDraft:
    text = draft.skill_content
    document = read_document(text.encode("utf-8", "surrogatepass"))
    head = text[document.yaml_start : document.yaml_end]
    if _IN_METADATA.search(head):
        new = _IN_METADATA.sub(rf'\g<1>"{version}"', head, count=1)
    elif block := _BLOCK.search(head):
        new = f'{head[: block.start(1)]}{block[1]}version: "{version}"\n{head[block.start(1) :]}'
    else:
        new = f'{head}metadata:\n  version: "{version}"\n'
    changed = text[: document.yaml_start] + new + text[document.yaml_end :]
    result = draft.model_copy(update={"files": {**draft.files, "SKILL.md": changed}})
    return result if version_of(result) == version else _rendered(draft, version)


def _rendered(draft: SkillDraft, version: str) -> SkillDraft:
    """For frontmatter written in a way that cannot be changed by lines: written anew, with the same values."""
    try:
        known = read_metadata(draft.skill_content)
    except ValueError:
        return draft
    metadata = SkillMetadata.model_validate({**known.model_dump(), "metadata": {**known.metadata, "version": version}})
    return draft.model_copy(update={"files": {**draft.files, "SKILL.md": render_skill(metadata, body_of(draft))}})


def _logged(draft: SkillDraft, version: str, line: str) -> SkillDraft:
    """A line on top of the skill's own changelog; a skill without one gets none, since agents do not need it."""
    if log := draft.files.get(CHANGELOG):
        return draft.model_copy(update={"files": {**draft.files, CHANGELOG: _with_line(log, version, line)}})
    parts = sections.split(body_of(draft))
    for number, part in enumerate(parts):
        if _SECTION.fullmatch(part.heading.strip()):
            heading = part.text[: len(part.text) - len(part.below)]
            kept = _with_line(part.below, version, line)
            parts[number] = sections.Part(part.heading, f"{heading}{kept}")
            return with_body(draft, sections.join(parts))
    return draft


def _with_line(log: str, version: str, line: str) -> str:
    """The newest entry first: before the first list item, else at the end; once for each version."""
    entry = f"- {line}\n"
    lines = log.splitlines(keepends=True)
    mine = re.compile(rf"[-*] {re.escape(version)}:")
    lines = [each for each in lines if not mine.match(each)]
    first = next((number for number, each in enumerate(lines) if each.startswith(("- ", "* "))), None)
    if first is None:
        return f"{''.join(lines).rstrip()}\n\n{entry}" if "".join(lines).strip() else f"\n{entry}"
    return "".join([*lines[:first], entry, *lines[first:]])
