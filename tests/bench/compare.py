"""Skill Fleet beside `skills-ref`, `agnix` and `skillsaw` on the same inputs in the same run.

`python -m tests.bench.compare [--write FILE]` installs the three from the package index into environments of their own,
runs all four over the crafted edge cases, the labelled security set and the corpus, and prints a Markdown table;
`--write` puts it between the markers of a document. The labels are this project's own, and its validator was made to
agree with them: the table shows what others do on them, and proves nothing about ours. What a tool calls an error
counts as an error; for security, a warning counts too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.skills.files import Symlink
from pipeline.skills.findings import Severity
from tests.bench.corpus import VARIABLE, corpus, skill_folders
from tests.bench.measure import load, measure
from tests.unit.skills.test_edge_cases import CASES
from tests.unit.skills.test_security_set import BAD, MISSED, SAFE

BEGIN, END = "<!-- comparison: made by tests/bench/compare.py -->", "<!-- end of comparison -->"
ENVIRONMENTS = "SKILL_FLEET_BENCH_ENVS"
PEERS = {"skills-ref": "0.1.1", "agnix": "0.59.3", "skillsaw": "0.22.0"}

Level = str
Found = list[tuple[Level, str, str]]
"""Level (`error`, `warning`, `info`), rule, path."""


class UnreadableError(Exception):
    """The tool crashed, or printed what is no report."""


@dataclass(frozen=True)
class Tool:
    """How to run a tool on a folder that holds skills, and how to read what it prints."""

    name: str
    command: Callable[[Path], list[str]]
    read: Callable[[str], Found]
    environ: dict[str, str] | None = None

    def run(self, folder: Path) -> Found:
        """Raises UnreadableError."""
        environ = os.environ | {"NO_COLOR": "1"} | (self.environ or {})
        done = subprocess.run(
            self.command(folder),
            capture_output=True,
            text=True,
            errors="replace",
            env=environ,
            timeout=600,
            check=False,
        )
        if "Traceback (most recent call last)" in done.stderr or done.returncode < 0:
            raise UnreadableError(done.stderr[-300:])
        if done.returncode not in (0, 1) and not done.stdout.strip():
            return [("error", "refused", "")]  # a clear refusal, such as "there is no skill here"
        try:
            return self.read(done.stdout)
        except (ValueError, KeyError) as error:
            raise UnreadableError(str(error)) from error


def read_ours(text: str) -> Found:
    document = json.loads(text)
    findings = [f for skill in document["skills"] for f in skill["findings"]] + document.get("repository", [])
    return [(f["severity"], f["rule"], f["file"]) for f in findings]


def read_agnix(text: str) -> Found:
    return [(d["level"], d["rule"], d["file"]) for d in json.loads(text)["diagnostics"]]


def read_skillsaw(text: str) -> Found:
    return [(v["severity"], v["rule_id"], v["file_path"]) for v in json.loads(text)["violations"]]


REFERENCE = """
import json, sys
from pathlib import Path
from skills_ref import validate
root = Path(sys.argv[1])
folders = sorted(p.parent for p in root.rglob("SKILL.md")) or [p for p in root.iterdir() if p.is_dir()]
found = []
crashed = 0
for folder in folders:
    try:
        found += [["error", "skills-ref", str(folder)] for _ in validate(folder)]
    except Exception as error:
        crashed += 1
        if len(folders) == 1:
            raise
        found.append(["error", "crash", str(folder)])
