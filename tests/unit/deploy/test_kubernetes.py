import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bot.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
SCHEMAS = json.loads(gzip.decompress((ROOT / "tests/data/schemas/kubernetes-1.37.json.gz").read_bytes()))
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "docs/deploy/kubernetes.yaml").read_text()))
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def only(kind: str) -> dict[str, Any]:
    (found,) = [each for each in OBJECTS if each["kind"] == kind]
    return found


POD: dict[str, Any] = only("Deployment")["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: thing["kind"])
def test_it_is_what_kubernetes_takes(thing: dict[str, Any]) -> None:
    schema = {**SCHEMAS["kinds"][f"{thing['apiVersion']}/{thing['kind']}"], "definitions": SCHEMAS["definitions"]}
    assert [error.message for error in Draft202012Validator(schema).iter_errors(thing)] == []


def test_a_misspelt_field_would_be_found() -> None:
    schema = {**SCHEMAS["kinds"]["apps/v1/Deployment"], "definitions": SCHEMAS["definitions"]}
    wrong = json.loads(json.dumps(only("Deployment")))
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    assert not Draft202012Validator(schema).is_valid(wrong)


def test_everything_lives_in_one_namespace_and_is_chosen_by_the_same_label() -> None:
    assert {thing["metadata"]["namespace"] for thing in OBJECTS} == {"skill-fleet"}
    labels = only("Deployment")["spec"]["template"]["metadata"]["labels"]
    for found in (
        only("Deployment")["spec"]["selector"]["matchLabels"],
        only("Service")["spec"]["selector"],
        only("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert found == labels


def test_the_pod_can_do_little() -> None:
    assert POD["automountServiceAccountToken"] is False
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] == 10001
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_services_name_does_not_leak_into_our_variables() -> None:
    """A Service called skill-fleet makes Kubernetes set SKILL_FLEET_PORT=tcp://... unless links are off."""
    assert POD["enableServiceLinks"] is False


def test_probes_ask_the_right_questions() -> None:
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert CONTAINER["startupProbe"]["httpGet"]["path"] == "/livez"
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_rollout_or_a_drained_node_never_takes_more_than_one_away() -> None:
    assert only("Deployment")["spec"]["replicas"] == 3
    assert only("Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert only("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_there_is_time_to_drain() -> None:
    assert POD["terminationGracePeriodSeconds"] > Settings.model_fields["drain_seconds"].default + 5


def test_secrets_come_as_files_and_every_variable_exists() -> None:
    values = only("ConfigMap")["data"]
    assert set(values) <= KNOWN
    mounted = next(mount for mount in CONTAINER["volumeMounts"] if mount["name"] == "secrets")
    assert mounted["readOnly"] is True
    for name, value in values.items():
        assert name.endswith("_FILE") == value.startswith(mounted["mountPath"]), name
    assert "env" not in CONTAINER
    assert not [thing for thing in OBJECTS if thing["kind"] == "Secret"]
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}


def test_only_the_webhook_is_public() -> None:
    (rule,) = only("Ingress")["spec"]["rules"]
    assert [(path["path"], path["pathType"]) for path in rule["http"]["paths"]] == [("/webhook", "Exact")]
