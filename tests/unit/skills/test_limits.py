"""Nothing is left out silently: what the rules do not look at is a finding (STR017, or STR002 for the body)."""

import pytest

from pipeline.skills import scripts
from pipeline.skills.findings import Severity
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.validation import validate_tree

LONG_LINE = "word " * 14_000
CASES = {
    "a shell program of 600 KB": ("scripts/fill.sh", "true\n" * 120_000, "not examined: the program", "warning"),
    "a Python program of 600 KB": ("scripts/fill.py", "a = 1\n" * 100_000, "not examined: the program", "warning"),
    "a Python program in Latin-1": ("scripts/fill.py", b"print('\xe9')\n", "not examined: it is not UTF-8", "warning"),
    "a page in Latin-1": ("references/a.md", b"caf\xe9\n", "not examined: it is not UTF-8", "info"),
    "a template of a program": ("scripts/fill.py", "{{ head }} {{ tail }}\n", "not examined: a template", "info"),
    "a page of 600 KB": ("references/a.md", "word\n\n" * 100_000, "not examined: it has more than", "info"),
    "a paragraph of 70 KB": ("references/a.md", LONG_LINE, "links and code spans are not looked for", "info"),
    "2,100 links": ("references/a.md", "[a](b.md)\n\n" * 2_100, "links beyond the first 2,000", "info"),
    "a table of 2 MB": ("assets/a.csv", "a,b\n" * 500_000, "not searched for credentials", "info"),
    "a file of 9 MB": ("assets/a.bin", b"\0" * (9 * 1024 * 1024), "not read: it is larger", "info"),
    "a command of 9 KB": ("scripts/fill.sh", f"#!/bin/sh\ncurl {'x' * 9_000}\n", "not examined to its end", "warning"),
}


def told(path: str, content: str | bytes) -> list[tuple[str, str, str]]:
    report = validate_tree({"pdf-forms/SKILL.md": VALID, f"pdf-forms/{path}": content})
    return [(f.file, f.message, f.severity.value) for f in report.findings if f.rule == "STR017"]


@pytest.mark.parametrize(("path", "content", "message", "severity"), CASES.values(), ids=CASES)
def test_what_is_not_examined_is_said(path, content, message, severity):
    assert [(file, said[: len(message)], weight) for file, said, weight in told(path, content)] == [
        (f"pdf-forms/{path}", message, severity)
    ]


def test_a_program_of_too_many_parts_is_said_to_be_examined_in_part(monkeypatch):
    monkeypatch.setattr(scripts, "MAX_NODES", 50)
    program = "curl x\n" * 60
    ((_, message, severity),) = told("scripts/fill.sh", program)
    assert "it has more than 50 parts" in message
    assert severity == Severity.WARNING
    body = validate_tree({"pdf-forms/SKILL.md": f"{VALID}\n```sh\n{program}```\n"})
    assert [f.line for f in body.findings if f.rule == "STR017"] == [11]


@pytest.mark.parametrize(("pages", "said"), [(400, []), (401, ["among more than 400 files, those that nothing"])])
def test_too_many_files_to_look_for_those_that_nothing_mentions_are_said(pages, said):
    files = {f"pdf-forms/assets/{number}.txt": "x\n" for number in range(pages)}
    report = validate_tree({"pdf-forms/SKILL.md": VALID, **files})
    assert [f.message[:45] for f in report.findings if f.rule == "STR017"] == said


def test_a_body_too_large_is_an_error():
    report = validate_tree({"pdf-forms/SKILL.md": VALID + "word\n\n" * 100_000})
    assert ("STR002", Severity.ERROR) in {(f.rule, f.severity) for f in report.findings}


def test_ordinary_files_are_examined_without_a_word():
    for path in ("scripts/fill.sh", "scripts/fill.py", "references/a.md", "assets/a.csv"):
        assert told(path, "x = 1\n") == []
    assert told("assets/logo.png", b"\x89PNG\r\n\x1a\n\0\xe9") == []
