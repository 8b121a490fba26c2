"""Advantages: how much better a completion is than the others of its group.

The group's mean is the baseline, in the place of PPO's critic. A completion that could not be
scored is left out of it, which is not the same as a reward of zero.

Shapes: P prompts (groups), G completions a group, K reward components.
"""

from __future__ import annotations

import torch
from torch import Tensor

from train_client.config.sections import Scale


def advantages(
    rewards_PG: Tensor, scored_PG: Tensor, scale: Scale = "group", eps: float = 1e-6
) -> Tensor:
    """(r - group mean) / (std + eps), [P, G]; 0 where not scored.

    `scale` says whose standard deviation divides: the group's (GRPO, arXiv 2402.03300 section
    4.1.2), the batch's, or none (Dr. GRPO, arXiv 2503.20783). Standard deviations are unbiased
    (divided by n - 1), as in verl and TRL; `eps` is verl's. A group with fewer than two scored
    completions has no baseline and gets zeros.
    """
    rewards = torch.where(scored_PG, rewards_PG, 0.0).double()
    count_P1 = scored_PG.sum(1, keepdim=True)
    mean_P1 = rewards.sum(1, keepdim=True) / count_P1.clamp(min=1)
    centred = torch.where(scored_PG, rewards - mean_P1, 0.0)
    if scale == "group":
        variance = centred.square().sum(1, keepdim=True) / (count_P1 - 1).clamp(min=1)
        centred = centred / (variance.sqrt() + eps)
    elif scale == "batch":
        scored = rewards[scored_PG]
        deviation = scored.std() if len(scored) > 1 else scored.new_zeros(())
        centred = centred / (deviation + eps)
    return centred.float()


def gdpo_advantages(
    components_KPG: Tensor, scored_PG: Tensor, weights_K: Tensor, eps: float = 1e-6
) -> Tensor:
    """Each component normalised in its group, and their weighted sum over the batch; [P, G].

    GDPO (arXiv 2601.05242): in a plain sum of the components, one of large variance drowns the
    others. The weights come after the first normalisation, which would cancel them. 0 where not
    scored.
    """
    # If nothing was scored, K is 0 and the sum stays 0.
    total = torch.zeros(scored_PG.shape)
    for component_PG, weight in zip(components_KPG, weights_K.tolist(), strict=True):
        total = total + weight * advantages(component_PG, scored_PG, "group", eps)
    scored = total[scored_PG]
    if len(scored) < 2:
        return total
    whitened = (total - scored.mean()) / (scored.std() + eps)
    return torch.where(scored_PG, whitened, 0.0)


def informative_groups(rewards_PG: Tensor, scored_PG: Tensor) -> Tensor:
    """[P] bool: groups with at least two different rewards among the scored completions."""
    low = torch.where(scored_PG, rewards_PG, torch.inf).amin(1)
    high = torch.where(scored_PG, rewards_PG, -torch.inf).amax(1)
    return high > low
