"""Each loss of the family against a reference short enough to be read beside its paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from train_client.losses import Loss, LossConfig, Share, kl_estimate, policy_loss

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


def share(mask: Tensor) -> Share:
    return Share(
        rows=int(mask.any(1).sum()), tokens=int(mask.sum()), most_tokens=len(mask) * LONGEST
    )


def by_hand(kind: Loss, config: LossConfig, data: dict[str, Tensor]) -> float:
    """The definition, token by token."""
    rows = []
    for row in range(ROWS):
        places = [t for t in range(TOKENS) if data["mask_RT"][row, t]]
        logp, old, ref = (
            [float(data[name][row, t].detach()) for t in places]
            for name in ("logprobs_RT", "old_RT", "reference_RT")
        )
        a = float(data["advantages_R"][row])
        mean = sum(n - o for n, o in zip(logp, old, strict=True)) / len(places)
        losses = []
        for new, before, reference in zip(logp, old, ref, strict=True):
            ratio = math.exp(mean if kind == "gspo" else new - before)
            if kind == "cispo":
                value = -min(ratio, 1 + config.clip_high) * a * new
            else:
                clipped = min(max(ratio, 1 - config.clip_low), 1 + config.clip_high)
                value = -min(ratio * a, clipped * a)
                if config.dual_clip is not None and a < 0:
                    value = min(value, -config.dual_clip * a)
            kl = math.exp(reference - new) - (reference - new) - 1
            losses.append(value + config.beta * kl)
        rows.append(losses)
    if kind in ("grpo", "gspo"):
        return sum(sum(losses) / len(losses) for losses in rows) / ROWS
    total = sum(map(sum, rows))
    return total / (ROWS * LONGEST) if kind == "dr_grpo" else total / sum(map(len, rows))


@pytest.mark.parametrize("dual_clip", [None, 1.1])
@pytest.mark.parametrize("kind", ALL)
def test_loss_is_its_definition(kind: Loss, dual_clip: float | None) -> None:
    data = batch()
    config = LossConfig(loss=kind, clip_low=0.1, clip_high=0.25, beta=0.3, dual_clip=dual_clip)
    value = policy_loss(config, share(data["mask_RT"]), **data).loss
    assert value.item() == pytest.approx(by_hand(kind, config, data), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("kind", ALL)
def test_micro_batches_add_up_to_the_batch(kind: Loss) -> None:
    data = batch()
    config = LossConfig(loss=kind, beta=0.1)
    whole = policy_loss(config, share(data["mask_RT"]), **data).loss
    (expected,) = torch.autograd.grad(whole, data["logprobs_RT"])
    parts = [{name: t[rows] for name, t in data.items()} for rows in ([0, 1], [2], [3, 4, 5])]
    pieces = [policy_loss(config, share(data["mask_RT"]), **part).loss for part in parts]
    (found,) = torch.autograd.grad(sum(pieces, torch.zeros(())), data["logprobs_RT"])
    assert torch.stack(pieces).sum().item() == pytest.approx(whole.item(), rel=1e-5)
    assert torch.allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("kind", ALL)
def test_masked_tokens_have_no_gradient(kind: Loss) -> None:
    data = batch()
    data["mask_RT"][3] = False
    policy_loss(LossConfig(loss=kind, beta=0.1), share(data["mask_RT"]), **data).loss.backward()
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
        policy_loss(LossConfig(loss=kind), share(data["mask_RT"]), **data).loss.backward()
        assert data["logprobs_RT"].grad is not None
        gradients.append(data["logprobs_RT"].grad[0])
    more = 1 if kind == "dr_grpo" else ROWS / (ROWS - 2)
    assert torch.allclose(gradients[1], more * gradients[0])


@pytest.mark.parametrize("kind", ALL)
def test_what_stands_on_padding_does_not_matter(kind: Loss) -> None:
    """A pad token may be as unlikely as it likes; exp of that is infinite, and must not get in."""
    config = LossConfig(loss=kind, beta=0.1, importance_cap=2)
    found = []
    for padding in (-1.0, -1000.0):
        data = batch()
        with torch.no_grad():
            data["logprobs_RT"][~data["mask_RT"]] = padding
        for name in ("old_RT", "reference_RT", "sampler_RT"):
            data[name] = data[name] * data["mask_RT"]
        value = policy_loss(config, share(data["mask_RT"]), **data)
        value.loss.backward()
        assert data["logprobs_RT"].grad is not None
        found.append((value.loss.item(), value.kl_sum, data["logprobs_RT"].grad))
    assert found[0][:2] == found[1][:2]
    assert torch.equal(found[0][2], found[1][2])


def test_cispo_counts_the_ratios_that_it_caps() -> None:
    data = batch()
    ratio = (data["logprobs_RT"] - data["old_RT"]).exp()
    value = policy_loss(LossConfig(loss="cispo", clip_high=0.1), share(data["mask_RT"]), **data)
    assert value.clipped_sum == ((ratio > 1.1) & data["mask_RT"]).sum()


def test_first_update_is_the_plain_policy_gradient() -> None:
    data = batch()
    data["old_RT"] = data["logprobs_RT"].detach()
    value = policy_loss(LossConfig(loss="grpo"), share(data["mask_RT"]), **data)
    value.loss.backward()
    mask = data["mask_RT"].float()
    expected = -data["advantages_R"][:, None] * mask / mask.sum(1, keepdim=True) / ROWS
    assert torch.allclose(data["logprobs_RT"].grad, expected, atol=1e-7)
    assert value.clipped_sum == 0


def test_importance_weights_are_capped() -> None:
    data = batch()
    config = LossConfig(loss="dapo", importance_cap=1.05)
    plain = {**data, "sampler_RT": data["old_RT"]}
    weight = (data["old_RT"] - data["sampler_RT"]).exp().clamp(max=1.05)
    ratio = (data["logprobs_RT"] - data["old_RT"]).exp()
    a = data["advantages_R"][:, None]
    each = -torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a)
    expected = (each * weight * data["mask_RT"]).sum() / data["mask_RT"].sum()
    found = policy_loss(config, share(data["mask_RT"]), **data).loss
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.item() != policy_loss(config, share(data["mask_RT"]), **plain).loss.item()


@pytest.mark.parametrize(("kind", "unbiased"), [("k1", True), ("k3", True), ("k2", False)])
def test_kl_estimates_on_a_known_pair(kind: str, unbiased: bool) -> None:
    """Averaged over the policy, k1 and k3 give the KL itself; k2 is close, and never negative."""
    policy, reference = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.4, 0.4, 0.2])
    exact = float((policy * (policy / reference).log()).sum())
    estimate = kl_estimate(kind, policy.log(), reference.log())  # type: ignore[arg-type]
    mean = float((policy * estimate).sum())
    assert mean == pytest.approx(exact, rel=1e-5 if unbiased else 0.1)
    if kind != "k1":
        assert estimate.min() >= 0


def test_kl_pulls_back_even_without_advantage() -> None:
    data = batch()
    data["advantages_R"] = torch.zeros(ROWS)
    policy_loss(LossConfig(beta=0.5), share(data["mask_RT"]), **data).loss.backward()
    gradient = data["logprobs_RT"].grad
    assert gradient is not None
    above = (data["logprobs_RT"] > data["reference_RT"]) & data["mask_RT"]
    assert (gradient[above] > 0).all()
