"""A long work says how far it is, in a job's log too."""

from __future__ import annotations

import time

import pytest

from train_client.report import progress
from train_client.report.progress import Bar, TrainingProgress


def test_in_a_log_there_is_a_line_now_and_then_and_one_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(progress, "LOG_SECONDS", 60.0)
    with Bar("warm-up", 9) as bar:
        for _ in range(9):
            bar.advance()
            now += 10.0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["warm-up", "1/9"],
        ["warm-up", "7/9"],
        ["warm-up", "9/9"],
    ]


def test_training_tells_its_reward_and_goes_on_where_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TrainingProgress(8, 5, shown=True) as bar:
        bar.step({"reward": 0.5, "kl": 0.01, "tokens_per_second": 12345.0})
    said = capsys.readouterr().out
    assert said.startswith("train 6/8")
    assert "reward 0.500  KL 0.0100  12,345 tokens/s" in said


def test_what_is_no_step_is_told_too_while_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress(8, 5, shown=True) as bar:
        with bar.doing("evaluating"):
            assert capsys.readouterr().out.rstrip().endswith("evaluating")
        bar.step({})
    assert "evaluating" not in capsys.readouterr().out


def test_nothing_is_said_where_nothing_is_to_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress(2, 0, shown=False) as bar:
        bar.step({})
    assert capsys.readouterr().out == ""
