"""Drawing one token per row (temperature, top-k, top-p, min-p) without waiting for the device.

`mass`: probabilities that need not add up to 1, because some were set to 0.
Shapes: R rows, V vocabulary, K tokens that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from train_client.config.sections import RolloutConfig

FEW = 64
"""Tokens that hold the nucleus of most distributions."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    max_tokens: int
    temperature: float = 1.0
    """0 takes the most likely token."""
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    """Leaves out tokens less likely than this share of the likeliest one's probability (arXiv
    2407.01082)."""


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
    mass_RV = logp_RV.exp()
    if sampling.min_p > 0:
        least = sampling.min_p * mass_RV.amax(-1, keepdim=True)
        mass_RV = mass_RV.masked_fill(mass_RV < least, 0.0)
    if sampling.top_k or sampling.top_p < 1.0:
        mass_RK, tokens_RK = truncated(mass_RV, sampling.top_k, sampling.top_p)
        token_R = _at(tokens_RK, _drawn(mass_RK, generator))
    else:
        token_R = _drawn(mass_RV, generator)
    return token_R, _at(logp_RV, token_R)


def _drawn(mass_RV: Tensor, generator: torch.Generator | None) -> Tensor:
    """One index of each row [R], with a probability in proportion to its mass; never one of mass 0.

    By the inverse of the cumulative distribution, which takes one random number a row (the Gumbel
    trick takes one for each word of the vocabulary) and does not make the host wait (as
    torch.multinomial does).
    """
    sums_RV = mass_RV.cumsum(-1)
    total_R1 = sums_RV[:, -1:]
    uniform_R1 = torch.rand(total_R1.shape, generator=generator, device=mass_RV.device)
    # Below the total even when the product is rounded up.
    point_R1 = torch.minimum(uniform_R1 * total_R1, total_R1.nextafter(total_R1.new_zeros(())))
    index_R = torch.searchsorted(sums_RV, point_R1, right=True).squeeze(1)
    # Masses that are no numbers have no place in order; that of the last word is one at least.
    index_R = index_R.clamp(max=mass_RV.shape[-1] - 1)
    return index_R if mass_RV.device.type == "cpu" else possible(index_R, mass_RV)


def possible(index_R: Tensor, mass_RV: Tensor) -> Tensor:
    """The indices, with the likeliest one in the place of each of mass 0.

    A GPU adds in another order for each place of a cumulative sum: of two sums between which there
    is no mass, the later one may be larger by a rounding.
    """
    return torch.where(_at(mass_RV, index_R) > 0, index_R, mass_RV.argmax(-1))


def truncated(mass_RV: Tensor, top_k: int, top_p: float) -> tuple[Tensor, Tensor]:
    """The K largest masses, largest first, and whose they are.

    0 outside the smallest set that holds `top_p` of what is left of the top k.
    """
    if 0 < top_k < mass_RV.shape[-1]:
        ordered, tokens = mass_RV.topk(top_k)
        whole_R1 = ordered.sum(-1, keepdim=True)
    else:
        whole_R1 = mass_RV.sum(-1, keepdim=True)
        ordered, tokens = _head(mass_RV, top_p * whole_R1)
    if top_p < 1.0:
        before = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(before >= top_p * whole_R1, 0.0)
    return ordered, tokens


def _head(mass_RV: Tensor, enough_R1: Tensor) -> tuple[Tensor, Tensor]:
    """The largest masses in order, at least so many that they sum to enough."""
    if mass_RV.device.type == "cpu" and mass_RV.shape[-1] > FEW:
        # Looking whether a few suffice would make the host wait for a GPU; a sort is quick there.
        largest: tuple[Tensor, Tensor] = mass_RV.topk(FEW)
        if (largest[0].sum(-1, keepdim=True) > enough_R1).all():
            return largest
    return mass_RV.sort(descending=True)


def _at(values_RV: Tensor, place_R: Tensor) -> Tensor:
    return values_RV.gather(-1, place_R[:, None]).squeeze(1)
