"""A run that stops, for whatever reason, goes on as if it had not, and never does half a step."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.train_client.ranks import Rule
from tests.train_client.runs import exact, settings, steps_done, train
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.config.file import load_config
from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example, ExampleWithResponse
from train_client.learning.retention import Retention
from train_client.policy.policy import Policy
from train_client.reward.client import RewardClient
from train_client.run.interrupt import Stop
from train_client.run.train import Trainer

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "one update": {},
    "several updates and minibatches": {
        "algorithm": {"updates_per_batch": 2},
        "optimizer": {"minibatches": 2, "schedule": "cosine", "warmup_steps": 3},
    },
    "groups dropped and refilled": {"algorithm": {"dynamic_sampling": 2, "beta": 0.0}},
    "all of it, a few prompts at once": {
        "algorithm": {"dynamic_sampling": 2, "updates_per_batch": 2, "importance_cap": 2.0},
        "optimizer": {"minibatches": 2, "prompts_per_pass": 1, "completions_per_pass": 2},
        "rollout": {"prompts_per_pass": 3},
    },
    "held on general examples": {"retention": {"weight": 0.5, "examples": 2}},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_an_interrupted_and_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    twin: Policy,
    examples: list[Example],
    variant: dict[str, dict[str, Any]],
) -> None:
    # Two thirds of the texts earn the same, so that there are groups to drop.
    service.reward = lambda text: float(len(text) % 3 == 0)

    def kept(by: Policy, config: TrainConfig) -> Retention | None:
        general = [ExampleWithResponse(example, "a response") for example in examples]
        return Retention(config.retention, by, general, seed=0) if "retention" in variant else None

    whole = settings(tmp_path / "whole", service.url, **variant)
    train(whole, policy, examples, retention=kept(policy, whole))

    broken = settings(tmp_path / "broken", service.url, **variant)

    def stop_once_learned(_: Stop) -> dict[str, float]:
        if steps_done(tmp_path / "broken"):
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    with RewardClient(broken.reward) as rewards:
        trainer = Trainer(
            broken,
            twin,
            examples,
            rewards,
            evaluate=stop_once_learned,
            retention=kept(twin, broken),
        )
        trainer.config.run.evaluate_every = 3
        stopped = trainer.run()
    assert (stopped.finished, stopped.steps) == (False, 3)

    restarted = Policy(copy.deepcopy(policy.model), policy.processor, policy.reference)
    resumed = settings(tmp_path / "broken", service.url, **variant)
    resumed.run.resume = True
    torch.manual_seed(99)
    outcome = train(resumed, restarted, examples, retention=kept(restarted, resumed))

    assert outcome.finished
    assert exact(tmp_path / "broken") == exact(tmp_path / "whole")
    for (name, one), (_, other) in zip(
        policy.model.named_parameters(), restarted.model.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name


def test_a_run_that_is_resumed_and_learns_no_more_leaves_its_checkpoint_alone(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url)
    checkpoint = train(config, policy, examples).checkpoint
    assert checkpoint is not None
    written = checkpoint.stat().st_ino
    config.run.resume = True
    assert train(config, policy, examples).checkpoint == checkpoint
    assert checkpoint.stat().st_ino == written


def test_a_service_that_is_away_only_delays(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    twin: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(settings(tmp_path / "calm", service.url), policy, examples)
    service.requests.clear()

    def outage() -> None:
        while len(service.requests) < 2:
            time.sleep(0.01)
        service.kill()
        while "Waiting for the reward service" not in caplog.text:
            time.sleep(0.01)
        service.start()

    thread = threading.Thread(target=outage, daemon=True)
    thread.start()
    outcome = train(settings(tmp_path / "outage", service.url), twin, examples)
    thread.join()
    assert outcome.finished
    assert exact(tmp_path / "outage") == exact(tmp_path / "calm")
    assert "Waiting for the reward service" in caplog.text


def test_a_service_that_stays_away_stops_the_run_at_the_last_whole_step(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    train(settings(tmp_path / "calm", service.url), policy, examples)
    calls = iter(range(1000))
    reward = service.reward

    def failing(text: str) -> float | None:
        if next(calls) == 3 * 16:
            service.faults += [(503, {})] * 1000
        return reward(text)

    service.reward = failing
    config = settings(tmp_path / "away", service.url, reward={"deadline": 0.5})
    outcome = train(config, twin, examples)
    assert not outcome.finished
    assert "gives no rewards within reward.deadline=0.5 s" in outcome.reason
    assert outcome.checkpoint is not None

    service.faults.clear()
    service.reward = reward
    config.run.resume = True
    assert train(config, twin, examples).finished
    assert exact(tmp_path / "away") == exact(tmp_path / "calm")


def test_a_service_that_scores_nothing_stops_the_run(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    service.reward = lambda text: None
    outcome = train(settings(tmp_path, service.url), policy, examples)
    assert (outcome.finished, outcome.steps) == (False, 0)
    assert "could score none of the 16 completions" in outcome.reason
    for one, other in zip(policy.model.parameters(), twin.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_row_that_cannot_be_used_stops_the_run_at_the_last_whole_step(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    examples[6] = replace(examples[6], pictures=(Image.new("RGB", (600, 1)),))
    config = settings(tmp_path, service.url, run={"steps": 3}, data={"shuffle": False})
    outcome = train(config, policy, examples)
    assert (outcome.finished, outcome.steps) == (False, 1)
    assert "refuses the prompt p6" in outcome.reason
    assert outcome.checkpoint == tmp_path / "checkpoints/step-1"

    config.run.resume, config.data.bad_rows = True, "drop"
    assert train(config, policy, examples).finished


def test_replicas_of_different_rewards_stop_the_run(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each process may be answered by another one, always the same."""
    monkeypatch.setattr("train_client.run.step.all_gather", lambda mine: [mine, "test-2"])
    outcome = train(settings(tmp_path, service.url), policy, examples)
    assert (outcome.finished, outcome.steps) == (False, 0)
    assert "The replicas of the reward service differ" in outcome.reason


