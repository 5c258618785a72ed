"""Checks on bundled scripts by reading them; nothing is ever run. Pure."""

import ast
import re

import tree_sitter_bash
from tree_sitter import Language, Parser

_PROMPTS = {
    ".py": re.compile(r"(?<![\w.])input\s*\(|getpass\s*\(|\bclick\.(prompt|confirm)\b"),
    ".sh": re.compile(r"\bread\s+(-\w+\s+)*-\w*p|\bselect\s+\w+\s+in\b"),
    ".js": re.compile(r"\breadline\b|\bprompt\s*\("),
}
_UNPINNED = re.compile(r"\b(?:npx|uvx|bunx|pipx run)\s+(?:-{1,2}\w+\s+)*(?P<package>[@\w][\w./@=-]*)")
_BASH = Language(tree_sitter_bash.language())


def script_problems(path: str, content: str) -> list[str]:
    """What a bundled script must not be: unreadable to its language, interactive, without help. Sentences."""
    suffix = "." + path.rpartition(".")[2]
    kind = ".js" if suffix == ".mjs" else suffix
    problems = []
    if not content.strip():
        return ["The file is empty."]
    if not content.startswith("#!"):
        problems.append("The first line must name the interpreter, e.g. `#!/usr/bin/env python3`.")
    if kind == ".py":
        problems.extend(_python_problems(content))
    elif kind == ".sh":
        problems.extend(_bash_problems(content))
    if kind in _PROMPTS and _PROMPTS[kind].search(content):
        problems.append("The script asks for input; take everything from arguments instead.")
    if "--help" not in content and not (kind == ".py" and "argparse" in content):
        problems.append("The script does not answer `--help`.")
    for match in _UNPINNED.finditer(content):
        package = match["package"]
        if "@" not in package.lstrip("@") and "==" not in package:
            problems.append(f"The runner call `{match[0]}` does not pin a version.")
    return problems


def _python_problems(content: str) -> list[str]:
    try:
        ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return [f"Python cannot read the file{f' (line {line})' if line else ''}."]
    return []


def _bash_problems(content: str) -> list[str]:
    root = Parser(_BASH).parse(content.encode()).root_node
    return ["Bash cannot read the file."] if root.has_error else []
