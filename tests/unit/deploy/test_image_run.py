"""What of `make image-run` needs no engine: its words when there is none, and what it lays over the files it tries."""

from pathlib import Path

import pytest
import yaml

from tests.dockerfile import PATH, read
from tests.image.base import rebased
from tests.image.composed import DEPLOY, overlay
from tests.image.engine import EngineError, find


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


async def test_without_an_engine_it_says_what_was_tried_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"docker is not installed; podman is not installed.*make image-replay"):
        await find("")
    program(tmp_path, "docker", "echo 'Cannot connect to the daemon' >&2; exit 1")
    with pytest.raises(EngineError, match=r"docker does not answer: Cannot connect to the daemon; podman is not"):
        await find("")
    program(tmp_path, "podman", "exit 0")
    assert (await find("")).is_podman
    with pytest.raises(EngineError, match="docker does not answer"):
        await find("docker")


def test_a_stand_in_replaces_the_pinned_base_in_both_stages_and_nothing_else() -> None:
    text = PATH.read_text()
    assert rebased("") == text
    before, after = text.splitlines(), rebased("stand-in:1").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new for _, new in changed] == [f"FROM stand-in:1 AS {stage.name}" for stage in read()]
    with pytest.raises(ValueError, match="no FROM names the pinned base"):
        rebased("stand-in:1", "FROM scratch\n")


@pytest.mark.parametrize(
    ("file", "public", "network"),
    [("compose.yaml", "skill-fleet", "default"), ("compose.postgres.yaml", "proxy", "outside")],
)
def test_what_is_laid_over_a_compose_file_leaves_its_confinement_alone(file: str, public: str, network: str) -> None:
    document = yaml.safe_load((DEPLOY / file).read_text())
    text = overlay(document, Path("/authority"), "a-network", 4711, {"postgres": "", "proxy": "mine"})
    laid = yaml.safe_load(text.replace("!override ", ""))
    assert laid["services"][public]["ports"] == ["127.0.0.1:4711:8080"]
    assert "ports: !override [" in text
    assert laid["networks"] == {network: {"external": True, "name": "a-network"}}
    for name, service in laid["services"].items():
        assert name in document["services"]
        assert set(service) <= {"image", "volumes", "ports"}
