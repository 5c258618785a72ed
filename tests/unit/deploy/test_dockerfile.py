import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from bot.settings import PREFIX, Settings
from tests.dockerfile import PATH, read

ROOT = PATH.parent
BUILD, SERVICE = read()
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+\.\d+-slim-trixie@sha256:[0-9a-f]{64}\Z")


def test_both_stages_stand_on_the_same_base_pinned_by_version_and_digest() -> None:
    assert PINNED.match(BUILD.image)
    assert SERVICE.image == BUILD.image
    assert (
        SERVICE.pairs("LABEL")["org.opencontainers.image.base.name"] == f"docker.io/library/{BUILD.image.split('@')[0]}"
    )


def test_nothing_is_fetched_but_packages_pinned_by_hash() -> None:
    for stage in (BUILD, SERVICE):
        for step in stage.all("RUN"):
            assert not re.search(r"\b(curl|wget|apt-get|apt|git|npm)\b", step.rest), step
            for command in re.findall(r"pip\b[^&]*?\b(?:install|wheel)\b[^&]*", step.rest):
                hashed = "--require-hashes --no-deps --only-binary=:all:" in command
                assert hashed or "--no-deps --no-index" in command, command
    assert not SERVICE.all("ADD")


@pytest.mark.parametrize("name", ["requirements-image.lock", "requirements-build.lock"])
def test_every_package_of_a_lock_has_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = [block for block in re.split(r"\n(?=[a-z])", text) if "==" in block]
    assert packages
    assert [block.split("\n")[0] for block in packages if "--hash=sha256:" not in block] == []


def packages(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+==\S+)", (ROOT / name).read_text(), re.MULTILINE))


def test_the_image_has_what_was_tested_less_litellm() -> None:
    everything, image = packages("requirements.lock"), packages("requirements-image.lock")
    assert image < everything
    assert "litellm" in {package.partition("==")[0] for package in everything - image}
    for name in ("dspy", "dbos", "aiohttp", "gidgethub", "sqlalchemy", "psycopg", "openai", "gepa"):
        assert any(package.startswith(f"{name}==") for package in image), name


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    for step in BUILD.all("COPY"):
        for source in step.words[:-1]:
            assert source in allowed, source
            assert (ROOT / source).exists() or source == read_me(), source
    assert not any(fnmatch("skill-fleet.env", pattern) for pattern in allowed)


def read_me() -> str:
    """The one file that the package's description names."""
    found = re.search(r'^readme = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def test_only_the_installed_environment_is_copied_into_the_service() -> None:
    assert [step.rest for step in SERVICE.all("COPY")] == ["--from=build /opt/skill-fleet /opt/skill-fleet"]


def test_the_service_runs_as_a_numbered_user_without_a_shell() -> None:
    user, group = SERVICE.only("USER").rest.split(":")
    assert int(user) > 10_000
    assert int(group) > 10_000
    (accounts,) = SERVICE.all("RUN")
    assert f"--uid {user} --gid {group}" in accounts.rest
    assert "nologin" in accounts.rest
    order = [step.name for step in SERVICE.instructions]
    assert order.index("USER") > max(index for index, name in enumerate(order) if name in {"RUN", "COPY"})


def test_all_that_is_written_goes_to_the_volume_or_to_tmp() -> None:
    environment = SERVICE.pairs("ENV")
    assert environment["SKILL_FLEET_DATABASE_URL"].startswith("sqlite:////data/")
    assert SERVICE.only("VOLUME").exec_form == ["/data"]
    assert SERVICE.only("WORKDIR").rest == "/data"
    for name in ("HOME", "DSPY_CACHEDIR"):
        assert environment[name].startswith("/tmp")
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_image_sets_only_settings_that_exist_and_no_secret() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    ours = {name for name in SERVICE.pairs("ENV") if name.startswith(PREFIX)}
    assert ours <= known
    assert not [name for name in ours if re.search(r"SECRET|KEY|TOKEN|PASSWORD", name)]


def test_it_stops_on_sigterm_and_says_whether_it_is_alive() -> None:
    assert SERVICE.only("STOPSIGNAL").rest == "SIGTERM"
    health = SERVICE.only("HEALTHCHECK")
    assert set(health.options) == {"interval", "timeout", "start-period", "retries"}
    assert "/livez" in (health.exec_form or [""])[-1]


def test_no_shell_stands_between_the_signal_and_the_service() -> None:
    assert SERVICE.only("ENTRYPOINT").exec_form == ["skill-fleet"]
    assert SERVICE.only("CMD").exec_form == ["serve"]


def test_the_health_check_is_a_program_that_tells_alive_from_dead(tmp_path: Path) -> None:
    import subprocess
    import sys
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Alive(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    words = SERVICE.only("HEALTHCHECK").exec_form
    assert words is not None
    with HTTPServer(("127.0.0.1", 0), Alive) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        command = [sys.executable, *words[1:]]
        alive = subprocess.run(command, env={"SKILL_FLEET_PORT": str(port)}, timeout=20, check=False)
        server.shutdown()
        thread.join()
    assert alive.returncode == 0
    dead = subprocess.run(command, env={"SKILL_FLEET_PORT": str(port)}, timeout=20, check=False, capture_output=True)
    assert dead.returncode != 0


def test_the_labels_say_what_it_is() -> None:
    labels = SERVICE.pairs("LABEL")
    for name in ("title", "description", "licenses", "version", "revision"):
        assert labels[f"org.opencontainers.image.{name}"]


@pytest.mark.parametrize("text", ["RUN x\n", "FROM a\nADD http://x /\n", "FROM a\nRUN x \\\n"])
def test_the_reader_refuses_what_it_does_not_know(text: str, tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    with pytest.raises(ValueError, match="line"):
        read(path)
