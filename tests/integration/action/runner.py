"""A runner for composite actions: reads action.yml and runs its steps as GitHub's runner does.

Honours `if`, `env`, `with`, `shell`, the `GITHUB_*` files and the expressions that occur. An expression, shell or
action it does not know is an error, so that nothing is silently left out.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMMAND = re.compile(r"::(?P<name>[a-z-]+)(?: (?P<properties>[^:]*(?::(?!:)[^:]*)*))?::(?P<message>.*)", re.DOTALL)


@dataclass
class Annotation:
    """What the runner understood a step to annotate."""

    level: str
    properties: dict[str, str]
    message: str


@dataclass
class Run:
    """What came of running an action."""

    status: int
    outputs: dict[str, str]
    log: str
    summary: str
    annotations: list[Annotation]
    commands: list[str]
    steps: dict[str, dict[str, str]] = field(default_factory=dict)

    def shown(self, level: str) -> list[str]:
        """The messages annotated at a level."""
        return [annotation.message for annotation in self.annotations if annotation.level == level]


@dataclass
class Runner:
    """A machine with a workspace, a temporary folder and a copy of the action."""

    action: Path
    workspace: Path
    temporary: Path
    cache: Path
    environ: Mapping[str, str]
    token: str = "workflow-token"

    def run(
        self, event_name: str, event: Mapping[str, object], inputs: Mapping[str, str] | None = None, sha: str = ""
    ) -> Run:
        """Runs every step of the composite; stops at the first that fails."""
        definition = yaml.safe_load((self.action / "action.yml").read_text())
        declared = definition["inputs"]
        unknown = set(inputs or {}) - set(declared)
        assert not unknown, f"inputs that the action does not have: {unknown}"
        contexts: dict[str, dict[str, str]] = {"github": {"token": self.token}, "inputs": {}}
        for name, declaration in declared.items():
            given = (inputs or {}).get(name)
            default = self._filled(str(declaration.get("default", "")), contexts, {})
            contexts["inputs"][name] = default if given is None else given
        state = _State(self._files(event), event_name, sha)
        steps: dict[str, dict[str, str]] = {}
        status = 0
        for step in definition["runs"]["steps"]:
            if not self._holds(step.get("if"), contexts, steps):
                continue
            status, outputs = (
                self._shell(step, contexts, steps, state) if "run" in step else self._uses(step, contexts, steps)
            )
            if "id" in step:
                steps[step["id"]] = outputs
            if status:
                break
        outputs = {
            name: self._filled(declaration["value"], contexts, steps)
            for name, declaration in definition["outputs"].items()
        }
        log, annotations, commands = _obeyed(state.log)
        return Run(status, outputs, log, state.summary(), annotations, commands, steps)

    def _files(self, event: Mapping[str, object]) -> Path:
        folder = self.temporary / "_runner_file_commands" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        (folder / "event.json").write_text(json.dumps(event))
        return folder

    def _filled(self, text: str, contexts: dict[str, dict[str, str]], steps: dict[str, dict[str, str]]) -> str:
        return _EXPRESSION.sub(lambda match: self._value(match.group(1), contexts, steps), text)

    def _value(self, expression: str, contexts: dict[str, dict[str, str]], steps: dict[str, dict[str, str]]) -> str:
        if match := re.fullmatch(r"(github|inputs)\.([\w-]+)", expression):
            return contexts[match[1]][match[2]]
        if match := re.fullmatch(r"steps\.([\w-]+)\.outputs\.([\w-]+)", expression):
            return steps.get(match[1], {}).get(match[2], "")
        raise NotImplementedError(f"the expression {expression}")

    def _holds(
        self, condition: str | None, contexts: dict[str, dict[str, str]], steps: dict[str, dict[str, str]]
    ) -> bool:
        if condition is None:
            return True
        match = re.fullmatch(r"(\S+) (==|!=) '([^']*)'", condition)
        assert match, f"the condition {condition}"
        equal = self._value(match[1], contexts, steps) == match[3]
        return equal if match[2] == "==" else not equal

    def _shell(
        self,
        step: Mapping[str, object],
        contexts: dict[str, dict[str, str]],
        steps: dict[str, dict[str, str]],
        state: "_State",
    ) -> tuple[int, dict[str, str]]:
        assert step["shell"] == "bash"
        script = state.folder / f"{uuid.uuid4().hex}.sh"
        script.write_text(self._filled(str(step["run"]), contexts, steps) + "\n")
        output = state.folder / f"output-{uuid.uuid4().hex}"
        output.touch()
        summary = state.new_summary()
        environ = dict(self.environ)
        environ |= {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_EVENT_NAME": state.event_name,
            "GITHUB_EVENT_PATH": str(state.folder / "event.json"),
            "GITHUB_JOB": "validate",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_REPOSITORY": environ.get("GITHUB_REPOSITORY", "octo/skills"),
            "GITHUB_RUN_ID": environ.get("GITHUB_RUN_ID", "4242"),
            "GITHUB_SERVER_URL": environ.get("GITHUB_SERVER_URL", "https://github.invalid"),
            "GITHUB_SHA": state.sha,
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_WORKFLOW": "Validate skills",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
        }
        given = step.get("env", {})
        assert isinstance(given, dict)
        environ |= {name: self._filled(str(value), contexts, steps) for name, value in given.items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=170,
        )
        state.log += done.stdout.decode("utf-8", "replace")
        return done.returncode, _outputs(output.read_text("utf-8"))

    def _uses(
        self, step: Mapping[str, object], contexts: dict[str, dict[str, str]], steps: dict[str, dict[str, str]]
    ) -> tuple[int, dict[str, str]]:
        name, _, pin = str(step["uses"]).partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", pin), f"{name} is not pinned to a commit"
        given = step.get("with", {})
        assert isinstance(given, dict)
        values = {key: self._filled(str(value), contexts, steps) for key, value in given.items()}
        if name == "actions/setup-python":
            assert values["update-environment"].lower() == "false"
            return 0, {"python-path": sys.executable, "python-version": values["python-version"]}
        if name == "actions/cache":
            stored = self.cache / values["key"]
            if stored.exists():
                shutil.copytree(stored, values["path"], dirs_exist_ok=True)
            return 0, {"cache-hit": str(stored.exists()).lower()}
        raise NotImplementedError(f"the action {name}")

    def save_cache(self, run: Run) -> None:
        """What actions/cache does after the job."""
        prepared = run.steps["prepare"]
        shutil.copytree(prepared["packages"], self.cache / prepared["cache-key"], dirs_exist_ok=True)


class _State:
    """The files and the log of a run."""

    def __init__(self, folder: Path, event_name: str, sha: str) -> None:
        self.folder = folder
        self.event_name = event_name
        self.sha = sha
        self.log = ""
        self._summaries: list[Path] = []

    def new_summary(self) -> Path:
        path = self.folder / f"summary-{uuid.uuid4().hex}"
        path.touch()
        self._summaries.append(path)
        return path

    def summary(self) -> str:
        for path in self._summaries:
            assert path.stat().st_size <= 1024 * 1024, "GitHub refuses a summary above 1 MiB"
        return "".join(path.read_text("utf-8") for path in self._summaries)


def _outputs(text: str) -> dict[str, str]:
    outputs: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, _, delimiter = line.partition("<<")
        assert delimiter, f"not an output: {line}"
        value: list[str] = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        else:
            raise AssertionError(f"the output {name} does not end")
        outputs[name] = "\n".join(value)
    return outputs


def _obeyed(log: str) -> tuple[str, list[Annotation], list[str]]:
    """The log as people see it, the annotations, and every command that was obeyed."""
    shown: list[str] = []
    annotations: list[Annotation] = []
    obeyed: list[str] = []
    stopped = ""
    for line in log.splitlines():
        match = _COMMAND.fullmatch(line.lstrip())
        if stopped:
            if (match and match["name"] == stopped) or line.strip() == f"::{stopped}::":
                stopped = ""
            else:
                shown.append(line)
            continue
        if match is None:
            assert "##[" not in line, "an old-style command would be obeyed"
            shown.append(line)
            continue
        obeyed.append(match["name"])
        if match["name"] == "stop-commands":
            stopped = match["message"]
        elif match["name"] in ("error", "warning", "notice"):
            annotations.append(
                Annotation(match["name"], _properties(match["properties"] or ""), _unescaped(match["message"]))
            )
        else:
            assert match["name"] in ("group", "endgroup"), f"the command {line!r} was obeyed"
    assert not stopped, "commands were stopped and never started again"
    return "\n".join(shown), annotations, obeyed


def _properties(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    return {name: _unescaped(value.replace("%3A", ":").replace("%2C", ",")) for name, _, value in pairs}


def _unescaped(text: str) -> str:
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def environment() -> dict[str, str]:
    """The variables of this process that a runner has too, and none that would steer Python or Git."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
    return {k: v for k, v in os.environ.items() if k in kept or k.upper().startswith(("PIP_", "HTTPS_", "NO_PROXY"))}
