"""What the pages claim row by row is shown by at least one test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLES = [
    ("security.md", "## What stops each attack", 20),
    ("design.md", "## What other bots do well, row by row", 35),
]


def _rows(page: str, heading: str) -> list[list[str]]:
    section = (ROOT / "docs" / page).read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def _tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name for file in files for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize(("page", "heading", "least"), TABLES, ids=[page for page, _, _ in TABLES])
def test_every_row_names_tests_that_are_there(page: str, heading: str, least: int) -> None:
    rows, there = _rows(page, heading), _tests()
    assert len(rows) >= least
    named = {cells[0]: re.findall(r"`(test_\w+)`", cells[-1]) for cells in rows}
    assert {row: tests for row, tests in named.items() if not there & set(tests)} == {}
