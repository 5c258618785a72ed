"""Bundled scripts are read, never run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runners import unpinned, unpinned_dependencies
from pipeline.scripts import script_problems

PYTHON = "#!/usr/bin/env python3\nimport argparse\n\nargparse.ArgumentParser().parse_args()\n"
BASH = '#!/usr/bin/env bash\nset -eu\nif [ "${1:-}" = --help ]; then echo usage; fi\n'
NODE = (
    "#!/usr/bin/env node\nimport { readFileSync } from 'node:fs';\n\n"
    "if (process.argv.includes('--help')) { console.log('usage'); process.exit(0); }\n"
)


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("scripts/a.py", PYTHON, None),
        ("scripts/a.sh", BASH, None),
        ("scripts/a.mjs", NODE, None),
        ("scripts/a.js", NODE.replace("import { readFileSync } from 'node:fs'", "const fs = require('fs')"), None),
        ("scripts/a.rb", "#!/usr/bin/env ruby\nputs '--help'\n", "must be Python"),
        ("scripts/a.py", "", "empty"),
        ("scripts/a.py", PYTHON + "#" * 200_000, "too large"),
        ("scripts/a.py", PYTHON.split("\n", 1)[1], "interpreter"),
        # readable
        ("scripts/a.py", PYTHON + "def (:\n", "Python cannot read the file (line 5)"),
        ("scripts/a.py", PYTHON + "x = " + "(" * 100_000, "Python cannot read"),
        ("scripts/a.sh", BASH + "if true; then echo\n", "Bash cannot read"),
        ("scripts/a.mjs", NODE + "const x = ;\n", "JavaScript cannot read the file (line 5)"),
        ("scripts/a.mjs", NODE + "if (x) {\n", "JavaScript cannot read"),
        ("scripts/a.mjs", NODE + "const a = await fetch?.(`x${1}`) ?? { ...{} };\nclass A { #b = 1n; }\n", None),
        # no prompts
        ("scripts/a.py", PYTHON + "x = input('name')\n", "asks for input"),
        ("scripts/a.py", PYTHON + "import getpass\ngetpass.getpass()\n", "asks for input"),
        ("scripts/a.py", PYTHON + "import click\nif click.confirm('sure?'): pass\n", "asks for input"),
        ("scripts/a.py", PYTHON + "def user_input(x): ...\nuser_input(1)\n", None),
        ("scripts/a.py", PYTHON + "print('never calls input() itself')\n", None),
        ("scripts/a.sh", BASH + "read -r -p 'name? ' name\n", "asks for input"),
        ("scripts/a.sh", BASH + "read -rp 'name? ' name\n", "asks for input"),
        ("scripts/a.sh", BASH + "read -r name < /dev/tty\n", "asks for input"),
        ("scripts/a.sh", BASH + "select x in a b; do echo $x; done\n", "asks for input"),
        ("scripts/a.sh", BASH + 'while read -r line; do echo "$line"; done\n', None),
        ("scripts/a.mjs", NODE + "const name = prompt('name?');\n", "asks for input"),
        ("scripts/a.mjs", NODE + "rl.question('name?', (name) => {});\n", "asks for input"),
        ("scripts/a.mjs", "#!/usr/bin/env node\nimport i from 'inquirer';\nconst h = '--help';\n", "asks for input"),
        ("scripts/a.js", NODE + "const p = require('prompts');\n", "asks for input"),
        ("scripts/a.mjs", NODE + "import rl from 'node:readline';\nrl.createInterface({ input: file });\n", None),
        ("scripts/a.mjs", NODE + "// ask with prompt('x')\nconst t = 'prompt(x)';\n", None),
        # --help
        ("scripts/a.py", "#!/usr/bin/env python3\nprint(1)\n", "--help"),
        ("scripts/a.py", "#!/usr/bin/env python3\n'''Answers --help.'''\nimport argparse\nprint(1)\n", "--help"),
        ("scripts/a.py", "#!/usr/bin/env python3\nimport sys\nif '--help' in sys.argv: print('usage')\n", None),
        ("scripts/a.sh", "#!/usr/bin/env bash\n# answers --help\necho 1\n", "--help"),
        ("scripts/a.sh", "#!/usr/bin/env bash\ncase $1 in\n  -h|--help) echo usage;;\nesac\n", None),
        ("scripts/a.mjs", "#!/usr/bin/env node\n// --help\nconsole.log(1);\n", "--help"),
        # pinned runners
        ("scripts/a.sh", BASH + "npx eslint .\n", "`npx eslint` does not pin a version"),
        ("scripts/a.sh", BASH + "npx eslint@9.0.0 .\nuvx ruff==0.8.0 check\n", None),
        ("scripts/a.sh", BASH + "# not: npx eslint .\n", None),
        ("scripts/a.py", PYTHON + "run(['npx', '--yes', 'prettier', '.'])\n", "`npx prettier` does not pin"),
        ("scripts/a.py", PYTHON + "run(['npx', '--yes', 'prettier@3.4.2', '.'])\n", None),
        ("scripts/a.mjs", NODE + "spawnSync('npx', ['prettier', '.']);\n", "`npx prettier` does not pin"),
        ("scripts/a.mjs", NODE + "spawnSync('npx', ['prettier@3.4.2', '.']);\n", None),
        (
            "scripts/a.py",
            PYTHON.replace("import", '# /// script\n# dependencies = ["rich"]\n# ///\nimport', 1),
            "`rich` does not pin",
        ),
    ],
)
def test_what_is_wrong_with_a_script(path: str, content: str, says: str | None) -> None:
    problems = script_problems(path, content)
    assert problems == [] if says is None else any(says in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("call", "loose"),
    [
        ("npx eslint .", ["npx eslint"]),
        ("npx --yes @biomejs/biome check", ["npx @biomejs/biome"]),
        ("npx @biomejs/biome@1.9.4 check", []),
        ("npx eslint@latest .", ["npx eslint@latest"]),
        ("npx -p typescript tsc", ["npx typescript"]),
        ("npx -p typescript@5.7.2 tsc", []),
        ("npx --package=typescript@5.7.2 -- tsc -p .", []),
        ("npx --no-install tsc", []),
        ("pnpm dlx create-app && yarn dlx x@1.0.0", ["pnpm dlx create-app"]),
        ("npm exec -- cowsay", ["npm exec cowsay"]),
        ("uvx ruff check", ["uvx ruff"]),
        ("uvx ruff@0.8.0 check", []),
        ("uvx --from 'httpie==3.2.4' http", []),
        ("uvx --from httpie http", ["uvx httpie"]),
        ("uvx --python 3.12 ruff", ["uvx ruff"]),
        ("uv tool run black==24.10.0 .", []),
        ("pipx run cowsay==6.1", []),
        ("pipx run cowsay | cat", ["pipx run cowsay"]),
        ("uv run script.py", []),
        ("uv run --with rich script.py", ["uv run rich"]),
        ("uv run --with rich==13.9.4 --with=httpx==0.28.1 script.py", []),
        ("go run ./cmd/tool", []),
        ("go run example.com/tool@latest", ["go run example.com/tool@latest"]),
        ("go run example.com/tool@v1.2.3", []),
        ("deno run npm:chalk", ["deno run chalk"]),
        ("deno run -A main.ts", []),
        ("use my-npx eslint", []),
        ("npx $TOOL", []),
    ],
)
def test_a_runner_must_name_the_version_it_runs(call: str, loose: list[str]) -> None:
    assert unpinned(call) == loose


def test_inline_dependencies_must_be_pinned() -> None:
    listed = '# dependencies = [\n#   "rich==13.9.4",\n#   "httpx>=0.27",\n# ]'
    block = f'#!/usr/bin/env python3\n# /// script\n# requires-python = ">=3.11"\n{listed}\n# ///\n'
    assert unpinned_dependencies(block) == ["httpx>=0.27"]
    assert unpinned_dependencies("print('dependencies = [\"rich\"]')\n") == []


@given(st.sampled_from(["a.py", "a.sh", "a.js"]), st.text(max_size=200))
def test_no_text_breaks_the_reading(path: str, content: str) -> None:
    assert script_problems(f"scripts/{path}", content)
