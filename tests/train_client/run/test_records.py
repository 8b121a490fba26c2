"""What a step leaves behind in metrics.jsonl and completions.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from tests.train_client.ranks import Rule
from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics


def test_what_was_sampled_is_logged(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """By a sampler that reports -1.5 for every token."""
    train(settings(tmp_path, service.url, run={"steps": 1}), policy, examples, engine=Rule())
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row["prompt"], []).append(row["reward"])
    lengths = [row["tokens"] for row in rows]
    logged = read_metrics(tmp_path)[0]
    expected = {
        "reward_std": mean(map(stdev, groups.values())),
        "entropy": 1.5,
        "advantage/abs": mean(abs(row["advantage"]) for row in rows),
        "length/mean": mean(lengths),
        "length/max": max(lengths),
        "length/cut": mean(not row["finished"] for row in rows),
        "sampled_tokens": sum(lengths),
        "tokens_per_second": sum(lengths) / logged["time/step"],
    }
    assert {name: logged[name] for name in expected} == pytest.approx(expected)
    assert 0 < logged["length/cut"] < 0.5
    assert {row["stance"] for row in rows} == {"compliance"}
    for row in rows:
        assert sum(row["components"].values()) == pytest.approx(row["reward"])
        assert row["verdicts"] == dict.fromkeys(("visual", "text", "combined"), "safe")


def test_completions_are_written_every_so_many_steps(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url, run={"steps": 3, "completions_every": 2})
    train(config, policy, examples, engine=Rule())
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    assert [row["step"] for row in rows] == [2] * 16


def test_why_a_completion_fails_the_format_is_written_down(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = {"section": "visual", "offset": 0, "line": 1, "column": 1, "expected": []}
    score = service.score

    def failing(body: dict[str, Any]) -> dict[str, Any]:
        reply = score(body)
        failure = {"code": "missing_section", "message": "There is no <visual>.", **place}
        reply["results"][0]["failure"] = failure
        return reply

    monkeypatch.setattr(service, "score", failing)
    train(settings(tmp_path, service.url, run={"steps": 1}), policy, examples, engine=Rule())
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    assert [row["failure"] for row in rows] == ["missing_section", *[None] * 15]
