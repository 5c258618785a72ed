"""What docs/operations.md tells operators to type does what it says."""

import argparse
import importlib
import re
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import COMMANDS

DOCS = Path(__file__).parents[3] / "docs"
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["operations.md", "setup.md", "configuration.md"])
def test_every_command_in_the_pages_exists(page: str) -> None:
    words = (DOCS / page).read_text(encoding="utf-8")
    quoted = "\n".join(re.findall(r"`[^`\n]+`|^skill-fleet .*", words, re.MULTILINE))
    commands = set(re.findall(r"skill-fleet ([a-z]+)", quoted))
    assert commands
    assert commands <= set(COMMANDS)


def test_every_command_in_the_examples_takes_its_words() -> None:
    blocks = re.findall(r"```console\n(.*?)```", OPERATIONS, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").split("\n")]
    examples = [shlex.split(line, comments=True) for line in lines]
    ours = [words[1:] for words in examples if words[:1] == ["skill-fleet"]]
    assert ["inbox", "drop", "4713"] in ours
    for name, *words in ours:
        module, _ = COMMANDS[name]
        parser = argparse.ArgumentParser(exit_on_error=False)
        importlib.import_module(module).configure(parser)
        parser.parse_args(words)


def test_the_backup_of_sqlite_is_whole_while_somebody_writes(tmp_path: Path) -> None:
    (command,) = re.findall(r'^python -c "(.*)"$', OPERATIONS, re.MULTILINE)
    writer = sqlite3.connect(tmp_path / "skill-fleet.db")
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (n INTEGER)")
    writer.execute("INSERT INTO t VALUES (1)")
    writer.commit()
    writer.execute("INSERT INTO t VALUES (2)")
    subprocess.run([sys.executable, "-c", command.replace('\\"', '"')], cwd=tmp_path, check=True, timeout=30)
    writer.commit()
    writer.close()
    backup = sqlite3.connect(tmp_path / "backup.db")
    assert backup.execute("SELECT n FROM t").fetchall() == [(1,)]
    backup.close()
