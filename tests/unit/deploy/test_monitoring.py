import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import Metric

from bot.docs import _metrics
from bot.metrics import names

DEPLOY = Path(__file__).parents[3] / "docs" / "deploy"
OPERATIONS = (DEPLOY.parent / "operations.md").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
TARGETS = [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
KNOWN: dict[str, tuple[Metric, tuple[str, ...]]] = {name: (metric, labels) for name, metric, labels in _metrics()}
OF_PROMETHEUS = {"job", "instance", "le"}


def selectors(expression: object) -> list[Any]:
    """Every vector selector in an expression."""
    found = [expression] if isinstance(expression, promql_parser.VectorSelector) else []
    for name in ("expr", "lhs", "rhs", "vector_selector", "args"):
        inner = getattr(expression, name, None)
        for each in inner if isinstance(inner, list) else [inner]:
            if each is not None:
                found += selectors(each)
    return found


def check(query: str) -> None:
    """It parses, and every metric and label in it exists."""
    plain = query.replace("$__rate_interval", "5m").replace("$job", ".*")
    found = selectors(promql_parser.parse(plain))
    assert len(found) == query.count("skill_fleet_") > 0, query
    for selector in found:
        name = re.sub(r"_(bucket|sum|count)\Z", "", selector.name)
        name = name if name in KNOWN else selector.name
        assert name in KNOWN, f"{selector.name} in {query}"
        allowed = {*KNOWN[name][1], *OF_PROMETHEUS}
        used = {matcher.name for matcher in selector.matchers.matchers}
        grouped = set(re.findall(r"\bby \(([^)]*)\)", query))
        used |= {label.strip() for group in grouped for label in group.split(",")}
        assert used <= allowed, f"{used - allowed} in {query}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_parses_and_asks_for_what_exists(rule: dict[str, Any]) -> None:
    check(rule["expr"])
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_an_entry_that_says_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    headings = re.findall(r"^### (.+)$", OPERATIONS, re.MULTILINE)
    assert anchor in {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("title", "target"), TARGETS, ids=[f"{title}-{target['refId']}" for title, target in TARGETS])
def test_a_panel_asks_for_what_exists(title: str, target: dict[str, Any]) -> None:
    check(target["expr"])
    assert '{job=~"$job"}' in target["expr"]


def test_every_metric_is_on_the_dashboard() -> None:
    text = json.dumps(DASHBOARD)
    assert [name for name in names() if name not in text] == []


def test_panels_have_their_own_ids_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        box = panel["gridPos"]
        cells = {(x, y) for x in range(box["x"], box["x"] + box["w"]) for y in range(box["y"], box["y"] + box["h"])}
        assert not cells & taken, panel["title"]
        assert box["x"] + box["w"] <= 24
        taken |= cells


def test_a_query_for_a_metric_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(AssertionError):
        check("sum(rate(skill_fleet_nonsense_total[5m]))")
    with pytest.raises(AssertionError):
        check('skill_fleet_jobs{colour="red"}')
    with pytest.raises(ValueError, match=r".+"):
        check("sum(rate(skill_fleet_jobs[5m])")
