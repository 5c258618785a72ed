"""Checks on bundled scripts by reading them as trees; nothing is ever run. Pure.

What must hold: the file can be read as its language, starts with its interpreter, answers `--help`, asks nobody
anything, and pins the version of what it fetches and runs.
"""

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import tree_sitter_bash
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

from pipeline.runners import unpinned, unpinned_dependencies

MAX_CHARACTERS = 200_000
_MAX_NODES = 400_000


@dataclass
class Reading:
    """What a script's tree says. `commands` are its calls of other programs as far as they are written out."""

    error: str = ""
    asks: bool = False
    helps: bool = False
    commands: list[str] = field(default_factory=list)


def script_problems(path: str, content: str) -> list[str]:
    """What a bundled script must not be, as sentences; empty when there is nothing to say."""
    if not content.strip():
        return ["The file is empty."]
    if len(content) > MAX_CHARACTERS:
        return ["The file is too large to be checked."]
    read = _READERS.get("." + path.rpartition(".")[2])
    if read is None:
        return ["A bundled script must be Python (.py), Bash (.sh) or JavaScript (.js, .mjs)."]
    found = read(content)
    problems = []
    if not content.startswith("#!"):
        problems.append("The first line must name the interpreter, e.g. `#!/usr/bin/env python3`.")
    if found.error:
        problems.append(found.error)
    if found.asks:
        problems.append("The script asks for input; take everything from arguments instead.")
    if not found.helps:
        problems.append("The script does not answer `--help`.")
    loose = [*unpinned("\n".join(found.commands)), *unpinned_dependencies(content)]
    problems.extend(f"`{call}` does not pin a version." for call in dict.fromkeys(loose))
    return problems


# --- Python ----------------------------------------------------------------------------------------------------------

_PYTHON_ASKS = re.compile(
    r"^(?:raw_)?input$|^builtins\.input$|(?:^|\.)getpass$|^(?:click|typer)\.(?:prompt|confirm)$|^Prompt\.ask$|^Confirm\.ask$"
    r"|^questionary\."
)


def _python(content: str) -> Reading:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return Reading(f"Python cannot read the file{f' (line {line})' if line else ''}.", helps=True)
    found = Reading()
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
            found.asks |= bool(_PYTHON_ASKS.search(name))
            found.helps |= name.endswith((".parse_args", ".parse_known_args", "click.command", "click.group"))
        elif isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            found.helps |= any(name.startswith(("click.command", "click.group", "app.command")) for name in decorators)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found.helps |= "--help" in node.value
            found.commands.append(node.value)
        if isinstance(node, ast.List | ast.Tuple):
            words = [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
            found.commands.append(" ".join(words))
    return found


# --- Bash and JavaScript ---------------------------------------------------------------------------------------------

_BASH = Language(tree_sitter_bash.language())
_JAVASCRIPT = Language(tree_sitter_javascript.language())
_ASKING_PACKAGES = re.compile(r"^(?:inquirer|enquirer|prompts?|readline-sync|prompt-sync|@inquirer/.*|@clack/prompts)$")
_JAVASCRIPT_ASKS = re.compile(r"^(?:(?:window|globalThis)\.)?(?:prompt|confirm)$|(?<=[\w)\]])\.question(?:InAsync)?$")


def _bash(content: str) -> Reading:
    root = Parser(_BASH).parse(content.encode(errors="replace")).root_node
    found = Reading("Bash cannot read the file." if root.has_error else "")
    comments = sum(_text(node).count("--help") for node in _nodes(root) if node.type == "comment")
    found.helps = content.count("--help") > comments
    for node in _nodes(root):
        text = _text(node)
        if node.type == "command" and (words := text.split()):
            prompts = any(re.match(r"-[a-zA-Z]*p", word) for word in words[1:])
            terminal = "/dev/tty" in text or (node.parent is not None and "/dev/tty" in _text(node.parent))
            found.asks |= words[0] in ("read", "whiptail", "dialog") and (prompts or words[0] != "read" or terminal)
            found.commands.append(text)
        elif node.type == "select_statement" or (node.type == "for_statement" and text.startswith("select ")):
            found.asks = True
    return found


def _javascript(content: str) -> Reading:
    root = Parser(_JAVASCRIPT).parse(content.encode(errors="replace")).root_node
    found = Reading()
    if root.has_error:
        line = next((node.start_point.row + 1 for node in _nodes(root) if node.is_error or node.is_missing), 0)
        found.error = f"JavaScript cannot read the file{f' (line {line})' if line else ''}."
    for node in _nodes(root):
        if node.type == "call_expression" and (called := node.child_by_field_name("function")) is not None:
            found.asks |= bool(_JAVASCRIPT_ASKS.search(_text(called)))
            arguments = node.child_by_field_name("arguments")
            found.commands.append(" ".join(_strings(arguments)) if arguments is not None else "")
        elif node.type in ("string", "template_string"):
            value = _text(node)[1:-1]
            found.helps |= "--help" in value
            used = node.parent is not None and (
                node.parent.type == "import_statement"
                or (node.parent.type == "arguments" and _text(node.parent.parent).startswith(("require(", "import(")))
            )
            found.asks |= used and bool(_ASKING_PACKAGES.match(value))
            found.commands.append(value)
    return found


def _strings(node: Node) -> Iterator[str]:
    """The words of `spawn("npx", ["eslint", "."])`, in order."""
    for inner in _nodes(node):
        if inner.type == "string":
            yield _text(inner)[1:-1]


def _nodes(root: Node) -> Iterator[Node]:
    """All nodes in the order of the text; a huge tree is read in part."""
    waiting, seen = [root], 0
    while waiting and seen < _MAX_NODES:
        node = waiting.pop()
        seen += 1
        yield node
        waiting.extend(reversed(node.children))


def _text(node: Node | None) -> str:
    return node.text.decode(errors="replace") if node is not None and node.text is not None else ""


_READERS: Mapping[str, Callable[[str], Reading]] = {
    ".py": _python,
    ".sh": _bash,
    ".js": _javascript,
    ".mjs": _javascript,
}
