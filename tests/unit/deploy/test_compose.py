import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from bot.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "docs" / "deploy").glob("compose*.yaml"))
SCHEMA = json.loads(gzip.decompress((ROOT / "tests/data/schemas/compose-spec.json.gz").read_bytes()))
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
DRAIN = Settings.model_fields["drain_seconds"].default


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def services() -> list[Any]:
    return [pytest.param(s, id=f"{f.stem}-{name}") for f in FILES for name, s in load(f)["services"].items()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_a_compose_file(path: Path) -> None:
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(load(path))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_secret_config_volume_and_network_that_is_used_is_defined_and_used(path: Path) -> None:
    document = load(path)
    used: dict[str, set[str]] = {"secrets": set(), "volumes": set(), "networks": set(), "configs": set()}
    for service in document["services"].values():
        used["secrets"] |= set(service.get("secrets", []))
        used["networks"] |= set(service.get("networks", []))
        used["configs"] |= {config["source"] for config in service.get("configs", [])}
        used["volumes"] |= {volume.split(":")[0] for volume in service.get("volumes", [])}
    for kind, names in used.items():
        assert set(document.get(kind, {})) == names, kind


@pytest.mark.parametrize("service", services())
def test_every_service_is_pinned_restarts_and_holds_no_secret_in_its_environment(service: dict[str, Any]) -> None:
    image = service["image"]
    assert "@sha256:" in image or "build" in service
    assert ":latest" not in image
    assert service["restart"] == "unless-stopped"
    for name, value in service.get("environment", {}).items():
        assert name.endswith("_FILE") or ("SECRET" not in name and "PASSWORD" not in name), (name, value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_service_is_confined_and_has_time_to_drain(path: Path) -> None:
    service = load(path)["services"]["skill-fleet"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert any(mount.startswith("/tmp") for mount in service["tmpfs"])
    assert int(service["stop_grace_period"].removesuffix("s")) > DRAIN
    assert set(service["environment"]) <= KNOWN
    for value in service["environment"].values():
        assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_sqlite_has_one_process_and_postgres_three() -> None:
    one, three = (load(ROOT / "docs/deploy" / name) for name in ("compose.yaml", "compose.postgres.yaml"))
    assert "deploy" not in one["services"]["skill-fleet"]
    assert one["services"]["skill-fleet"]["volumes"] == ["data:/data"]
    assert three["services"]["skill-fleet"]["deploy"]["replicas"] == 3
    assert "ports" not in three["services"]["skill-fleet"]
    assert three["networks"]["inside"]["internal"] is True
    assert three["services"]["postgres"]["networks"] == ["inside"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_ports_are_published_on_the_loopback_address_only(path: Path) -> None:
    for service in load(path)["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_config_has_to_be_written_into_a_read_only_container(path: Path) -> None:
    """The engine refuses: "container rootfs is marked read-only"; files are mounted instead."""
    document = load(path)
    for service in document["services"].values():
        for config in service.get("configs", []):
            assert set(document["configs"][config["source"]]) == {"file"} or not service["read_only"]
    for config in document.get("configs", {}).values():
        assert (path.parent / config["file"]).is_file()


@pytest.mark.parametrize("service", services())
def test_no_service_asks_for_more_processors_than_the_smallest_machine_has(service: dict[str, Any]) -> None:
    """With fewer the engine does not start it at all: "Range of CPUs is from 0.01 to 1.00"."""
    assert float(service.get("cpus", 0)) <= 1
