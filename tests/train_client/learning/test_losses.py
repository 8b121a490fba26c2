"""Each loss of the family against a reference short enough to be read beside its paper."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from train_client.config.sections import AlgorithmConfig, Kl, Loss
from train_client.learning.losses import LossValue, Normalisers, kl_estimate, policy_loss

ROWS, TOKENS, LONGEST = 6, 9, 12
ALL: list[Loss] = ["grpo", "dr_grpo", "dapo", "bnpo", "gspo", "cispo"]


def batch(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    noise = [torch.randn(ROWS, TOKENS, generator=generator) for _ in range(4)]
    lengths = torch.tensor([9, 1, 4, 7, 2, 9])
    old = -noise[0].abs()
    return {
        "logprobs_RT": (old + 0.3 * noise[1]).requires_grad_(),
        "old_RT": old,
        "reference_RT": old + 0.2 * noise[2],
        "sampler_RT": old + 0.1 * noise[3],
        "advantages_R": torch.tensor([1.2, -0.7, 0.0, -1.5, 0.4, 0.6]),
        "mask_RT": torch.arange(TOKENS) < lengths[:, None],
    }


def configured(loss: Loss = "grpo", beta: float = 0.0, **options: Any) -> AlgorithmConfig:
    """Without a KL term unless asked for."""
    return AlgorithmConfig(loss=loss, beta=beta, **options)


def normalisers(mask: Tensor) -> Normalisers:
    return Normalisers(
        completions=int(mask.any(1).sum()),
        tokens=int(mask.sum()),
        most_tokens=len(mask) * LONGEST,
    )


def gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


def whole(config: AlgorithmConfig, data: dict[str, Tensor]) -> LossValue:
    """The loss of a batch that is a single micro-batch."""
    return policy_loss(config, normalisers(data["mask_RT"]), **data)


def by_hand(config: AlgorithmConfig, data: dict[str, Tensor]) -> float:
    """The definition, token by token."""
    rows = []
    for row in range(ROWS):
        places = [t for t in range(TOKENS) if data["mask_RT"][row, t]]
        logp, old, ref, sampled = (
            [float(data[name][row, t].detach()) for t in places]
            for name in ("logprobs_RT", "old_RT", "reference_RT", "sampler_RT")
        )
        a = float(data["advantages_R"][row])
        mean = sum(n - o for n, o in zip(logp, old, strict=True)) / len(places)
        losses = []
        for new, before, reference, sampler in zip(logp, old, ref, sampled, strict=True):
            ratio = math.exp(mean if config.loss == "gspo" else new - before)
            if config.loss == "cispo":
                value = -min(ratio, 1 + config.clip_high) * a * new
            else:
                clipped = min(max(ratio, 1 - config.clip_low), 1 + config.clip_high)
                value = -min(ratio * a, clipped * a)
                if config.dual_clip is not None and a < 0:
                    value = min(value, -config.dual_clip * a)
            if config.importance_cap is not None:
                value *= min(math.exp(before - sampler), config.importance_cap)
            kl = {
                "k1": new - reference,
                "k2": (new - reference) ** 2 / 2,
                "k3": math.exp(reference - new) - (reference - new) - 1,
            }[config.kl]
            losses.append(value + config.beta * kl)
        rows.append(losses)
    if config.loss in ("grpo", "gspo"):
        return sum(sum(losses) / len(losses) for losses in rows) / ROWS
    total = sum(map(sum, rows))
    return total / (ROWS * LONGEST) if config.loss == "dr_grpo" else total / sum(map(len, rows))


OPTIONS: dict[str, dict[str, Any]] = {
    "k3": {},
    "k2": {"kl": "k2"},
    "k1": {"kl": "k1"},
    "dual clip": {"dual_clip": 1.1},
    "importance correction": {"importance_cap": 1.05},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("kind", ALL)
def test_loss_is_its_definition(kind: Loss, options: dict[str, Any]) -> None:
    config = configured(kind, beta=0.3, clip_low=0.1, clip_high=0.25, **options)
    data = batch()
    expected = by_hand(config, data)
    assert whole(config, data).loss.item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", ALL)
def test_micro_batches_add_up_to_the_batch(kind: Loss) -> None:
    data, config = batch(), configured(kind, beta=0.1)
    loss = whole(config, data).loss
    (expected,) = torch.autograd.grad(loss, data["logprobs_RT"])
    parts = [{name: t[rows] for name, t in data.items()} for rows in ([0, 1], [2], [3, 4, 5])]
    pieces = [policy_loss(config, normalisers(data["mask_RT"]), **part).loss for part in parts]
    (found,) = torch.autograd.grad(sum(pieces, torch.zeros(())), data["logprobs_RT"])
    assert torch.stack(pieces).sum().item() == pytest.approx(loss.item(), rel=1e-5)
    assert torch.allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("kind", ALL)
def test_masked_tokens_have_no_gradient(kind: Loss) -> None:
    data = batch()
    data["mask_RT"][3] = False
    whole(configured(kind, beta=0.1), data).loss.backward()
    gradient = data["logprobs_RT"].grad
    assert gradient is not None
    assert gradient[~data["mask_RT"]].abs().max() == 0
    assert gradient[0].abs().sum() > 0


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "gspo"])
def test_a_row_left_out_leaves_a_mean_of_the_others_or_their_constant(kind: Loss) -> None:
    gradients = []
    for lost in ([], [3, 5]):
        data = batch()
        data["mask_RT"][lost] = False
        whole(configured(kind), data).loss.backward()
        assert data["logprobs_RT"].grad is not None
        gradients.append(data["logprobs_RT"].grad[0])
    more = 1 if kind == "dr_grpo" else ROWS / (ROWS - 2)
    assert torch.allclose(gradients[1], more * gradients[0])


@pytest.mark.parametrize("name", ["logprobs_RT", "old_RT", "reference_RT", "sampler_RT"])
@pytest.mark.parametrize("kind", ALL)
def test_what_stands_on_padding_does_not_matter(kind: Loss, name: str) -> None:
    """A pad token may be as unlikely as it likes; exp of that is infinite, and must not get in."""
    config = configured(kind, beta=0.1, importance_cap=2)
    found = []
    for padding in (-1.0, -1000.0, -math.inf):
        data = batch()
        with torch.no_grad():
            data[name][~data["mask_RT"]] = padding
        value = whole(config, data)
        value.loss.backward()
        gradient = data["logprobs_RT"].grad
        assert gradient is not None
        found.append((value.loss.item(), value.kl, value.clipped, value.sampler_gap, gradient))
    for usual, other in pairwise(found):
        assert usual[:-1] == other[:-1]
        assert torch.equal(usual[-1], other[-1])


@pytest.mark.parametrize("kind", ALL)
def test_where_nothing_counts_there_is_no_loss(kind: Loss) -> None:
    """And one completion that counts is the whole of the average, as it is twice."""
    config, data = configured(kind, beta=0.3), batch()
    data["mask_RT"] &= torch.arange(ROWS)[:, None] == 1
    twice = {name: tensor[[1, 1]] for name, tensor in data.items()}
    share = ROWS if kind == "dr_grpo" else 1
    expected = whole(config, twice).loss.item() / share
    assert whole(config, data).loss.item() == pytest.approx(expected)
    data["mask_RT"][:] = False
    value = whole(config, data)
    value.loss.backward()
    assert value == LossValue(value.loss, 0.0, 0.0, 0.0)
    assert value.loss == 0
    assert data["logprobs_RT"].grad is not None
    assert not data["logprobs_RT"].grad.any()


@pytest.mark.parametrize("clip", [(0.02, 0.11), (0.11, 0.02)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "cispo"])
def test_clipped_are_the_tokens_whose_gradient_the_clip_takes_away(
    kind: Loss, sign: int, clip: tuple[float, float]
) -> None:
    data = batch()
    data["advantages_R"] *= sign
    value = whole(configured(kind, clip_low=clip[0], clip_high=clip[1]), data)
    value.loss.backward()
    gradient, advantages = data["logprobs_RT"].grad, data["advantages_R"][:, None]
    assert gradient is not None
    still = (gradient == 0) & data["mask_RT"] & (advantages != 0)
    assert value.clipped == still.sum()
    assert still.any()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", [kind for kind in ALL if kind != "cispo"])
def test_the_dual_clip_takes_the_gradient_of_bad_tokens_that_became_too_likely_alone(
    kind: Loss, sign: int
) -> None:
    """A ratio over it under a good advantage is left to the clip, here too wide to matter."""
    gradients = []
    for cap in (None, 1.05):
        data = batch()
        data["advantages_R"] *= sign
        whole(configured(kind, clip_low=0.9, clip_high=9.0, dual_clip=cap), data).loss.backward()
        gradients.append(gradient(data["logprobs_RT"]))
    log_ratio = (data["logprobs_RT"] - data["old_RT"]).detach() * data["mask_RT"]
    if kind == "gspo":
        log_ratio = log_ratio.sum(1, keepdim=True) / data["mask_RT"].sum(1, keepdim=True)
    over = (log_ratio.exp() > 1.05) & data["mask_RT"]
    taken = over & (data["advantages_R"][:, None] < 0)
    assert taken.any()
    assert (over & ~taken).any()
    assert torch.equal(gradients[1], torch.where(taken, 0.0, gradients[0]))


def test_cispo_caps_the_weight_of_a_token_and_keeps_its_gradient() -> None:
    data = batch()
    ratio = (data["logprobs_RT"] - data["old_RT"]).exp().detach()
    value = whole(configured("cispo", clip_high=0.1), data)
    value.loss.backward()
    weight = -ratio.clamp(max=1.1) * data["advantages_R"][:, None] * data["mask_RT"]
    assert torch.allclose(gradient(data["logprobs_RT"]), weight / data["mask_RT"].sum())
    assert value.clipped == ((ratio > 1.1) & data["mask_RT"]).sum()


def test_the_metrics_are_sums_over_the_tokens_that_count() -> None:
    data, config = batch(), configured(beta=0.3)
    logprobs, here = data["logprobs_RT"].detach(), data["mask_RT"]
    value = whole(config, data)
    expected = kl_estimate("k3", logprobs, data["reference_RT"])[here].sum()
    assert value.kl == pytest.approx(float(expected))
    gap = (data["old_RT"] - data["sampler_RT"])[here].abs().sum()
    assert value.sampler_gap == pytest.approx(float(gap))
    del data["reference_RT"]
    assert whole(config, data).kl == 0


def test_first_update_is_the_plain_policy_gradient() -> None:
    data = batch()
    data["old_RT"] = data["logprobs_RT"].detach()
    value = whole(configured("grpo"), data)
    value.loss.backward()
    mask = data["mask_RT"].float()
    expected = -data["advantages_R"][:, None] * mask / mask.sum(1, keepdim=True) / ROWS
    assert torch.allclose(gradient(data["logprobs_RT"]), expected, atol=1e-7)
    assert value.clipped == 0


POLICY, REFERENCE = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.4, 0.4, 0.2])


def kl(of: Tensor, to: Tensor) -> Tensor:
    return (of * (of / to).log()).sum()


@pytest.mark.parametrize(("kind", "unbiased"), [("k1", True), ("k3", True), ("k2", False)])
def test_kl_estimates_on_a_known_pair(kind: Kl, unbiased: bool) -> None:
    """Averaged over the policy, k1 and k3 give the KL itself; k2 is close, and never negative."""
    estimate = kl_estimate(kind, POLICY.log(), REFERENCE.log())
    exact = float(kl(POLICY, REFERENCE))
    assert float((POLICY * estimate).sum()) == pytest.approx(exact, rel=1e-5 if unbiased else 0.1)
    if kind != "k1":
        assert estimate.min() >= 0


def test_kl_gradients_on_a_known_pair() -> None:
    """Averaged over the policy: k1 has none, k2 and k3 have those of the KL's two directions."""
    scores = POLICY.log().requires_grad_()
    policy = scores.softmax(0)

    def gradient(of: Tensor) -> Tensor:
        return torch.autograd.grad(of, scores, retain_graph=True)[0]

    k1, k2, k3 = (
        gradient((POLICY * kl_estimate(kind, policy.log(), REFERENCE.log())).sum())
        for kind in ("k1", "k2", "k3")
    )
    assert torch.allclose(k1, torch.zeros(3), atol=1e-6)
    assert torch.allclose(k2, gradient(kl(policy, REFERENCE)), atol=1e-6)
    assert torch.allclose(k3, gradient(kl(REFERENCE, policy)), atol=1e-6)
    assert not torch.allclose(k2, k3, atol=1e-3)


def test_kl_pulls_back_even_without_advantage() -> None:
    data = batch()
    data["advantages_R"] = torch.zeros(ROWS)
    whole(configured(beta=0.5), data).loss.backward()
    gradient = data["logprobs_RT"].grad
    assert gradient is not None
    above = (data["logprobs_RT"] > data["reference_RT"]) & data["mask_RT"]
    assert (gradient[above] > 0).all()
