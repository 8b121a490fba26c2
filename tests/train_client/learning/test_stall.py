"""A run whose gradients stay infinite does not end as if it had learned something."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest
import torch

from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.learning.stall import Stalled, idle_steps
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics


def broken(policy: Policy, updates: Iterator[bool]) -> None:
    """Make the gradient of each update infinite of which `updates` says so."""
    weight = next(weight for weight in policy.model.parameters() if weight.requires_grad)
    weight.register_hook(lambda gradient: gradient * (torch.inf if next(updates) else 1.0))


def skipped(folder: Path) -> list[float]:
    return [line["skipped_updates"] for line in read_metrics(folder)]


def test_a_run_stops_after_five_steps_without_an_update_and_its_policy_is_whole(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    broken(policy, repeat(True))
    outcome = train(settings(tmp_path, service.url, run={"steps": 9}), policy, examples)
    assert (outcome.finished, outcome.status, outcome.steps) == (False, 3, 4)
    assert "gradients of 5 steps in a row were not finite" in outcome.reason
    assert outcome.checkpoint == tmp_path / "checkpoints" / "step-4"
    assert not (tmp_path / "policy").exists()
    assert skipped(tmp_path) == [1.0] * 5
    for one, other in zip(policy.model.parameters(), twin.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_resumed_run_stops_again_at_once_unless_it_learns_now(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    broken(policy, repeat(True))
    train(settings(tmp_path, service.url), policy, examples)
    again = settings(tmp_path, service.url, run={"resume": True})
    assert train(again, policy, examples).steps == 4
    assert train(again, twin, examples).finished
    assert skipped(tmp_path) == [1.0] * 4 + [0.0] * 2


def test_a_run_shorter_than_that_must_learn_in_one_of_its_steps(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    broken(policy, repeat(True))
    assert not train(settings(tmp_path, service.url, run={"steps": 2}), policy, examples).finished


def test_updates_that_are_left_out_here_and_there_are_counted_and_passed_over(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    halves = {"minibatches": 2, "lr": 1e-6}
    config = settings(tmp_path, service.url, run={"steps": 4}, optimizer=halves)
    broken(policy, chain([True, False, True, True, False, False], repeat(False)))
    assert train(config, policy, examples).finished
    assert skipped(tmp_path) == [1.0, 2.0, 0.0, 0.0]


def test_one_update_of_many_in_a_step_is_enough(tmp_path: Path) -> None:
    config = settings(tmp_path, "http://localhost", optimizer={"minibatches": 4})
    assert idle_steps(4, 3.0, config) == 0
    with pytest.raises(Stalled):
        idle_steps(4, 4.0, config)
