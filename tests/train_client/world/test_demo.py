"""The demo from end to end in a few steps, against a real server's process."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from safetensors import SafetensorError

from tests.train_client.world.conftest import pair_of
from train_client.config.errors import ConfigError
from train_client.demo import CASES_PER_PAIR, demo
from train_client.policy.policy import Policy
from train_client.saved.checkpoint import SaveError
from train_client.world import evaluation
from train_client.world.cases import draw_cases
from train_client.world.language import demonstration, toss_verdicts
from train_client.world.rules import load_rules
from train_client.world.split import split_pairs
from train_client.world.warmup import WarmupConfig

WARMUP = WarmupConfig(steps=4, skill_batch=4, format_batch=4)
SMALL: dict[str, dict[str, object]] = {
    "rollout": {"prompts_per_step": 2, "group_size": 2, "max_tokens": 12},
    "optimizer": {"minibatches": 2},
    "run": {"loggers": [], "evaluate_every": 0, "save_every": 1},
}


@pytest.fixture(autouse=True)
def _short_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "SCENES_PER_PAIR", 1)
    monkeypatch.setattr(evaluation, "SKILL_QUESTIONS", 8)


@pytest.fixture(autouse=True)
def _spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a demonstration in what is sampled, its verdicts a toss that the tokens decide.

    A policy of so short a warm-up writes noise, whose rewards are all 0: whoever added up nothing
    would count them right.
    """

    def decode(_: Policy, tokens: Sequence[int]) -> str:
        verdicts = toss_verdicts(random.Random(str(tokens)))
        return demonstration("sofa", "soft thing", 1, "lie down on it", verdicts)

    monkeypatch.setattr(Policy, "decode", decode)


def _demo(output: Path, *, steps: int, seed: int = 0, resume: bool = False) -> None:
    demo(steps=steps, seed=seed, output=output, resume=resume, warmup=WARMUP, overrides=SMALL)


def test_a_warmed_up_policy_that_cannot_be_saved_leaves_no_part_of_it_to_resume_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(self: Policy, folder: Path, *, merge: bool = False) -> None:
        (folder / "config.json").touch()
        raise SafetensorError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Policy, "save", full_disk)
        with pytest.raises(SaveError, match="warm cannot be written: No space left on device"):
            _demo(tmp_path, steps=1)
    with pytest.raises(ConfigError, match="there is no demo run to resume"):
        _demo(tmp_path, steps=1, resume=True)


def test_a_short_demo_writes_its_report_and_the_server_confirms_the_counts(tmp_path: Path) -> None:
    _demo(tmp_path, steps=2)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["steps"] == 2
    held_out = report["client"]["completions"] - 2 * 2 * 2
    assert held_out > 0
    assert report["client"] == pytest.approx(report["server"])
    assert set(evaluation.ROWS) <= set(report["after"])
    table = (tmp_path / "report.md").read_text()
    assert all(name in table for name in evaluation.ROWS.values())
    assert list((tmp_path / "plots").glob("*.png"))
    assert (tmp_path / "policy" / "config.json").exists()
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    trained = sum(row["reward"] for row in rows)
    assert 0 < trained < report["client"]["reward_sum"] < report["client"]["completions"]
    assert {pair_of(row["prompt"]) for row in rows} <= set(split_pairs(load_rules())[0])

    warm = (tmp_path / "warm/model.safetensors").stat().st_mtime_ns
    with pytest.raises(ConfigError, match="already holds a run"):
        _demo(tmp_path, steps=2)
    assert (tmp_path / "warm/model.safetensors").stat().st_mtime_ns == warm

    # What a crash while saving leaves behind.
    (tmp_path / "checkpoints/.writing-step-3").mkdir()
    # Resumed with more steps: counted from the checkpoint on, because this server is a new one.
    _demo(tmp_path, steps=3, resume=True)
    resumed = json.loads((tmp_path / "report.json").read_text())
    assert resumed["steps"] == 3
    assert resumed["before"] == report["before"]
    assert resumed["client"] == pytest.approx(resumed["server"])
    assert 0 < resumed["client"]["reward_sum"] < report["client"]["reward_sum"]


def test_a_demo_that_is_stopped_ends_by_the_signal_and_goes_on_with_its_own_seed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {}

    monkeypatch.setattr(evaluation.WorldEvaluation, "__call__", stop)
    with pytest.raises(typer.Exit) as stopped:
        _demo(tmp_path, steps=1)
    assert stopped.value.exit_code == 143
    with pytest.raises(ConfigError, match="began with --seed 0 and cannot go on with --seed 4"):
        _demo(tmp_path, steps=1, seed=4, resume=True)


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no demo run to resume"):
        _demo(tmp_path / "new", steps=1, resume=True)


def test_scenes_that_are_held_out_are_never_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Seed 1048576 draws the held-out scenes"):
        _demo(tmp_path, steps=1, seed=evaluation.HELD_OUT_SEED)
    assert not (tmp_path / "warm").exists()
    rules = load_rules()
    training, held_out = split_pairs(rules)
    scenes = {case.scene for case in draw_cases(rules, training, CASES_PER_PAIR, seed=0)}
    asked = draw_cases(rules, held_out, 36, seed=evaluation.HELD_OUT_SEED)
    assert not scenes & {case.scene for case in asked}
