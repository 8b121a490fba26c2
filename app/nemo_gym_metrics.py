"""The statistics that NeMo Gym requests when rollouts have ended.

Mean, maximum, minimum, median and standard deviation of every numeric column, by task and overall.
Names and definitions are those of its `RewardProfiler`, so that its reports read the same.
"""

import statistics
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from pydantic import BaseModel

from app.errors import RequestError
from app.schema import Many

TASK = "_ng_task_index"
ROLLOUT = "_ng_rollout_index"
MOST_DESCRIBED = 2**18
"""Most columns over all tasks; each becomes five named numbers."""
LARGEST = 1e150
"""Larger numbers, infinities and NaN are left out: their squares overflow."""


class AggregateMetricsRequest(BaseModel):
    """Replies of `/verify`, each with the index of its task."""

    verify_responses: Many[dict[str, Any]]


class AggregateMetrics(BaseModel):
    """Flat names, for a trainer's logger."""

    group_level_metrics: list[dict[str, Any]]
    agent_metrics: dict[str, float]
    key_metrics: dict[str, float]


def aggregate(rollouts: Iterable[Mapping[str, Any]]) -> AggregateMetrics:
    """Statistics of each task's rollouts, in the tasks' order, and of all together.

    Raises:
        RequestError: 413, there are too many columns.
    """
    tasks: dict[int, list[dict[str, float]]] = {}
    for rollout in rollouts:
        tasks.setdefault(_task(rollout), []).append(_numeric(rollout))
    described = sum(len(set().union(*rows)) for rows in tasks.values())
    if described > MOST_DESCRIBED:
        raise RequestError(
            413,
            f"the tasks have {described} numeric columns together; at most {MOST_DESCRIBED} are "
            "described",
        )
    overall = _describe(chain.from_iterable(tasks.values()))
    return AggregateMetrics(
        group_level_metrics=[{TASK: task, **_describe(tasks[task])} for task in sorted(tasks)],
        agent_metrics=overall,
        key_metrics={name: value for name, value in overall.items() if name.startswith("mean/")},
    )


def _task(rollout: Mapping[str, Any]) -> int:
    task = rollout.get(TASK)
    return task if isinstance(task, int) else 0


def _numeric(rollout: Mapping[str, Any]) -> dict[str, float]:
    columns = {**rollout, **_mapping(_mapping(rollout.get("response")).get("usage"))}
    return {
        name: float(value)
        for name, value in columns.items()
        if isinstance(value, int | float) and abs(value) < LARGEST and name not in (TASK, ROLLOUT)
    }


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _describe(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    described: dict[str, float] = {}
    for name, values in columns.items():
        described |= {
            f"mean/{name}": statistics.fmean(values),
            f"max/{name}": max(values),
            f"min/{name}": min(values),
            f"median/{name}": statistics.median(values),
            f"std/{name}": statistics.stdev(values) if len(values) > 1 else 0.0,
        }
    return described
