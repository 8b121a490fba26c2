"""The PromQL of the dashboard and the alerts, as data.

It yields whole expressions, and the parts in which a mistake would go unnoticed: a sum by a label
that no series has still returns a number, and so does an `or` of which one side matches nothing.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent
DASHBOARD = FOLDER / "grafana" / "dashboards" / "safegrpo.json"
ALERTS = FOLDER / "prometheus" / "alerts.yml"

# Not `.*`, which also matches series without the label.
_VARIABLES = {"$window": "1m", "$profile": ".+", "$run": ".+"}
_LABEL_VALUES = re.compile(r"label_values\((\w+), (\w+)\)")
_LEGEND_LABEL = re.compile(r"{{(\w+)}}")
_SELECTOR = re.compile(r"\b(?:safegrpo_\w+|up)(?:\{[^}]*\})?")
_UNEQUAL = re.compile(r'(\w+)!="[^"]+"')
_ONE_OF = re.compile(r'=~"(\w+(?:\|\w+)+)"')
_GROUPED = re.compile(r"\w+ by \(([^)]*)\) ?(?=\()")
_BY = re.compile(r"\bby\b")
_COMPARISON = re.compile(r"(\{[^}]*\})|([<>]=?|[=!]=)")
_COUNTED = ("_total", "_count", "_sum", "_bucket")


class Query(NamedTuple):
    """An expression, where it is used, and the labels that its results must have."""

    place: str
    expr: str
    labels: tuple[str, ...] = ()


def dashboard_queries() -> Iterator[Query]:
    """The queries of panels, variables, and annotations that are based on our metrics."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            labels = tuple(_LEGEND_LABEL.findall(target.get("legendFormat", "")))
            yield Query(f"panel {panel['title']!r}", filled_in(target["expr"]), labels)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = filled_in(variable["query"]["query"])
            yield Query(f"variable {variable['name']!r}", query)
    for annotation in dashboard["annotations"]["list"]:
        if "ALERTS" not in annotation["expr"]:  # Prometheus' own, absent while no alert fires
            yield Query(f"mark {annotation['name']!r}", annotation["expr"])


def alert_queries() -> Iterator[Query]:
    """The queries of alerts, with `bool` comparisons: they return data even if no alert fires."""
    for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            expr = _COMPARISON.sub(lambda m: m[1] or f"{m[2]} bool", rule["expr"])
            yield Query(f"alert {rule['alert']!r}", expr)


def with_parts(queries: Iterable[Query]) -> Iterator[Query]:
    """Each query, and each grouping and selector in it, without duplicates."""
    seen = set()
    for query in queries:
        for part in (query, *groupings(query), *selectors(query)):
            if part[1:] not in seen:
                seen.add(part[1:])
                yield part


def groupings(query: Query) -> Iterator[Query]:
    """Each `sum by (a, b) (…)`, whose result must have the labels that it names.

    Raises ValueError for a grouping in another form, whose labels would go unchecked.
    """
    if len(_BY.findall(query.expr)) != len(_GROUPED.findall(query.expr)):
        raise ValueError(
            f"{query.place}: write each grouping as `sum by (a, b) (…)`, so that its labels can be "
            f"checked: {query.expr}"
        )
    for match in _GROUPED.finditer(query.expr):
        expr = match[0] + _bracket(query.expr[match.end() :])
        yield Query(query.place, expr, tuple(match[1].split(", ")))


def selectors(query: Query) -> Iterator[Query]:
    """Each `metric{…}`, for each value that it allows; counters must be above 0."""
    for selector in _SELECTOR.findall(query.expr):
        # `!=` also matches series that lack the label.
        selector = _UNEQUAL.sub(r'\g<0>, \1!=""', selector)
        for variant in _each_value(selector):
            counted = variant.partition("{")[0].endswith(_COUNTED)
            yield Query(query.place, f"{variant} > 0" if counted else variant)


def filled_in(expr: str) -> str:
    """A Grafana expression with its variables replaced, as Prometheus accepts it."""
    for name, value in _VARIABLES.items():
        expr = expr.replace(name, value)
    return _LABEL_VALUES.sub(r'\1{\2!=""}', expr)


def _each_value(selector: str) -> list[str]:
    """`{a=~"b|c"}` as `{a="b"}` and `{a="c"}`; other selectors as they are."""
    match = _ONE_OF.search(selector)
    if match is None:
        return [selector]
    return [selector.replace(match[0], f'="{value}"') for value in match[1].split("|")]


def _bracket(text: str) -> str:
    """The bracketed expression at the start of the text. Raises ValueError if it is not closed."""
    depth = 0
    for end, character in enumerate(text, 1):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[:end]
    raise ValueError(f"a bracket is never closed: {text}")
