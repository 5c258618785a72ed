"""SEC012 and SEC020: hosts made for hiding, and JavaScript that runs what it decodes.

Python is read through its syntax tree. Other languages have no parser here: their comments, and for code their texts,
are blanked first, so that words *about* a danger are not taken for it. What prints or explains is left out as well.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from pipeline.skills.document import LineMap
from pipeline.skills.findings import Provenance, Severity
from pipeline.skills.patterns import lazy
from pipeline.skills.rules.registry import Problem, rule
from pipeline.skills.rules.spec_fields import shown
from pipeline.skills.rules.spec_file import VALID
from pipeline.skills.scripts import Script, script_at
from pipeline.skills.subject import Subject

_LIMIT = 512 * 1024
_HOSTS = lazy(r"https?://([\w-]+(?:\.[\w-]+)+)")
_SHADY = lazy(
    r"^(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[\w-]+\.)*(?:pastebin\.com|ngrok(?:-free)?\.(?:io|app|dev)|webhook\.site|requestbin\.\w+"
    r"|pipedream\.net|burpcollaborator\.net|oast\.\w+|interact\.sh|transfer\.sh|0x0\.st|bit\.ly|tinyurl\.com)"
    r"|(?:[\w-]+\.)+(?:onion|tk))$"
)
_PRIVATE = lazy(r"(?:127|10|0|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254|192\.0\.2|198\.51\.100|203\.0\.113)\.")
_PRINTS = lazy(r"^\s*(?:echo|printf|print|puts|console\.\w+|Write-(?:Host|Output)|say|die|warn)\b")
_EXPLAINS = frozenset({"help", "description", "epilog", "usage"})
_PRINTERS = frozenset({"print", "debug", "info", "warning", "error", "exception", "critical", "add_argument"})
_HASH = (".sh", ".bash", ".rb", ".ps1", ".pl")
_SETTINGS = (".yaml", ".yml", ".toml", ".ini", ".cfg", ".json")
_SLASHES = (".js", ".ts", ".mjs", ".cjs")


def code_of(text: str, *, slashes: bool, keep_texts: bool) -> str:
    """The program with comments (and, unless kept, the insides of its texts) replaced by spaces; offsets stay.

    A pattern finds the comments and the texts in order, so that each begins only outside the other. A regular
    expression of JavaScript that holds a quote may hide what follows it on its line.
    """

    def blank(found: re.Match[str]) -> str:
        whole = found[0]
        is_text = whole[0] in "\"'`"
        if is_text and keep_texts:
            return whole
        inside = "".join("\n" if c == "\n" else " " for c in (whole[1:-1] if is_text else whole))
        return f"{whole[0]}{inside}{whole[-1]}" if is_text and len(whole) > 1 else inside

    return (_JS_TOKENS if slashes else _HASH_TOKENS).sub(blank, text)


_JS_TOKENS = lazy(r"//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`")
_HASH_TOKENS = lazy(r"(?:(?<=\s)|^)#[^\n]*|\"(?:[^\"\\]|\\[\s\S])*\"|'[^']*'", re.MULTILINE)


def _addressed(program: Script | None, path: str, text: str) -> Iterator[tuple[int, str]]:
    """Where a program that runs names a host: offset and the piece of text that holds it."""
    tree = program.python if program is not None else None
    if tree is not None:
        yield from _python_texts(tree, text)
        return
    if path.endswith(".py"):
        return  # not Python: STR016 says so
    code = code_of(text, slashes=path.endswith(_SLASHES), keep_texts=True)
    position = 0
    for line in code.split("\n"):
        if not _PRINTS.match(line):
            yield position, line
        position += len(line) + 1


def _python_texts(tree: ast.Module, text: str) -> Iterator[tuple[int, str]]:
    """The text literals that are neither documentation nor printed."""
    spoken: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant | ast.JoinedStr):
            parts = [node.value]
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            parts = list(node.args) if name in _PRINTERS else []
            parts += [keyword.value for keyword in node.keywords if keyword.arg in _EXPLAINS]
        for part in parts:
            if isinstance(part, ast.Constant | ast.JoinedStr | ast.BinOp):
                spoken.update(id(inner) for inner in ast.walk(part))
    lines = LineMap.of(text)
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) and id(node) not in spoken else None
        if isinstance(node, ast.Constant) and isinstance(value, str) and "://" in value:
            start = lines.offset(node.lineno)
            found = text.find(value.split("\n", 1)[0], start)
            yield (found if found != -1 else start), value


@rule(
    "SEC012",
    Severity.WARNING,
    Provenance.SECURITY,
    what="a bundled script or settings file that talks to a bare IP address, a paste site, a tunnel or a request "
    "catcher",
    why="Services have names. These hosts are where stolen data goes and where second stages come from. Comments, "
    "documentation and what a script prints do not count, nor do private and documentation addresses.",
    source="https://attack.mitre.org/techniques/T1567/",
    fix="Use the service's own host name, over HTTPS, and name it in the body.",
    bad={
        "pdf-forms/SKILL.md": VALID,
        "pdf-forms/scripts/fill.py": "import requests\nrequests.get('https://webhook.site/3f1c')\n",
    },
    good={
        "pdf-forms/SKILL.md": VALID,
        "pdf-forms/scripts/fill.py": '"""Never sends to https://webhook.site."""\n'
        "import requests\nrequests.get('https://api.example.com/forms')\n",
    },
)
def scripts_talk_to_named_hosts(skill: Subject) -> Iterator[Problem]:
    for entry in skill.files:
        if not entry.path.endswith((".py", *_HASH, *_SLASHES, *_SETTINGS)) or entry.size > _LIMIT:
            continue
        text = skill.text(entry.path) or ""
        if "://" not in text:
            continue
        for offset, piece in _addressed(script_at(entry.path, text), entry.path, text):
            found = next((f for f in _HOSTS.finditer(piece) if _SHADY.match(f[1]) and not _PRIVATE.match(f[1])), None)
            if found is not None:
                start = text.find(found[0], offset)
                begin = start if start != -1 else offset
                span = LineMap.of(text).span(begin, begin + len(found[0]))
                yield Problem(f"talks to {shown(found[1])}", span, file=entry.path, evidence=shown(found[0]))
                break


