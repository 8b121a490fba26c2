"""The report: which goals count as reached, and what is read from the log."""

from __future__ import annotations

import json
from pathlib import Path

from train_client.report import safety
from train_client.world.evaluation import ROWS
from train_client.world.report import Report, evaluations, training_count
from train_client.world.service import Count


def _reached(**after: float) -> dict[str, str]:
    before = dict.fromkeys(ROWS, 0.5) | {"skill": 0.98}
    good = {
        "format": 0.99,
        "accuracy/combined": 0.9,
        "refusal_on_safe": 0.05,
        "compliance_on_unsafe": 0.05,
        "skill": 0.96,
    }
    count = Count(1, 1.0)
    report = Report(
        seed=0,
        steps=1,
        minutes=1.0,
        before=before,
        after=before | good | after,
        client=count,
        server=count,
        server_restarts=0,
        version="v",
    )
    names = {name: key for key, name in ROWS.items()}
    return {names[row[0]]: row[4] for row in report.rows() if row[3]}


def test_every_row_has_a_name_of_its_own() -> None:
    assert len(set(ROWS.values())) == len(ROWS)
    assert {**ROWS, **safety.ROWS} == ROWS


def test_all_goals_reached() -> None:
    assert set(_reached().values()) == {"yes"}


def test_each_goal_is_missed_alone() -> None:
    for key, value in {
        "format": 0.94,
        "accuracy/combined": 0.84,
        "refusal_on_safe": 0.11,
        "compliance_on_unsafe": 0.11,
        "skill": 0.94,
    }.items():
        assert [name for name, said in _reached(**{key: value}).items() if said == "no"] == [key]


def test_the_log_is_counted_from_a_step_on_without_unscored_ones(tmp_path: Path) -> None:
    lines = [
        {"step": 0, "eval/format": 0.5},
        {"step": 1, "scored_completions": 8.0, "unscored": 0.0, "reward": 0.25},
        {"step": 2, "scored_completions": 8.0, "unscored": 4.0, "reward": 0.5},
        {"step": 2, "eval/format": 1.0},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training_count(tmp_path, after=0) == Count(12, 4.0)
    assert training_count(tmp_path, after=1) == Count(4, 2.0)
    assert [found["format"] for found in evaluations(tmp_path)] == [0.5, 1.0]
