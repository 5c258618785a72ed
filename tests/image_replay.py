"""`python -m tests.image_replay`: the image's build steps in an empty folder, where no container engine is at hand.

Runs every WORKDIR, ENV, COPY and RUN of the build stage with /build and /opt moved below the folder, then starts what
came out with the service stage's environment and looks whether anything was written outside /data and /tmp.
It proves the steps and the pins, not the base image. Ends with the size of what would be copied.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.dockerfile import PATH, Stage, read

ROOT = PATH.parent


class Replay:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.here = folder
        base = folder / "base"
        venv.create(base, with_pip=True)  # stands for the base image: a Python and its pip, nothing else
        self.environ = {"PATH": f"{base}/bin:/usr/bin:/bin", "HOME": str(folder)}
        allowed = ("PIP_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
        self.environ |= {name: value for name, value in os.environ.items() if name.upper().startswith(allowed)}

    def moved(self, text: str) -> str:
        return text.replace("/opt/skill-fleet", f"{self.folder}/opt/skill-fleet").replace(
            "/build", f"{self.folder}/build"
        )

    def stage(self, stage: Stage) -> None:
        for step in stage.instructions:
            print(f"{step.name:<8} {step.rest[:100]}", flush=True)
            if step.name == "WORKDIR":
                self.here = Path(self.moved(step.rest))
                self.here.mkdir(parents=True)
            elif step.name == "ENV":
                self.environ |= stage.pairs("ENV")
            elif step.name == "COPY":
                *sources, target = step.words
                for source in sources:
                    self.copy(ROOT / source, self.here / target)
            elif step.name == "RUN":
                subprocess.run(["sh", "-euc", self.moved(step.rest)], cwd=self.here, env=self.environ, check=True)
            else:
                raise ValueError(f"line {step.line}: do not know how to replay {step.name}")

    def copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, target / source.name if target.is_dir() else target)

    def start(self, stage: Stage, *words: str) -> None:
        """Run the entry point as the service stage would."""
        data, scratch = self.folder / "data", self.folder / "tmp"
        environ = {"PATH": f"{self.folder}/opt/skill-fleet/bin:/usr/bin:/bin"}
        for name, value in stage.pairs("ENV").items():
            if name != "PATH":
                environ[name] = value.replace("/data", str(data)).replace("/tmp", str(scratch))
        for folder in (data, scratch):
            folder.mkdir(exist_ok=True)
        before = self.picture()
        command = [*(stage.only("ENTRYPOINT").exec_form or []), *words]
        subprocess.run(command, cwd=data, env=environ, check=True)
        if changed := before ^ self.picture():
            raise SystemExit(f"written outside /data and /tmp: {sorted(changed)[:5]}")

    def picture(self) -> set[tuple[str, int]]:
        """Every file below the folder but those in /data and /tmp, with its time of change."""
        own = (self.folder / "data", self.folder / "tmp")
        files = (file for file in self.folder.rglob("*") if file.is_file() and not file.is_relative_to(own[0]))
        return {(str(file), file.stat().st_mtime_ns) for file in files if not file.is_relative_to(own[1])}


def main() -> int:
    build, service = read()
    with tempfile.TemporaryDirectory(prefix="image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        replay = Replay(folder)
        replay.stage(build)
        replay.start(service, "--version")
        replay.start(service, "serve", "--help")
        replay.start(service, "validate", "--help")
        python = f"{folder}/opt/skill-fleet/bin/python"
        imports = "import bot.app, bot.doctor.command, pipeline.workflows.creation, pipeline.lm.ping"
        subprocess.run([python, "-c", imports], check=True, env={"HOME": str(folder / "tmp")}, cwd=folder)
        size = sum(file.lstat().st_size for file in (folder / "opt").rglob("*") if not file.is_dir())
        print(f"replayed: {size / 1e6:.0f} MB in /opt/skill-fleet")
    return 0


if __name__ == "__main__":
    sys.exit(main())