print(json.dumps(found))
"""


def read_reference(text: str) -> Found:
    return [(level, rule, path) for level, rule, path in json.loads(text)]


def install(name: str, version: str, root: Path) -> Path:
    """An environment with one tool; kept when it is there already. Returns its folder of programs."""
    folder = root / f"{name}-{version}"
    programs = folder / "bin"
    if not (folder / ".complete").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", folder], check=True)
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", programs / "python", f"{name}=={version}"], check=True
        )
        (folder / ".complete").touch()
    return programs


def tools(root: Path) -> list[Tool]:
    reference, agnix, skillsaw = (install(name, version, root) for name, version in PEERS.items())
    ours = [sys.executable, "-m", "bot", "validate", "--format", "json", "--jobs", "0"]
    return [
        Tool("Skill Fleet", lambda folder: [*ours, str(folder)], read_ours),
        Tool(
            "skills-ref 0.1.1", lambda folder: [str(reference / "python"), "-c", REFERENCE, str(folder)], read_reference
        ),
        Tool(
            "agnix 0.59.3",
            lambda folder: [str(agnix / "agnix"), "--format", "json", str(folder)],
            read_agnix,
            environ={"AGNIX_TELEMETRY": "0", "DO_NOT_TRACK": "1"},
        ),
        Tool(
            "skillsaw 0.22.0",
            lambda folder: [str(skillsaw / "skillsaw"), "lint", "--format", "json", "--no-progress", str(folder)],
            read_skillsaw,
        ),
    ]


def write(folder: Path, files: dict[str, object]) -> None:
    """One crafted skill on disk."""
    folder.mkdir(parents=True)
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Symlink):
            target.symlink_to(content.target)
        elif path.endswith("/"):
            target.mkdir(exist_ok=True)
        elif isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.write_bytes(str(content).encode("utf-8", "surrogatepass"))


@dataclass
class Score:
    """How often a tool was right on labelled inputs."""

    caught: int = 0
    bad: int = 0
    false: int = 0
    good: int = 0
    crashed: int = 0

    def add(self, is_bad: bool, flagged: bool | None) -> None:
        """`flagged` is None for a crash, which is no report and counts as neither."""
        self.bad += is_bad
        self.good += not is_bad
        self.crashed += flagged is None
        self.caught += bool(is_bad and flagged)
        self.false += bool(not is_bad and flagged)

    def shown(self) -> str:
        return f"{self.caught} of {self.bad} | {self.false} of {self.good} | {self.crashed}"


def score(tool: Tool, inputs: list[tuple[Path, bool]], flags: Callable[[Found], bool]) -> Score:
    result = Score()

    def one(folder: Path) -> bool | None:
        try:
            return flags(tool.run(folder))
        except UnreadableError:
            return None

    with ThreadPoolExecutor(2) as pool:
        for (_, is_bad), flagged in zip(inputs, pool.map(one, [folder for folder, _ in inputs]), strict=True):
            result.add(is_bad, flagged)
    return result


def has_error(found: Found) -> bool:
    return any(level == "error" for level, _, _ in found)


SECURITY = {
    "Skill Fleet": lambda rule: rule.startswith("SEC"),
    "skillsaw 0.22.0": lambda rule: rule.startswith("security"),
    "agnix 0.59.3": lambda rule: True,
    "skills-ref 0.1.1": lambda rule: True,
}
"""Which rules of a tool are about security; all of them where it does not say."""


def warns(tool: Tool) -> Callable[[Found], bool]:
    concerns = SECURITY[tool.name]
    return lambda found: any(level in ("error", "warning") and concerns(rule) for level, rule, _ in found)


def labelled(root: Path) -> tuple[list[tuple[Path, bool]], list[tuple[Path, bool]]]:
    edges: list[tuple[Path, bool]] = []
    for number, case in enumerate(CASES):
        files = case.skill if isinstance(case.skill, dict) else {"SKILL.md": case.skill}
        try:
            write(root / "edges" / str(number) / case.folder, files)
        except OSError as error:
            print(f"left out, this disk cannot hold it: {case.what} ({error})", file=sys.stderr)
            continue
        edges.append((root / "edges" / str(number), case.verdict != "pass" or case.severity is Severity.ERROR))
    security: list[tuple[Path, bool]] = []
    for number, (files, is_bad) in enumerate(
        [*((f, True) for f in [*BAD.values(), *MISSED.values()]), *((f, False) for f in SAFE.values())]
    ):
        write(root / "security" / str(number) / "tool", files)
        security.append((root / "security" / str(number), is_bad))
    return edges, security


def timed(tool: Tool, folder: Path, rounds: int = 1) -> str:
    """Wall time of the whole command, its memory, and how many skills it gives an error."""
    runs = [
        measure(tool.command(folder), environ=os.environ | {"NO_COLOR": "1"} | (tool.environ or {}))
        for _ in range(rounds)
    ]
    run = min(runs, key=lambda each: each.wall)
    try:
        found = tool.run(folder)
    except UnreadableError:
        return f"{run.wall:.1f} s | {run.cpu:.1f} s | {run.memory:.0f} MiB | no report | "
    failing = {path for level, _, path in found if level == "error"}
    skills = {f"/{path.lstrip('/')}".removesuffix("/SKILL.md") for path in failing}
    failing_skills = sum(1 for skill in skill_folders(folder) if any(str(skill).endswith(name) for name in skills))
    return f"{run.wall:.1f} s | {run.cpu:.1f} s | {run.memory:.0f} MiB | {failing_skills:,} | {len(found):,}"


def table(root: Path) -> str:
    environments = Path(os.environ.get(ENVIRONMENTS) or root / "environments")
    edges, security = labelled(root)
    rows_edges, rows_security, rows_corpus = [], [], []
    with corpus() as (folder, _):
        count = len(skill_folders(folder))
        for tool in tools(environments):
            print(f"running {tool.name}", file=sys.stderr)
            rows_edges.append(f"| {tool.name} | {score(tool, edges, has_error).shown()} |")
            rows_security.append(f"| {tool.name} | {score(tool, security, warns(tool)).shown()} |")
            rows_corpus.append(f"| {tool.name} | {timed(tool, folder)} |")
    real = "real" if os.environ.get(VARIABLE) else "made-up"
    return TABLE.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        load=load(),
        python=sys.version.split()[0],
        edges=described(edges, "break the specification", "do not"),
        rows_edges="\n".join(rows_edges),
        security=described(security, "do harm", "only look like it"),
        rows_security="\n".join(rows_security),
        skills=f"{count:,} {real} skills",
        rows_corpus="\n".join(rows_corpus),
    )


def described(inputs: list[tuple[Path, bool]], bad: str, good: str) -> str:
    number = sum(is_bad for _, is_bad in inputs)
    return f"{len(inputs)}: {number} {bad}, {len(inputs) - number} {good}"


TABLE = """\
Measured on {date}, {load}, Python {python}.

**Crafted edge cases** ({edges}; an error counts):

| tool | broken skills caught | good skills failed | crashes |
| --- | --: | --: | --: |
{rows_edges}

**Security** ({security}; a warning counts):

| tool | harmful skills flagged | honest skills flagged | crashes |
| --- | --: | --: | --: |
{rows_security}

**{skills}**, whole command:

| tool | wall time | CPU time | memory | skills with an error | findings |
| --- | --: | --: | --: | --: | --: |
{rows_corpus}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", metavar="FILE", help="put the table between the markers of this document")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = table(Path(folder))
    print(made)
    if arguments.write:
        document = Path(arguments.write)
        text = document.read_text("utf-8")
        start, end = text.index(BEGIN) + len(BEGIN), text.index(END)
        document.write_text(f"{text[:start]}\n\n{made}\n\n{text[end:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