_JS_EVAL = lazy(
    r"\beval\s*\(\s*(?:atob|Buffer\.from|decodeURIComponent|unescape|String\.fromCharCode|await\s+\(?await\s+fetch)"
    r"|new Function\s*\(\s*(?:atob|Buffer\.from)|\bexec(?:Sync)?\s*\(\s*(?:atob|Buffer\.from)"
)
_JS_LEAK = lazy(
    r"(?:fetch|axios\.post|https?\.request)\s*\([^;]{0,300}?(?:JSON\.stringify\(\s*process\.env\s*\)|\bprocess\.env\s*[,}\)])",
    re.DOTALL,
)


@rule(
    "SEC020",
    Severity.ERROR,
    Provenance.SECURITY,
    what="JavaScript that decodes and runs text, or posts the whole `process.env` (patterns over the code without its "
    "comments and texts; there is no parser for it here)",
    why="The same as for Python and the shell. Only the plain forms are found.",
    source="https://attack.mitre.org/techniques/T1027/",
    fix="Write the code out; send only what the service needs.",
    bad={"pdf-forms/SKILL.md": VALID, "pdf-forms/scripts/fill.js": "eval(atob('YWxlcnQoMSk='))\n"},
    good={
        "pdf-forms/SKILL.md": VALID,
        "pdf-forms/scripts/fill.js": "// never eval(atob(text))\nconsole.log('eval(atob(x)) is refused')\n",
    },
)
def javascript_runs_only_itself(skill: Subject) -> Iterator[Problem]:
    for entry in skill.files:
        text = skill.text(entry.path) or "" if entry.path.endswith(_SLASHES) and entry.size <= _LIMIT else ""
        if not _JS_SUSPECT.search(text):
            continue
        code = code_of(text, slashes=True, keep_texts=False)
        for pattern, message in (
            (_JS_EVAL, "decodes text and runs it"),
            (_JS_LEAK, "sends the environment over the network"),
        ):
            found = pattern.search(code)
            if found is not None:
                first = text[found.start() : found.end()].split("\n")[0]
                span = LineMap.of(text).span(found.start(), found.start() + len(first))
                yield Problem(message, span, file=entry.path, evidence=shown(text[found.start() : found.end()], 200))


_JS_SUSPECT = lazy(r"\beval\b|\bFunction\b|child_process|process\.env")
