"""The loop over a real HTTP server: it learns, from the right completions, whatever the memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

import train_client.run.train as training
from tests.train_client.ranks import Rule
from tests.train_client.runs import EXACT, Rows, exact, settings, train
from tests.train_client.service import Service
from train_client.config.errors import ConfigError
from train_client.data.examples import Example
from train_client.data.prompts import Prompts
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.rollout.rollout import Rollout


def test_rewards_rise(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """And before anything is learned, sampler, policy and reference agree, at a temperature too."""
    run, rollout = {"steps": 40, "save_every": 0}, {"temperature": 0.8}
    outcome = train(settings(tmp_path, service.url, run=run, rollout=rollout), policy, examples)
    lines = read_metrics(tmp_path)
    rewards = [line["reward"] for line in lines]
    assert outcome.finished
    assert sum(rewards[-5:]) / 5 > 1.5 * rewards[0]
    assert max(line["sampler_gap"] for line in lines) < 1e-5
    for name in ("kl", "loss", "clipped"):  # the advantages of a group add up to 0
        assert lines[0][name] == pytest.approx(0, abs=1e-6)
    assert lines[-1]["kl"] > 1e-3
    assert all(0 <= line["reward/tail_time"] < line["time/step"] for line in lines)


def test_a_lost_sample_is_left_out_of_the_loss(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    calls = iter(range(1000))
    service.reward = lambda text: None if next(calls) % 4 == 1 else len(text) / 10
    train(settings(tmp_path, service.url, run={"steps": 1}), policy, examples)
    assert read_metrics(tmp_path)[0]["unscored"] == 4
    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    assert [row["advantage"] for row in rows[1::4]] == [0.0] * 4
    assert {row["instruction"] for row in rows} <= {example.instruction for example in examples}
    assert all(set(row["labels"]) == {"visual", "text", "combined"} for row in rows)
    statuses = ["ok", "service_error", "ok", "ok"] * 4
    assert [row["status"] for row in rows] == statuses
    assert [row["verdicts"] is not None for row in rows] == [s == "ok" for s in statuses]
    assert any(row["advantage"] for row in rows)


def test_memory_settings_change_nothing_but_memory(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    """With completions of several lengths, so that some passes are shorter than others."""
    at_once, in_parts = Rows(policy), Rows(twin)
    config = settings(tmp_path / "whole", service.url, run={"steps": 1})
    train(config, policy, examples, engine=Rule())
    small = {"prompts_per_pass": 2, "completions_per_pass": 2, "gradient_checkpointing": True}
    config = settings(tmp_path / "parts", service.url, run={"steps": 1}, optimizer=small)
    train(config, twin, examples, engine=Rule())
    whole, parts = exact(tmp_path / "whole")[0], exact(tmp_path / "parts")[0]
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-6)
    # Four prompts, then their four completions each; a layer is computed once, or in the backward
    # once more.
    assert at_once.given == [4, 16]
    assert at_once.computed == [4, 16]
    assert in_parts.given == [2, 4, 4] * 2
    assert sorted(in_parts.computed) == sorted(2 * in_parts.given)


def test_the_samplers_logprobs_stand_in_for_a_recomputed_pass(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    """In every update of two epochs of two minibatches, of which the first finds its own."""

    def config(old_logprobs: str) -> Any:
        return settings(
            tmp_path / old_logprobs,
            service.url,
            run={"steps": 1},
            optimizer={"minibatches": 2, "lr": 0.001},
            algorithm={"updates_per_batch": 2, "old_logprobs": old_logprobs},
        )

    train(config("recompute"), policy, examples)
    train(config("sampler"), twin, examples)
    one, other = read_metrics(tmp_path / "recompute")[0], read_metrics(tmp_path / "sampler")[0]
    assert one["clipped"] > 0.1  # later updates have moved away from the policy that sampled
    assert "time/old_logprobs" in one
    assert "time/old_logprobs" not in other
    for name in EXACT:
        assert other[name] == pytest.approx(one[name], rel=1e-4, abs=1e-6), name


class Numbered:
    """Stands in for retention; it notes for which updates of the run it is asked."""

    def __init__(self) -> None:
        self.updates: list[int] = []

    def passes(self, update: int) -> list[int]:
        return [update]

    def backward(self, passes: list[int]) -> float:
        self.updates += passes
        return 0.0


def test_each_minibatch_is_an_update_with_a_loss_and_a_rate_of_its_own(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    """Where nothing moves, the mean of two minibatches' losses is the loss of the batch, and for
    dr_grpo that is -sum(advantage x tokens) / (completions x max_tokens)."""

    def config(minibatches: int) -> Any:
        return settings(
            tmp_path / str(minibatches),
            service.url,
            run={"steps": 2},
            algorithm={"beta": 0.0, "loss": "dr_grpo"},
            optimizer={"minibatches": minibatches, "lr": 1e-12, "warmup_steps": 4},
        )

    train(config(1), policy, examples, engine=Rule())
    retention = Numbered()
    train(config(2), twin, examples, engine=Rule(), retention=retention)
    assert retention.updates == [0, 1, 2, 3]
    whole, halves = read_metrics(tmp_path / "1"), read_metrics(tmp_path / "2")
    rows = [json.loads(line) for line in (tmp_path / "1" / "completions.jsonl").open()]
    for step, lines in enumerate(zip(whole, halves, strict=True)):
        mine = rows[16 * step : 16 * (step + 1)]
        expected = -sum(row["advantage"] * row["tokens"] for row in mine) / (16 * 8)
        assert abs(expected) > 1e-3
        assert [line["loss"] for line in lines] == [pytest.approx(expected, rel=1e-4)] * 2
    rates = [[line["lr"] / 1e-12 for line in lines] for lines in (whole, halves)]
    assert rates == [pytest.approx([0.25, 0.5]), pytest.approx([0.5, 1.0])]


def test_duplicated_prompts_train_like_forked_ones(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    twin: Policy,
    examples: list[Example],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    train(settings(tmp_path / "forked", service.url, run={"steps": 1}), policy, examples)
    monkeypatch.setattr(training, "can_fork", lambda model: False)
    half = {"completions_per_pass": 2}
    config = settings(tmp_path / "copied", service.url, run={"steps": 1}, optimizer=half)
    train(config, twin, examples)
    forked, copied = exact(tmp_path / "forked")[0], exact(tmp_path / "copied")[0]
    assert copied == pytest.approx(forked, rel=1e-4, abs=1e-6)
    assert "cannot be forked" in caplog.text


def test_the_saved_policy_loads_with_plain_from_pretrained_and_answers(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    config = settings(
        tmp_path, service.url, run={"steps": 1, "plots": True, "loggers": ["tensorboard"]}
    )
    train(config, policy, examples)
    model: Any = AutoModelForImageTextToText.from_pretrained(tmp_path / "policy")
    processor = AutoProcessor.from_pretrained(tmp_path / "policy")
    inputs = processor(text=["<image>what"], images=[examples[1].images[0]], return_tensors="pt")
    generated = model.generate(**inputs, max_new_tokens=4, do_sample=False)
    assert generated.shape[1] > inputs["input_ids"].shape[1]
    for (name, one), (_, other) in zip(
        policy.model.named_parameters(), model.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name
    pictures = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"reward.png", "components.png", "refusal.png", "kl.png", "length.png"} <= pictures
    assert list((tmp_path / "tensorboard").iterdir())


class Cut(Rule):
    """Every completion reaches the token limit."""

    def generate(self, prompts: Prompts, group: int, *rest: Any) -> Rollout:
        rollout = super().generate(prompts, group)
        return replace(rollout, finished_R=torch.zeros_like(rollout.finished_R))


def test_where_every_completion_is_cut_and_masked_nothing_is_learned(
    tmp_path: Path, service: Service, policy: Policy, twin: Policy, examples: list[Example]
) -> None:
    masked = {"mask_truncated": True}
    config = settings(tmp_path, service.url, run={"steps": 1}, algorithm=masked)
    assert train(config, policy, examples, engine=Cut()).finished
    (line,) = read_metrics(tmp_path)
    assert (line["length/cut"], line["loss"], line["grad_norm"]) == (1.0, 0.0, 0.0)
    for one, other in zip(policy.model.parameters(), twin.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_kl_term_needs_a_reference(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    policy.reference = None
    with pytest.raises(ConfigError, match="no reference model"):
        train(settings(tmp_path, service.url), policy, examples)
    assert train(settings(tmp_path, service.url, algorithm={"beta": 0}), policy, examples).finished
