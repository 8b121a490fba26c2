"""What a checkpoint restores of a run, and that the checkpoints of earlier versions still do."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.train_client.runs import settings
from tests.train_client.service import Service
from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example
from train_client.data.feed import PromptFeed
from train_client.learning.optimizer import MasterAdamW
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.saved.best import Best
from train_client.saved.checkpoint import STATE, checkpoints, load_state
from train_client.saved.state import RunState


def run_state(
    config: TrainConfig, policy: Policy, examples: list[Example], rewards: RewardClient
) -> tuple[RunState, Best]:
    optimizer = MasterAdamW(policy.model, config.optimizer)
    feed = PromptFeed(examples, policy.processor, config.data, instruction="", seed=0)
    best = Best(config.run, policy, merge=False)
    sampler = torch.Generator()
    return RunState(config.run, policy, optimizer, feed, sampler, rewards, best), best


def test_a_checkpoint_restores_how_far_the_run_had_come(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url, run={"keep_best": "reward"})
    with RewardClient(config.reward) as rewards:
        before, best = run_state(config, policy, examples, rewards)
        before.step, before.evaluated, before.idle, best.value = 4, 3, 2, 0.5
        before.save(before.snapshot())
        after, best = run_state(config, policy, examples, rewards)
        assert after.restore()
    assert (after.step, after.evaluated, after.idle, best.value) == (4, 3, 2, 0.5)
    assert after.is_saved(after.snapshot())
    after.step += 1
    assert not after.is_saved(after.snapshot())


def test_a_checkpoint_of_an_earlier_version_is_restored(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url, run={"keep_best": "reward"})
    with RewardClient(config.reward) as rewards:
        before, best = run_state(config, policy, examples, rewards)
        before.step, before.idle, best.value = 4, 2, 0.5
        before.save(before.snapshot())
        (saved,) = checkpoints(tmp_path / "checkpoints")
        state = load_state(saved)
        (saved / STATE).unlink()  # its tensors are mapped; to write over them would be a crash
        torch.save({k: v for k, v in state.items() if k not in ("idle", "best_by")}, saved / STATE)
        after, best = run_state(config, policy, examples, rewards)
        assert after.restore()
    assert (after.step, after.idle) == (4, 0)
    assert best.value is None  # by which metric it was the best is not known


def test_a_run_without_a_checkpoint_starts_from_step_0(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url, run={"resume": True})
    with RewardClient(config.reward) as rewards:
        state, _ = run_state(config, policy, examples, rewards)
        assert not state.restore()
    assert (state.step, state.evaluated, state.idle) == (0, -1, 0)
