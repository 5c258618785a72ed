"""Findings on real skills, checked by hand: paths, rules and reasons only, the skills themselves are their authors'.

The labels say how often the rules are right. Where the skills are at hand (SKILL_FLEET_CORPUS names their folder), the
test also looks that every finding labelled right is still made. Rules that need the bundled files (STR004, the licence
file of SPEC018) are not labelled: only the SKILL.md files were there.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from pipeline.skills.validation import Options, validate

LABELS = json.loads((Path(__file__).parents[2] / "data/skills/labelled-findings.json").read_text("utf-8"))


def share_right(severity: str) -> float:
    labels = [label["right"] for label in LABELS if label["severity"] == severity]
    return sum(labels) / len(labels)


def test_the_sample_is_large_and_from_many_repositories():
    assert len(LABELS) >= 150
    assert len({label["path"].split("/", 1)[0] for label in LABELS}) >= 10
    assert all(label["reason"] for label in LABELS)


def test_errors_and_warnings_are_right_as_often_as_promised():
    assert share_right("error") >= 0.95
    assert share_right("warning") >= 0.85


def test_what_was_right_is_still_found():
    corpus = os.environ.get("SKILL_FLEET_CORPUS")
    if not corpus:
        pytest.skip("SKILL_FLEET_CORPUS does not name the folder of the skills")
    found: Counter[tuple[str, str, int]] = Counter()
    for repository in sorted({label["path"].split("/", 1)[0] for label in LABELS}):
        report = validate(Path(corpus) / repository, options=Options(is_repository=True))
        for skill in report.skills:
            path = repository if skill.path == "." else f"{repository}/{skill.path}"
            found.update((path, finding.rule, finding.line) for finding in skill.findings)
    missing = [label for label in LABELS if label["right"] and not found[label["path"], label["rule"], label["line"]]]
    assert missing == []
