"""Reads a Dockerfile into its instructions: enough of the language for ours, an error for anything else."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

PATH = Path(__file__).parents[1] / "Dockerfile"
KNOWN = {
    *("FROM", "ARG", "LABEL", "ENV", "WORKDIR", "COPY", "RUN", "VOLUME"),
    *("USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
}


@dataclass(frozen=True)
class Instruction:
    line: int
    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.rest)

    @property
    def options(self) -> dict[str, str]:
        """`--name=value` words before the others."""
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.rest))

    @property
    def exec_form(self) -> list[str] | None:
        """The JSON list that ends the instruction, or None for the shell form."""
        found = re.search(r"\[.*\]\s*$", self.rest, re.DOTALL)
        value = json.loads(found[0]) if found else None
        return value if isinstance(value, list) else None


@dataclass
class Stage:
    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def only(self, name: str) -> Instruction:
        (found,) = self.all(name)
        return found

    def pairs(self, name: str) -> dict[str, str]:
        """NAME=value words of ENV or LABEL."""
        return dict(word.split("=", 1) for each in self.all(name) for word in each.words)


def read(path: Path = PATH) -> list[Stage]:
    """Stages in order. Raises ValueError for an unknown instruction or one before the first FROM."""
    stages: list[Stage] = []
    for instruction in _instructions(path.read_text()):
        if instruction.name not in KNOWN:
            raise ValueError(f"line {instruction.line}: {instruction.name} is not used here")
        if instruction.name == "FROM":
            image, _, name = instruction.rest.partition(" AS ")
            stages.append(Stage(image.strip(), name.strip()))
            continue
        if not stages:
            raise ValueError(f"line {instruction.line}: {instruction.name} before FROM")
        stages[-1].instructions.append(instruction)
    return stages


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or (line.lstrip().startswith("#")):
            continue
        start = start if pending else number
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1].strip() + " "
            continue
        name, _, rest = (pending + line.strip()).partition(" ")
        found.append(Instruction(start, name, rest.strip()))
        pending = ""
    if pending:
        raise ValueError(f"line {start}: the last instruction does not end")
    return found
