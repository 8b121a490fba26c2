"""The policy-gradient losses of the GRPO family as one pure function of tensors.

All of them weigh the ratio of the policy to the one that sampled, pi / pi_old, by the advantage.
They differ in what the ratio is of, how it is bounded, and how the tokens' losses are averaged:

    loss     ratio of      bound    average                                         source
    grpo     a token       clipped  over each completion's tokens, then completions arXiv 2402.03300
    dr_grpo  a token       clipped  sum / (completions x max_tokens)                arXiv 2503.20783
    dapo     a token       clipped  over the batch's tokens                         arXiv 2503.14476
    bnpo     a token       clipped  over the tokens of a device's batch: here dapo's          TRL
    gspo     a completion  clipped  as grpo                                         arXiv 2507.18071
    cispo    a token       capped   as dapo                                         arXiv 2506.13585

contracts/test_trl_losses.py compares them with TRL's own code.
Shapes: R completions, T completion tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from train_client.config.sections import AlgorithmConfig, Kl, Loss


@dataclass(frozen=True, kw_only=True)
class Normalisers:
    """What the losses of micro-batches are divided by, so that they add up to the whole batch's.

    A batch is all that one optimizer step learns from, on all processes.
    """

    completions: int
    """Completions that count: with at least one token in the mask."""
    tokens: int
    """Tokens that count."""
    most_tokens: int
    """Completions, those that do not count included, times the longest they may be (dr_grpo)."""


@dataclass(frozen=True)
class LossValue:
    """The loss of a micro-batch, and for the metrics sums over its tokens."""

    loss: Tensor
    """Scalar; its sum over the micro-batches of a batch is the batch's loss."""
    kl: float
    """Sum of the KL estimates."""
    clipped: float
    """Tokens whose ratio is out of the clip range on the side that matters, or over cispo's cap."""
    sampler_gap: float
    """Sum of |old log-prob - the sampler's|: what `importance_cap` corrects."""


def policy_loss(
    config: AlgorithmConfig,
    normalisers: Normalisers,
    *,
    logprobs_RT: Tensor,
    old_RT: Tensor,
    advantages_R: Tensor,
    mask_RT: Tensor,
    sampler_RT: Tensor,
    reference_RT: Tensor | None = None,
) -> LossValue:
    """The bounded policy-gradient loss of one micro-batch, plus `beta` times the KL term.

    Args:
        config: which loss, its clip range, KL estimator and importance cap.
        normalisers: the counts of the whole batch.
        logprobs_RT: of the sampled tokens under the policy; gradients flow through them alone.
        old_RT: under the policy as it was when it sampled. For a batch's first update these are
            `logprobs_RT`, detached.
        advantages_R: one a completion.
        mask_RT: true on tokens that count. What stands elsewhere does not matter.
        sampler_RT: as the engine reported them that sampled.
        reference_RT: under the frozen reference; without them there is no KL term.
    """
    mask = mask_RT.float()
    # Masked log-probs may be anything, and 0 * infinity is not a number.
    logprobs_RT, old_RT, sampler_RT = (
        torch.where(mask_RT, values, 0.0) for values in (logprobs_RT, old_RT, sampler_RT)
    )
    ratio = _log_ratio(config.loss, logprobs_RT, old_RT, mask).exp()
    if config.loss == "cispo":
        token_loss, clipped = _capped(config, ratio, advantages_R[:, None], logprobs_RT)
    else:
        token_loss, clipped = _clipped(config, ratio, advantages_R[:, None])
    if config.importance_cap is not None:
        token_loss = token_loss * _importance(old_RT, sampler_RT, config.importance_cap)
    kl = torch.zeros_like(mask)
    if reference_RT is not None:
        kl = kl_estimate(config.kl, logprobs_RT, torch.where(mask_RT, reference_RT, 0.0))
        token_loss = token_loss + config.beta * kl
    gap = (old_RT - sampler_RT).abs()
    return LossValue(
        _average(config.loss, token_loss.expand_as(mask) * mask, mask, normalisers),
        float((kl.detach() * mask).sum()),
        float((clipped * mask).sum()),
        float((gap * mask).sum()),
    )


def _log_ratio(loss: Loss, logprobs_RT: Tensor, old_RT: Tensor, mask_RT: Tensor) -> Tensor:
    """log(pi / pi_old) of each token; for gspo its mean over a completion's tokens, [R, 1]."""
    difference = logprobs_RT - old_RT
    if loss != "gspo":
        return difference
    return difference.sum(1, keepdim=True) / mask_RT.sum(1, keepdim=True).clamp(min=1)


def _clipped(config: AlgorithmConfig, ratio: Tensor, advantage_R1: Tensor) -> tuple[Tensor, Tensor]:
    """PPO's clipped loss (arXiv 1707.06347 eq. 7), and where the clip takes the gradient away.

    With `dual_clip` c, a token costs at most c |advantage| (arXiv 1912.09729). It binds only where
    the advantage is negative; elsewhere the loss is at most 0.
    """
    below, above = ratio < 1 - config.clip_low, ratio > 1 + config.clip_high
    clipped = (below & (advantage_R1 < 0)) | (above & (advantage_R1 > 0))
    bounded = ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
    loss = -torch.minimum(ratio * advantage_R1, bounded * advantage_R1)
    if config.dual_clip is not None:
        loss = torch.minimum(loss, config.dual_clip * advantage_R1.abs())
    return loss, clipped


def _capped(
    config: AlgorithmConfig, ratio: Tensor, advantage_R1: Tensor, logprobs_RT: Tensor
) -> tuple[Tensor, Tensor]:
    """CISPO's loss, whose capped ratio is a constant weight of log pi, and where it is capped."""
    cap = 1 + config.clip_high
    return -ratio.clamp(max=cap).detach() * advantage_R1 * logprobs_RT, ratio > cap


def _importance(old_RT: Tensor, sampler_RT: Tensor, cap: float) -> Tensor:
    """min(pi_old / pi_sampler, cap) of each token: truncated importance sampling.

    It corrects for an engine that computes the policy otherwise than the trainer does (as TRL's
    `token_truncate` and verl's token-level rollout correction). Never a part of the gradient.
    """
    return (old_RT - sampler_RT).exp().clamp(max=cap)


def kl_estimate(kind: Kl, logprobs: Tensor, reference: Tensor) -> Tensor:
    """Estimates of KL(policy || reference) in nats, one for each token that the policy sampled.

    Names and formulas: joschu.net/blog/kl-approx.html. In the mean k1 and k3 are the KL. As a loss,
    what counts is the mean of their gradients: k1's is 0, k2's is that of KL(policy || reference),
    and k3's that of KL(reference || policy).
    """
    delta = reference - logprobs
    if kind == "k1":
        return -delta
    if kind == "k2":
        return delta.square() / 2
    return delta.exp() - delta - 1


def _average(loss: Loss, losses_RT: Tensor, mask_RT: Tensor, normalisers: Normalisers) -> Tensor:
    """What a micro-batch's masked token losses add to the average that its loss takes."""
    if loss in ("grpo", "gspo"):
        of_completions_R = losses_RT.sum(1) / mask_RT.sum(1).clamp(min=1)
        return of_completions_R.sum() / max(normalisers.completions, 1)
    if loss == "dr_grpo":
        return losses_RT.sum() / normalisers.most_tokens
    return losses_RT.sum() / max(normalisers.tokens, 1)
