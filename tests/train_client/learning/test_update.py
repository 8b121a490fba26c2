"""What an update logs of the distances between policies is what their log-probs say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.train_client.ranks import Rule
from tests.train_client.runs import Rows, settings, train
from tests.train_client.service import Service
from train_client.data.examples import Example
from train_client.data.prompts import Prompts, encode_prompts
from train_client.policy.duplicate import duplicated_logprobs
from train_client.policy.policy import Policy
from train_client.report.metrics import read_metrics
from train_client.rollout.rollout import Rollout

LOW, HIGH = 0.2, 0.5


class Elsewhere(Rule):
    """Reports log-probs of another policy, one that makes some tokens likelier and some less."""

    rollout: Rollout

    def generate(self, prompts: Prompts, group: int, *_: Any) -> Rollout:
        plain = super().generate(prompts, group)
        logprobs_RT = -4.5 - 0.25 * (plain.tokens_RT % 7)
        self.rollout = replace(plain, logprobs_RT=logprobs_RT * plain.mask_RT)
        return self.rollout


def by_hand(
    rows: list[dict[str, Any]], part: range, now_RT: Tensor, kept_RT: Tensor, sampled_RT: Tensor
) -> dict[str, float]:
    """The figures of a part of the rows, token by token."""
    kl, clipped, gap = [], [], []
    for row in part:
        if rows[row]["reward"] is None:
            continue
        gain = rows[row]["advantage"]
        for place in range(rows[row]["tokens"]):
            now, kept, sampled = (float(of[row, place]) for of in (now_RT, kept_RT, sampled_RT))
            kl.append(math.exp(kept - now) - (kept - now) - 1)  # k3
            ratio = math.exp(now - sampled)
            clipped.append((gain > 0 and ratio > 1 + HIGH) or (gain < 0 and ratio < 1 - LOW))
            gap.append(abs(now - sampled))
    return {"kl": mean(kl), "clipped": mean(clipped), "sampler_gap": mean(gap)}


@pytest.mark.parametrize(
    ("old", "shown", "not_shown"),
    [("sampler", "clipped", "sampler_gap"), ("recompute", "sampler_gap", None)],
)
@torch.no_grad()
def test_kl_clip_fraction_and_sampler_gap_are_means_over_the_tokens_that_count(
    tmp_path: Path,
    service: Service,
    policy: Policy,
    examples: list[Example],
    old: str,
    shown: str,
    not_shown: str | None,
) -> None:
    """Of each minibatch, where nothing moves and some completions were not scored."""
    assert policy.reference is not None
    for weight in policy.reference.parameters():
        weight.mul_(1.1)
    pay = service.reward
    service.reward = lambda text: None if "e" in text else pay(text)
    config = settings(
        tmp_path,
        service.url,
        run={"steps": 1},
        rollout={"temperature": 0.8},
        algorithm={"old_logprobs": old, "clip_low": LOW, "clip_high": HIGH},
        optimizer={"minibatches": 2, "lr": 1e-12},
    )
    engine = Elsewhere()
    with torch.enable_grad():
        train(config, policy, examples, engine=engine)

    rows = [json.loads(line) for line in (tmp_path / "completions.jsonl").open()]
    asked = {example.id: example for example in examples}
    inputs = encode_prompts(policy.processor, [asked[row["prompt"]] for row in rows]).inputs
    tokens_RT, sampled_RT = engine.rollout.tokens_RT, engine.rollout.logprobs_RT
    now_RT, kept_RT = (
        duplicated_logprobs(model, inputs, tokens_RT, 0.8)
        for model in (policy.model, policy.reference)
    )

    parts = range(8), range(8, 16)
    halves = [by_hand(rows, part, now_RT, kept_RT, sampled_RT) for part in parts]
    (logged,) = read_metrics(tmp_path)
    assert not_shown not in logged
    for name in ("kl", shown):
        first, second = (half[name] for half in halves)
        assert abs(first - second) > 0.01
        assert abs(logged[name] - (first + second) / 2) < 1e-5, name
    assert logged["unscored"] > 0


def test_old_logprobs_are_computed_of_what_the_first_update_does_not_compute_anyway(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    rows = Rows(policy)
    config = settings(tmp_path, service.url, run={"steps": 1}, optimizer={"minibatches": 2})
    train(config, policy, examples, engine=Rule())
    # Two prompts and their eight completions: the second minibatch's, then both updates'.
    assert rows.given == [2, 8] * 3


def test_without_a_reference_no_distance_from_it_is_shown(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """A 0 would say that the policy has not moved."""
    config = settings(tmp_path, service.url, run={"steps": 1}, algorithm={"beta": 0.0})
    train(config, policy, examples)
    (logged,) = read_metrics(tmp_path)
    assert "kl" not in logged


def test_the_gap_to_the_sampler_does_not_grow_as_the_policy_learns(
    tmp_path: Path, service: Service, policy: Policy, examples: list[Example]
) -> None:
    """It is the engine's rounding, which `importance_cap` corrects, however far updates go."""
    config = settings(
        tmp_path,
        service.url,
        run={"steps": 2},
        algorithm={"updates_per_batch": 4},
        optimizer={"lr": 0.02},
    )
    train(config, policy, examples)
    assert all(line["sampler_gap"] < 1e-5 for line in read_metrics(tmp_path))
