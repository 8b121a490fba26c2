"""The policy-gradient losses of the GRPO family as one pure function of tensors.

They differ in three choices: whether the ratio is per token or per sequence (gspo), how the ratio
is bounded (cispo caps it and keeps the gradient of log pi; the others clip it), and what the sum
over tokens is divided by (the reduction). Equal formulas to TRL's where both exist.

Shapes: R rows, T completion tokens. All masks are 1 on tokens that count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Loss = Literal["grpo", "dr_grpo", "dapo", "bnpo", "gspo", "cispo"]
Kl = Literal["k1", "k2", "k3"]


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    loss: Loss = "grpo"
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None
    beta: float = 0.0
    kl: Kl = "k3"
    importance_cap: float | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a micro-batch must know of the whole batch so that their losses add up to its loss."""

    rows: int
    """Completions in the whole batch that count."""
    tokens: int
    """Counting tokens in the whole batch."""
    most_tokens: int
    """What all completions of the whole batch could hold, those that do not count included
    (dr_grpo's constant)."""


@dataclass(frozen=True)
class LossValue:
    loss: Tensor
    """Scalar; its sum over the micro-batches of a batch is the batch's loss."""
    kl_sum: float
    clipped_sum: float
    """Tokens whose ratio was bounded: outside the clip range on the side that matters."""


def policy_loss(
    config: LossConfig,
    share: Share,
    *,
    logprobs_RT: Tensor,
    old_RT: Tensor,
    advantages_R: Tensor,
    mask_RT: Tensor,
    reference_RT: Tensor | None = None,
    sampler_RT: Tensor | None = None,
) -> LossValue:
    """Clipped surrogate plus KL term of one micro-batch; see `Share` for how losses add up.

    `old_RT` are the policy's log-probs when the batch was sampled (pass the detached new ones for a
    single update). `sampler_RT`, with `importance_cap`, multiplies each token by
    min(exp(old - sampler), cap): the engine that sampled may not be the model that learns.
    """
    mask = mask_RT.float()
    # Where nothing counts any log-prob may stand, and 0 * exp(of a large one) is no number.
    logprobs_RT = torch.where(mask_RT, logprobs_RT, 0.0)
    advantage = advantages_R[:, None]
    ratio = _log_ratio(config.loss, logprobs_RT, old_RT, mask).exp()
    above = ratio > 1 + config.clip_high
    if config.loss == "cispo":
        clipped = above
        capped = ratio.clamp(max=1 + config.clip_high).detach()
        token_loss = -capped * advantage * logprobs_RT
    else:
        below = ratio < 1 - config.clip_low
        clipped = (below & (advantage < 0)) | (above & (advantage > 0))
        bounded = ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
        token_loss = -torch.minimum(ratio * advantage, bounded * advantage)
        if config.dual_clip is not None:
            worst = -config.dual_clip * advantage
            token_loss = torch.where(advantage < 0, torch.minimum(token_loss, worst), token_loss)
    if config.importance_cap is not None and sampler_RT is not None:
        gap_RT = torch.where(mask_RT, old_RT - sampler_RT, 0.0)
        token_loss = token_loss * gap_RT.exp().clamp(max=config.importance_cap)
    kl = torch.zeros_like(mask)
    if reference_RT is not None:
        kl = kl_estimate(config.kl, logprobs_RT, torch.where(mask_RT, reference_RT, 0.0))
        token_loss = token_loss + config.beta * kl
    return LossValue(
        reduce(config.loss, token_loss, mask, share),
        float((kl.detach() * mask).sum()),
        float((clipped * mask).sum()),
    )


def _log_ratio(loss: Loss, logprobs_RT: Tensor, old_RT: Tensor, mask: Tensor) -> Tensor:
    difference = (logprobs_RT - old_RT) * mask
    if loss != "gspo":
        return difference
    # GSPO (arXiv 2507.18071): the length-normalised ratio of the sequence. [R, 1]
    return difference.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)


def kl_estimate(kind: Kl, logprobs: Tensor, reference: Tensor) -> Tensor:
    """Per-token estimates of KL(policy || reference); names from joschu.net/blog/kl-approx.html."""
    delta = reference - logprobs
    if kind == "k1":
        return -delta
    if kind == "k2":
        return delta.square() / 2
    return delta.exp() - delta - 1


def reduce(loss: Loss, token_loss_RT: Tensor, mask_RT: Tensor, share: Share) -> Tensor:
    """Sum a micro-batch's token losses with the weights that its loss gives to a token."""
    return _WEIGHTS[loss](token_loss_RT.expand_as(mask_RT) * mask_RT, mask_RT, share)


def _mean_of_rows(losses_RT: Tensor, mask_RT: Tensor, share: Share) -> Tensor:
    """Mean over each completion's tokens, then over completions."""
    return (losses_RT.sum(1) / mask_RT.sum(1).clamp(min=1)).sum() / max(share.rows, 1)


def _mean_of_tokens(losses_RT: Tensor, mask_RT: Tensor, share: Share) -> Tensor:
    """Mean over all tokens of the batch: long completions weigh more.

    DAPO's; bnpo is its mean over what a device holds of a batch, and here that is the whole.
    """
    return losses_RT.sum() / max(share.tokens, 1)


def _constant(losses_RT: Tensor, mask_RT: Tensor, share: Share) -> Tensor:
    """Divided by a constant, so that neither length nor what is left out matters (Dr. GRPO)."""
    return losses_RT.sum() / share.most_tokens


_WEIGHTS: dict[Loss, Callable[[Tensor, Tensor, Share], Tensor]] = {
    "grpo": _mean_of_rows,
    "gspo": _mean_of_rows,
    "dapo": _mean_of_tokens,
    "bnpo": _mean_of_tokens,
    "cispo": _mean_of_tokens,
    "dr_grpo": _constant,
}
