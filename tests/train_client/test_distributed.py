"""Two processes (gloo, FSDP2) train as one does, and their checkpoints are anyone's."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText

from tests.train_client import ranks
from tests.train_client.runs import settings, train
from tests.train_client.service import Service
from train_client import distributed
from train_client.config.errors import ConfigError
from train_client.config.file import load_config
from train_client.config.train_config import TrainConfig
from train_client.distributed import joined, raised_everywhere
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.reward.errors import RewardError, RewardRejected
from train_client.rollout.rollout import Diverged, Rollout

NUMBERS = (
    "loss",
    "kl",
    "grad_norm",
    "reward",
    "advantage/abs",
    "clipped",
    "length/mean",
    "lr",
    "retention_kl",
)


@pytest.fixture
def config(tmp_path: Path, service: Service, policy: Policy) -> Path:
    policy.save(tmp_path / "model")
    path = tmp_path / "run.yaml"
    path.write_text(
        "run: {steps: 4, progress: false, plots: false, loggers: []}\n"
        f"policy: {{path: {tmp_path}/model, device: cpu}}\n"
        "rollout: {prompts_per_step: 4, group_size: 4, max_tokens: 8}\n"
        "algorithm: {beta: 0.05, updates_per_batch: 2, combine: gdpo, loss: dapo}\n"
        # Sums over two processes differ from those over one in the last bit of a float32. Where a
        # gradient is nothing but such bits, AdamW's default eps (1e-8) makes of them a step of up
        # to lr, in one weight of thousands: 1e-5 here. A larger eps leaves them as they are.
        "optimizer: {lr: 0.001, eps: 0.0001, minibatches: 2, completions_per_pass: 2}\n"
        f"reward: {{url: '{service.url}'}}\n"
    )
    return path


def two_processes(*runs: str) -> None:
    """Train each "CONFIG OVERRIDE …" in turn on two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, "-m", "tests.train_client.ranks", *runs],
        # A GPU, where there is one, is none for both.
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def numbers(folder: Path) -> list[dict[str, Any]]:
    return [
        {name: line[name] for name in ("step", *NUMBERS) if name in line}
        for line in read_metrics(folder)
        if "loss" in line
    ]


def assert_same(folder: Path, other: Path) -> None:
    ours, theirs = numbers(folder), numbers(other)
    assert len(ours) == len(theirs) == 4
    for one, two in zip(ours, theirs, strict=True):
        assert one == pytest.approx(two, rel=1e-6, abs=1e-6)
    models = [AutoModelForImageTextToText.from_pretrained(f / "policy") for f in (folder, other)]
    weights = zip(models[0].parameters(), models[1].parameters(), strict=True)
    assert all(torch.allclose(one, two, rtol=0, atol=1e-6) for one, two in weights)


@pytest.mark.timeout(600)
def test_two_processes_are_one_and_load_each_others_checkpoints(
    tmp_path: Path, service: Service, config: Path
) -> None:
    def place(name: str, processes: int = 2) -> str:
        # General rows too: each process takes its share of an update's four.
        kept = f"retention.data=general retention.examples={4 // processes}"
        return f"run.output={tmp_path}/{name} {kept}"

    def alone(name: str, *more: str) -> TrainConfig:
        return load_config(config, [*place(name, processes=1).split(), *more])

    ranks.train(alone("alone"))
    ranks.train(alone("one-two", "run.steps=2"))
    two_processes(
        f"{config} {place('two')}",
        f"{config} {place('two-one')} run.steps=2 optimizer.gradient_checkpointing=true",
        f"{config} {place('one-two')} run.resume=true",
        f"{config} {place('two-two')} run.steps=2",
        f"{config} {place('two-two')} run.resume=true",
        f"{config} {place('half')} policy.dtype=bfloat16 run.steps=1",
    )
    ranks.train(alone("two-one", "run.resume=true"))
    assert min(line["retention_kl"] for line in numbers(tmp_path / "alone")) > 1e-6
    for name in ("two", "one-two", "two-one"):
        assert_same(tmp_path / name, tmp_path / "alone")
    assert numbers(tmp_path / "two-two") == numbers(tmp_path / "two")
    half, full = numbers(tmp_path / "half")[0], numbers(tmp_path / "alone")[0]
    assert half["loss"] == pytest.approx(full["loss"], abs=0.02)
    # Its samples are others, by how a processor rounds.
    assert half["grad_norm"] == pytest.approx(full["grad_norm"], rel=0.2)
    scored = [s for body in service.requests for s in body["samples"]]
    assert len(scored) == 5 * (4 * 4 * 4) + 4 * 4


