"""Drawing one token per row: temperature, top-k, top-p, without waiting for the device.

Shapes: R rows, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from train_client.config import RolloutConfig


@dataclass(frozen=True, kw_only=True)
class Sampling:
    max_tokens: int
    temperature: float = 1.0
    """0 takes the most likely token."""
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    """Leaves out tokens less likely than this share of the likeliest one's probability."""


def sampling_of(rollout: RolloutConfig) -> Sampling:
    """How the rollouts of a run are sampled."""
    return Sampling(
        max_tokens=rollout.max_tokens,
        temperature=rollout.temperature,
        top_p=rollout.top_p,
        top_k=rollout.top_k,
        min_p=rollout.min_p,
    )


def sample(
    logits_RV: Tensor, sampling: Sampling, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Tokens [R] and their log-probs [R] at the temperature, before anything is cut off."""
    logits = logits_RV.float()
    if sampling.temperature == 0:
        token_R = logits.argmax(-1)
        return token_R, _at(logits.log_softmax(-1), token_R)
    logp_RV = torch.log_softmax(logits / sampling.temperature, dim=-1)
    allowed = truncated(logp_RV, sampling)
    # argmax(p / Exp(1)) is a draw from p, and unlike multinomial it never asks the host.
    noise = torch.empty_like(allowed).exponential_(generator=generator)
    token_R = (allowed.softmax(-1) / noise).argmax(-1)
    return token_R, _at(logp_RV, token_R)


def truncated(logp_RV: Tensor, sampling: Sampling) -> Tensor:
    """Log-probs with -inf outside the top k, under the share `min_p` of the likeliest (arXiv
    2407.01082), and outside the smallest set of mass >= `top_p`, in this order."""
    if 0 < sampling.top_k < logp_RV.shape[-1]:
        floor = logp_RV.topk(sampling.top_k).values[:, -1:]
        logp_RV = logp_RV.masked_fill(logp_RV < floor, -torch.inf)
    if sampling.min_p > 0:
        floor = logp_RV.amax(-1, keepdim=True) + math.log(sampling.min_p)
        logp_RV = logp_RV.masked_fill(logp_RV < floor, -torch.inf)
    if sampling.top_p < 1.0:
        ordered, order = logp_RV.softmax(-1).sort(descending=True)
        beyond = ordered.cumsum(-1) - ordered >= sampling.top_p
        logp_RV = logp_RV.masked_fill(beyond.gather(-1, order.argsort(-1)), -torch.inf)
    return logp_RV


def _at(logp_RV: Tensor, token_R: Tensor) -> Tensor:
    return logp_RV.gather(-1, token_R[:, None]).squeeze(1)
