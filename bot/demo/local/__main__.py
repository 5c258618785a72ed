"""Fetches and serves the model and plays the demo through it. Exit as `skill-fleet demo`; 2 when there is no model."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bot.demo.command import configure
from bot.demo.local.fetch import HERE, FetchError, cache_folder, model_file, runtime

_START_SECONDS = 180.0
_PATIENCE_SECONDS = "3600"
_LISTENING = "listening "


@contextmanager
def serving(python: Path, model: Path, log: Path) -> Iterator[str]:
    """The address of the served model. Raises FetchError when the server does not start."""
    with log.open("wb") as out:
        # OpenMP's threads would spin while they wait and take the cores from the bot.
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        server = subprocess.Popen(
            [str(python), str(HERE / "serve.py"), str(model)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        yield _address(server, log)
    finally:
        server.kill()
        server.wait()


def _address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith(_LISTENING):
                return line.removeprefix(_LISTENING)
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    raise FetchError(f"The model's server did not start; the end of its log:\n{tail}")


def _play(environment: dict[str, str]) -> int:
    command = [sys.executable, "-m", "bot", "demo", "--patience", _PATIENCE_SECONDS, *sys.argv[1:]]
    with subprocess.Popen(command, env=environment) as demo:
        try:
            return demo.wait()
        finally:
            demo.terminate()  # does nothing to a demo that has ended


def _check_arguments() -> None:
    """They are the demo's own; a wrong one ends the program before anything is downloaded."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.demo.local",
        description="Play the demo with a small real model on this machine. The first time 1.2 GB are downloaded.",
    )
    configure(parser)
    parser.parse_args()


def main() -> int:
    _check_arguments()
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cache = cache_folder()
    folder = Path(tempfile.mkdtemp(prefix="skill-fleet-model-"))
    try:
        console.print(f"Model and runtime are kept in {cache}; the first time 1.2 GB are downloaded.", soft_wrap=True)
        cache.mkdir(parents=True, exist_ok=True)
        model, python = model_file(cache), runtime(cache)
        with serving(python, model, folder / "server.log") as address:
            console.print(f"The model answers at {address}. On one core the demo takes half an hour.")
            environment = {
                **os.environ,
                "SKILL_FLEET_MODEL": "openai/qwen2.5-coder-1.5b-instruct",
                "SKILL_FLEET_MODEL_API_BASE": f"{address}/v1",
                "SKILL_FLEET_MODEL_API_KEY": "none-needed-on-loopback",
                "SKILL_FLEET_MODEL_CONCURRENCY": "1",
                "SKILL_FLEET_MODEL_MAX_TOKENS": "2000",
                "SKILL_FLEET_MODEL_TIMEOUT_SECONDS": "900",
            }
            return _play(environment)
    except FetchError as error:
        console.print(str(error), style="bold red", soft_wrap=True)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
