"""The command at a terminal and away from one: colours, and progress where a run is long."""

import os
import pty
import re
import subprocess
import sys

import pytest

from pipeline.skills.rules.spec_file import VALID


def run(folder, *, terminal, extra=(), environ=None):
    """What the command writes to standard output and to standard error, at a pseudo-terminal or into pipes."""
    command = [sys.executable, "-m", "bot", "validate", str(folder), "--jobs", "1", *extra]
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    variables = {**kept, "TERM": "xterm", "PYTHONPATH": os.getcwd(), **(environ or {})}
    if not terminal:
        done = subprocess.run(command, capture_output=True, env=variables, check=False, timeout=100)
        return done.stdout.decode(), done.stderr.decode()
    screens = [pty.openpty() for _ in range(2)]
    process = subprocess.Popen(command, stdout=screens[0][1], stderr=screens[1][1], env=variables)
    os.close(screens[0][1])
    os.close(screens[1][1])
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(lambda screen: everything(screen[0]), screens))
    process.wait(100)
    return written[0], written[1]


def everything(descriptor):
    data = b""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # the other side has gone
            piece = b""
        if not piece:
            os.close(descriptor)
            return data.decode()
        data += piece


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "pdf").mkdir()
    (tmp_path / "pdf/SKILL.md").write_text(VALID)
    return tmp_path


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for number in range(210):
        path = folder / f"skills/s{number}/SKILL.md"
        path.parent.mkdir(parents=True)
        path.write_text(VALID.replace("pdf-forms", f"s{number}"))
    return folder


COLOUR = re.compile(r"\x1b\[\d")


def test_a_terminal_gets_colours(broken):
    assert COLOUR.search(run(broken, terminal=True)[0])


@pytest.mark.parametrize(
    ("terminal", "environ", "extra"),
    [
        (True, {"NO_COLOR": "1"}, ()),
        (False, {}, ()),
        (False, {"TERM": "dumb"}, ()),
        (True, {}, ("--format", "json")),
        (True, {}, ("--format", "github")),
    ],
)
def test_nothing_else_gets_colours(broken, terminal, environ, extra):
    output, errors = run(broken, terminal=terminal, environ=environ, extra=extra)
    assert "SPEC011" in output
    assert "\x1b" not in output + errors


def test_a_long_run_at_a_terminal_shows_its_progress(many):
    output, errors = run(many, terminal=True)
    assert "210 skills" in output
    assert "validating" in errors and "validating" not in output


@pytest.mark.parametrize(("terminal", "extra"), [(False, ()), (True, ("--format", "json"))])
def test_a_long_run_elsewhere_is_silent_on_standard_error(many, terminal, extra):
    output, errors = run(many, terminal=terminal, extra=extra)
    assert errors == ""
    assert "s209" in output or "210 skills" in output


def test_a_short_run_shows_no_progress(broken):
    assert run(broken, terminal=True)[1] == ""
