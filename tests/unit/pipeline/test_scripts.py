"""Bundled scripts are read, never run."""

import pytest

from pipeline.scripts import script_problems

PYTHON = "#!/usr/bin/env python3\nimport argparse\n\nargparse.ArgumentParser().parse_args()\n"
BASH = '#!/usr/bin/env bash\nset -eu\nif [ "${1:-}" = --help ]; then echo usage; fi\n'


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("scripts/a.py", PYTHON, None),
        ("scripts/a.sh", BASH, None),
        ("scripts/a.py", "", "empty"),
        ("scripts/a.py", PYTHON.split("\n", 1)[1], "interpreter"),
        ("scripts/a.py", PYTHON + "def (:\n", "Python cannot read the file (line 5)"),
        ("scripts/a.py", PYTHON + "x = input('name')\n", "asks for input"),
        ("scripts/a.py", PYTHON + "import getpass\ngetpass.getpass()\n", "asks for input"),
        ("scripts/a.py", PYTHON + "def user_input(x): ...\nuser_input(1)\n", None),
        ("scripts/a.py", "#!/usr/bin/env python3\nprint(1)\n", "--help"),
        ("scripts/a.sh", BASH + "if true; then echo\n", "Bash cannot read"),
        ("scripts/a.sh", BASH + "read -r -p 'name? ' name\n", "asks for input"),
        ("scripts/a.sh", BASH + 'while read -r line; do echo "$line"; done\n', None),
        ("scripts/a.sh", BASH + "npx eslint .\n", "pin a version"),
        ("scripts/a.sh", BASH + "npx eslint@9.0.0 .\nuvx ruff==0.8.0 check\n", None),
        ("scripts/a.py", PYTHON + "x = " + "(" * 100_000, "Python cannot read"),
    ],
)
def test_what_is_wrong_with_a_script(path: str, content: str, says: str | None) -> None:
    problems = script_problems(path, content)
    assert problems == [] if says is None else any(says in problem for problem in problems)
