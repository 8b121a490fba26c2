"""The PromQL of the dashboard and the alerts, as data."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent
DASHBOARD = FOLDER / "grafana" / "dashboards" / "safegrpo.json"
ALERTS = FOLDER / "prometheus" / "alerts.yml"

_VARIABLES = {"$window": "1m", "$profile": ".*", "$run": ".*"}
_SELECTOR = re.compile(r"\b(?:safegrpo_\w+|up)(?:\{[^}]*\})?")
_COMPARISON = re.compile(r"(\{[^}]*\})|([<>]=?|[=!]=)")


class Query(NamedTuple):
    """An expression and where it stands."""

    place: str
    expr: str


def dashboard_queries() -> Iterator[Query]:
    """Of the panels, the variables and the marks of what our metrics tell."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Query(f"panel {panel['title']!r}", _filled_in(target["expr"]))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric = variable["definition"].removeprefix("label_values(").split(",")[0]
            yield Query(f"variable {variable['name']!r}", metric)
    for annotation in dashboard["annotations"]["list"]:
        if "ALERTS" not in annotation["expr"]:  # Prometheus' own, and empty on a good day
            yield Query(f"mark {annotation['name']!r}", annotation["expr"])


def alert_queries() -> Iterator[Query]:
    """Of the alerts, with comparisons that say 0 or 1: data whether or not the alert fires."""
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            expr = _COMPARISON.sub(lambda m: m[1] or f"{m[2]} bool", rule["expr"])
            yield Query(f"alert {rule['alert']!r}", expr)


def with_selectors(queries: Iterator[Query]) -> Iterator[Query]:
    """Each query and each selector in it, once: a sum or an `or` hides one that matches nothing."""
    seen = set()
    for place, expr in queries:
        for part in (expr, *_SELECTOR.findall(expr)):
            if part not in seen:
                seen.add(part)
                yield Query(place, part)


def _filled_in(expr: str) -> str:
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    return expr