@pytest.mark.timeout(600)
def test_completions_out_of_the_loss_make_no_process_wait(
    tmp_path: Path, service: Service, config: Path
) -> None:
    """Lost or cut, in micro-batches of their own, on one process and not on the other.

    The loss is a mean over completions, so these too are counted over both.
    """
    pay = service.reward
    service.reward = lambda text: None if text[0] in "abcdefgh" else pay(text)

    def run(name: str) -> list[str]:
        masked = ("algorithm.mask_truncated=true", "optimizer.completions_per_pass=1")
        return [f"run.output={tmp_path}/{name}", "algorithm.loss=grpo", *masked]

    ranks.train(load_config(config, run("alone")))
    two_processes(" ".join([str(config), *run("two")]))
    assert_same(tmp_path / "two", tmp_path / "alone")
    steps = read_metrics(tmp_path / "two")
    assert all(0 < step["unscored"] < 16 for step in steps)
    assert any(step["length/cut"] for step in steps)


@pytest.mark.timeout(600)
def test_an_adapter_too_is_trained_by_two_processes_as_by_one(tmp_path: Path, config: Path) -> None:
    """Its KL term is to the sharded model with the adapter off; it is added in at the end."""
    pytest.importorskip("peft")
    lora = "policy.lora.rank=4 policy.lora.merge=true"
    vllm = (
        "rollout.engine=vllm policy.device=auto run.steps=3 algorithm.importance_cap=2 "
        "algorithm.updates_per_batch=1 optimizer.minibatches=1"
    )

    def run(name: str, *more: str) -> list[str]:
        return [f"run.output={tmp_path}/{name}", *lora.split(), *more]

    ranks.train(load_config(config, run("alone")))
    ranks.train(load_config(config, run("one-two", "run.steps=2")))
    two_processes(
        " ".join([str(config), *run("two-one", "run.steps=2")]),
        " ".join([str(config), *run("one-two", "run.resume=true")]),
        " ".join([str(config), *run("vllm", *vllm.split())]),
    )
    ranks.train(load_config(config, run("two-one", "run.resume=true")))
    assert min(line["kl"] for line in numbers(tmp_path / "alone")) > 1e-3
    for name in ("one-two", "two-one"):
        saved = {path.name for path in (tmp_path / name / "checkpoints/step-2").iterdir()}
        assert {"adapter_config.json", "adapter_model.safetensors"} <= saved
        assert_same(tmp_path / name, tmp_path / "alone")
    # Whole weights, adapter included, reach an engine that has others: it samples by the policy.
    gaps = [line["sampler_gap"] for line in read_metrics(tmp_path / "vllm")]
    assert len(gaps) == 3
    assert max(gaps) < 1e-5


def test_a_batch_that_cannot_be_shared_out_is_a_sentence(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prompts_of_one(processes: int) -> int:
        monkeypatch.setattr(distributed, "world_size", lambda: processes)
        return distributed.prompts_per_process(whole)

    whole = load_config(config)
    assert prompts_of_one(2) == 2
    with pytest.raises(ConfigError, match="cannot be divided equally among 3 processes"):
        prompts_of_one(3)
    with pytest.raises(ConfigError, match=r"share of one of 4.*\n.*minibatches"):
        prompts_of_one(4)


def test_alone_a_problem_is_raised_as_it_is() -> None:
    problem = ValueError("away")
    with pytest.raises(ValueError, match="away") as caught, raised_everywhere(ValueError):
        raise problem
    assert caught.value is problem


def test_a_problem_of_one_process_is_raised_by_all_as_the_kind_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refusal is made of a sentence and a status, and the other processes have no status."""
    told: list[Any] = []
    monkeypatch.setattr(distributed, "all_gather", lambda mine: told.append(mine) or [mine])
    with pytest.raises(RewardRejected), raised_everywhere(RewardError):
        raise RewardRejected("no", 422)
    monkeypatch.setattr(distributed, "all_gather", lambda mine: [mine, *told])
    with pytest.raises(RewardError, match=r"no \(process 1\)"), raised_everywhere(RewardError):
        pass


def test_all_processes_are_told_that_the_policy_of_one_has_diverged(
    tmp_path: Path, service: Service, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of some prompts it may still be sampled elsewhere."""

    class Broken(ranks.Rule):
        def generate(self, *given: Any) -> Rollout:
            sampled = super().generate(*given)
            return replace(sampled, logprobs_RT=sampled.logprobs_RT * math.nan)

    told: list[Any] = []
    monkeypatch.setattr(distributed, "all_gather", lambda mine: told.append(mine) or [mine])
    with pytest.raises(Diverged) as diverged:
        train(settings(tmp_path, service.url), policy, ranks.examples(), engine=Broken())
    assert told[-1] == (Diverged, str(diverged.value))


def test_processes_wait_for_a_checkpoint_and_for_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """NCCL's own patience is ten minutes."""
    given: list[timedelta] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(
        torch.distributed, "init_process_group", lambda _, timeout: given.append(timeout)
    )
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with joined("cpu", deadline=7200):
        assert given == [timedelta(hours=3)]


def test_processes_never_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(ConfigError, match=r"2 processes.* 1 GPU.*--nproc-per-node=1, or set policy"),
        joined("auto", deadline=60),
    ):
        pytest.fail("joined")