def test_a_changed_reward_stops_the_run_and_its_resumption(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url)

    def change(_: Stop) -> dict[str, float]:
        service.version = f"test-{1 + steps_done(tmp_path)}"
        return {}

    config.run.evaluate_every = 3
    outcome = train(config, policy, examples, evaluate=change)
    assert (outcome.finished, outcome.steps) == (False, 3)
    assert "was test-1 and is now test-4" in outcome.reason

    config.run.resume = True
    outcome = train(config, policy, examples)
    assert (outcome.finished, outcome.steps) == (False, 3)


def test_settings_that_changed_are_told_and_written_on_resume(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def resume(**changes: dict[str, Any]) -> TrainConfig:
        changes["run"] = {"steps": 3, "resume": True, **changes.get("run", {})}
        config: TrainConfig = settings(tmp_path, service.url, **changes)
        train(config, policy, examples)
        return config

    train(settings(tmp_path, service.url, run={"steps": 2}), policy, examples)
    first = (tmp_path / "config.yaml").read_text()
    changed = resume(run={"seed": 7}, optimizer={"lr": 0.01})
    (told,) = (r.getMessage() for r in caplog.records if "changed settings" in r.getMessage())
    assert told.endswith("changed settings: run.seed: 0 -> 7; optimizer.lr: 0.02 -> 0.01")
    assert (tmp_path / "config.yaml").read_text() == first
    assert load_config(tmp_path / "config-from-step-2.yaml") == changed

    # Those are the settings now: going on with them changes nothing, going back does.
    caplog.clear()
    resume(run={"seed": 7}, optimizer={"lr": 0.01})
    assert not caplog.records
    back = resume()
    assert "optimizer.lr: 0.01 -> 0.02" in caplog.text
    assert load_config(tmp_path / "config-from-step-3.yaml") == back

    # From an older checkpoint, what was changed after it never was.
    shutil.rmtree(tmp_path / "checkpoints/step-3")
    resume(run={"seed": 7}, optimizer={"lr": 0.01})
    written = {path.name for path in tmp_path.glob("config*.yaml")}
    assert written == {"config.yaml", "config-from-step-2.yaml"}

    # A schedule ends with the run's last step, so that another end is another learning rate.
    caplog.clear()
    resume(run={"steps": 4, "seed": 7}, optimizer={"lr": 0.01, "schedule": "linear"})
    assert "run.steps: 3 -> 4; optimizer.schedule: constant -> linear" in caplog.text


@pytest.mark.parametrize(("keep", "left"), [(1, ["step-6"]), (2, ["step-4", "step-6"])])
def test_every_so_many_steps_are_saved_and_the_oldest_deleted(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    keep: int,
    left: list[str],
) -> None:
    config = settings(tmp_path, service.url, run={"save_every": 2, "keep_last": keep})
    train(config, policy, examples, engine=Rule())
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == left


def test_a_run_is_not_overwritten(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(tmp_path, service.url, run={"steps": 2})
    train(config, policy, examples)
    with pytest.raises(ConfigError, match=r"already holds a run of 2 steps.*run\.resume=true"):
        train(config, policy, examples)
    config.run.resume, config.run.steps = True, 1
    outcome = train(config, policy, examples)
    assert (outcome.finished, outcome.steps, outcome.reason) == (True, 2, "")


def test_a_folder_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/run cannot be created .*: Not a directory"):
        train(settings(tmp_path / "file/run", service.url), policy, examples)
