"""What a step learns from: groups of scored completions, their rewards, and all of it as tensors.

Shapes: P prompts (groups), G completions a group, R = P*G rows, T completion tokens, K components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from app.schema import Result, Sample
from train_client.advantages import advantages, gdpo_advantages, informative_groups
from train_client.config import AlgorithmConfig, ConfigError
from train_client.data import Example


@dataclass
class Completion:
    tokens: list[int]
    logprobs: list[float]
    """The sampler's, one for each token."""
    finished: bool
    """False where it was cut at the token limit."""
    text: str
    result: Result | None = None
    """The service's; None until it has answered."""


@dataclass
class Group:
    example: Example
    completions: list[Completion]

    @property
    def results(self) -> list[Result]:
        """The service's, one for each completion; all must have been answered."""
        results = [c.result for c in self.completions if c.result is not None]
        assert len(results) == len(self.completions)
        return results

    def samples(self, place: str) -> list[Sample]:
        """What the service is asked; `place` makes ids unique when a prompt comes twice."""
        return [
            Sample(
                id=f"{self.example.id}/{place}/{member}",
                group=f"{self.example.id}/{place}",
                completion=completion.text,
                prompt=self.example.instruction,
                labels=self.example.labels,
            )
            for member, completion in enumerate(self.completions)
        ]


@dataclass(frozen=True)
class Rewards:
    rewards_PG: Tensor
    scored_PG: Tensor
    """False where the service gave no reward: such a completion is left out, not worth zero."""
    components_KPG: Tensor
    names: list[str]
    """Names of the K components."""
    weights: dict[str, float] | None = None
    """Factors of the components by name, missing ones 0; None: all 1."""

    def informative(self, config: AlgorithmConfig) -> Tensor:
        """[P] bool: groups that something can be learned from, because their rewards differ.

        gdpo normalises each component, so there one that differs and has a weight is enough.
        """
        differ_P = informative_groups(self.rewards_PG, self.scored_PG)
        if config.combine == "gdpo":
            for component_PG in self.components_KPG[self._weights_K != 0]:
                differ_P = differ_P | informative_groups(component_PG, self.scored_PG)
        return differ_P

    @property
    def idle(self) -> list[str]:
        """Components that have a weight and were 0 in every completion, while others were not."""
        if not self.components_KPG.any():
            return []
        still_K = ~self.components_KPG.flatten(1).any(1)
        weights = self.weights or {}
        return [n for n, still in zip(self.names, still_K, strict=True) if still and weights.get(n)]

    def spread(self) -> dict[str, float]:
        """`reward_std`: the mean over groups of their rewards' standard deviation."""
        groups = zip(self.rewards_PG, self.scored_PG, strict=True)
        deviations = [rewards[scored].std() for rewards, scored in groups if scored.sum() > 1]
        return {"reward_std": float(torch.stack(deviations).mean())} if deviations else {}

    def advantages(self, config: AlgorithmConfig) -> Tensor:
        """[P, G] by the configured normalisation."""
        if config.combine == "gdpo":
            return gdpo_advantages(self.components_KPG, self.scored_PG, self._weights_K)
        return advantages(self.rewards_PG, self.scored_PG, config.scale)

    @property
    def _weights_K(self) -> Tensor:
        if self.weights is None:
            return torch.ones(len(self.names))
        return _weights_of(self.names, self.weights)


def _weights_of(names: Sequence[str], weights: Mapping[str, float]) -> Tensor:
    """[K], 0 for a component that is not named."""
    return torch.tensor([weights.get(name, 0.0) for name in names])


def gather_rewards(groups: Sequence[Group], weights: dict[str, float] | None) -> Rewards:
    """The groups' results as tensors. With `weights`, the reward is the sum of the components so
    weighted (0 for one that is not named), and without them the service's.

    Raises ConfigError when a weight names a component that the service does not give.
    """
    results = [group.results for group in groups]
    scored = torch.tensor([[r.reward is not None for r in row] for row in results])
    first = next((r for row in results for r in row if r.reward is not None), None)
    names = [] if first is None else sorted(first.components)
    unknown = set(weights or {}) - set(names)
    if first is not None and unknown:
        raise ConfigError(
            f"algorithm.component_weights names {', '.join(sorted(unknown))}; the service gives "
            f"{', '.join(names)}."
        )
    components = torch.tensor(
        [[[r.components.get(name) or 0.0 for r in row] for row in results] for name in names]
    ).reshape(len(names), *scored.shape)
    if weights is None:
        rewards = torch.tensor([[r.reward or 0.0 for r in row] for row in results])
    else:
        rewards = (components * _weights_of(names, weights)[:, None, None]).sum(0)
    return Rewards(rewards, scored, components, names, weights)


@dataclass
class Experience:
    """The tensors that the update reads, all [R, …]; the rows of a group stand together."""

    tokens_RT: Tensor
    mask_RT: Tensor
    """True on tokens that count in the loss."""
    sampler_RT: Tensor
    """Log-probs as the sampler reported them."""
    advantages_R: Tensor
    old_RT: Tensor | None = None
    """Log-probs under the policy as it sampled. None: it has not changed since, so that those which
    the update computes are the old ones."""
    reference_RT: Tensor | None = None
    """Log-probs under the reference; None without a KL term."""

    def to(self, device: torch.device) -> Experience:
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self


def padded(groups: Sequence[Group], pad: int) -> tuple[Tensor, Tensor]:
    """The completions' tokens [R, T], padded on the right, and the mask of what is no padding."""
    rows = [completion.tokens for group in groups for completion in group.completions]
    length = max(map(len, rows))
    return (
        torch.tensor([row + [pad] * (length - len(row)) for row in rows]),
        torch.tensor([[True] * len(row) + [False] * (length - len(row)) for row in rows]),
    )


def as_tensors(
    groups: Sequence[Group],
    rewards: Rewards,
    config: AlgorithmConfig,
    pad: int,
    advantages_R: Tensor,
) -> Experience:
    """Unscored completions do not count in the loss, nor cut ones with `mask_truncated`."""
    tokens_RT, mask_RT = padded(groups, pad)
    rows = [completion for group in groups for completion in group.completions]
    scored = rewards.scored_PG.flatten().tolist()
    counts = [
        ok and (row.finished or not config.mask_truncated)
        for row, ok in zip(rows, scored, strict=True)
    ]
    length = tokens_RT.shape[1]
    return Experience(
        tokens_RT,
        mask_RT & torch.tensor(counts)[:, None],
        torch.tensor([row.logprobs + [0.0] * (length - len(row.logprobs)) for row in rows]),
        advantages_R,
    )
