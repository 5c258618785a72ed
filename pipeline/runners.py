"""Calls that fetch a package and run it (`npx`, `uvx`, …): without a version they run whatever is newest. Pure."""

import re
from collections.abc import Iterator, Sequence

_CALL = re.compile(
    r"(?<![\w./@-])(?P<runner>npx|bunx|(?:pnpm|yarn)\s+dlx|npm\s+(?:exec|x)|uvx|uv\s+tool\s+run|pipx\s+run|uv\s+run|go\s+run"
    r"|deno\s+run)[ \t]+(?P<rest>[^\n;|&)`]+)"
)
_NPM_PIN = re.compile(r".@[v^~]?\d")
_PYTHON_PIN = re.compile(r"===?\s*\d|.@v?\d|\s@\s*\S")
_GO_PIN = re.compile(r"@v\d")
_WITH_PACKAGE = {"-p", "--package", "--from", "--spec", "--with"}
_WITH_VALUE = {
    "-c",
    "--call",
    "--python",
    "--index",
    "--index-url",
    "--extra",
    "--group",
    "--directory",
    "-w",
    "--workspace",
}
_INLINE = re.compile(r"^# /// script\n(?P<body>(?:#.*\n)*?)# ///$", re.MULTILINE)
_DEPENDENCIES = re.compile(r"dependencies\s*=\s*\[(?P<list>.*?)\]", re.DOTALL)


def unpinned(text: str) -> list[str]:
    """The calls in this text that name no version, as `runner package`, in order and each once."""
    return list(dict.fromkeys(_in_commands(text)))


def unpinned_dependencies(script: str) -> list[str]:
    """The inline dependencies (PEP 723) of a Python script that name no version."""
    block = _INLINE.search(script)
    listed = _DEPENDENCIES.search(re.sub(r"^#", "", block["body"], flags=re.MULTILINE)) if block else None
    found = re.findall(r"[\"']([^\"']+)[\"']", listed["list"]) if listed else []
    return [name for name in found if not _PYTHON_PIN.search(name)]


def _in_commands(text: str) -> Iterator[str]:
    for call in _CALL.finditer(text):
        runner = " ".join(call["runner"].split())
        words = [word.strip("\"'") for word in call["rest"].split()]
        for package in _packages(runner, words):
            pin = _GO_PIN if runner == "go run" else _PYTHON_PIN if runner.startswith(("uv", "pipx")) else _NPM_PIN
            if not pin.search(package):
                yield f"{runner} {package}"


def _packages(runner: str, words: Sequence[str]) -> Iterator[str]:
    """What is fetched: the packages named by an option, else the first word that is not one."""
    named, rest = _options(words)
    if "--no-install" in words or "--offline" in words:
        return
    first = rest[0] if rest else ""
    match runner:
        case "uv run":
            yield from named
        case "go run":
            yield from ([first] if "." in first.partition("/")[0].lstrip(".") and "/" in first else [])
        case "deno run":
            yield from (word.partition(":")[2] for word in rest if word.startswith(("npm:", "jsr:")))
        case _:
            packages = (
                named
                if any(word.partition("=")[0] in _WITH_PACKAGE - {"--with"} for word in words)
                else [*named, first]
            )
            yield from (package for package in packages if re.match(r"@?[A-Za-z0-9]", package))


def _options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(packages named by options, the words that belong to no option)."""
    named: list[str] = []
    rest: list[str] = []
    waiting = ""
    for word in words:
        name, equals, value = word.partition("=")
        if waiting:
            named.extend([word] if waiting in _WITH_PACKAGE else [])
            waiting = ""
        elif rest or not word.startswith("-"):
            rest.append(word)
        elif name in _WITH_PACKAGE | _WITH_VALUE:
            named.extend([value] if equals and name in _WITH_PACKAGE else [])
            waiting = "" if equals else name
    return named, rest
