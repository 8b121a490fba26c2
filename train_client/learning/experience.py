"""What a step learns from: groups of scored completions, their rewards, and the update's tensors.

Shapes: P prompts (groups), G completions a group, R = P*G rows, T completion tokens, K components.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from app.schema import Result, Sample
from train_client.config.errors import ConfigError
from train_client.config.sections import AlgorithmConfig
from train_client.data.examples import Example
from train_client.learning.advantages import advantages, gdpo_advantages, informative_groups


@dataclass
class Completion:
    """A sampled completion, and its result once the service has replied."""

    tokens: list[int]
    logprobs: list[float]
    """The sampler's, one for each token."""
    finished: bool
    """False if it was cut at the token limit."""
    text: str
    result: Result | None = None


@dataclass
class Group:
    """The completions of one prompt."""

    example: Example
    completions: list[Completion]

    @property
    def results(self) -> list[Result]:
        """One for each completion; all must have one."""
        results = [c.result for c in self.completions if c.result is not None]
        assert len(results) == len(self.completions)
        return results

    def samples(self, place: str) -> list[Sample]:
        """The samples to score; `place` makes their ids unique if a prompt occurs twice."""
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
    """The rewards of some groups, as tensors."""

    rewards_PG: Tensor
    scored_PG: Tensor
    """False where the service gave no reward; such completions are left out, not counted as 0."""
    components_KPG: Tensor
    names: list[str]
    """Names of the K components."""
    weights: dict[str, float] | None = None
    """Factors of the components by name, missing ones 0; None: all 1."""

    def informative(self, config: AlgorithmConfig) -> Tensor:
        """[P] bool: groups whose rewards differ, so that their advantages are not all 0.

        gdpo normalises each component, so there one weighted component that differs is enough.
        """
        differ_P = informative_groups(self.rewards_PG, self.scored_PG)
        if config.combine == "gdpo":
            for component_PG in self.components_KPG[self._weights_K != 0]:
                differ_P = differ_P | informative_groups(component_PG, self.scored_PG)
        return differ_P

    @property
    def zero_components(self) -> list[str]:
        """Components that have a weight and were 0 in every completion, while others were not."""
        if not self.components_KPG.any():
            return []
        zero_K = ~self.components_KPG.flatten(1).any(1)
        weights = self.weights or {}
        return [n for n, zero in zip(self.names, zero_K, strict=True) if zero and weights.get(n)]

    def spread(self) -> dict[str, float]:
        """`reward_std`: the mean over groups of their rewards' standard deviation."""
        groups = zip(self.rewards_PG, self.scored_PG, strict=True)
        deviations = [rewards[scored].std() for rewards, scored in groups if scored.sum() > 1]
        return {"reward_std": float(torch.stack(deviations).mean())} if deviations else {}

    def advantages(self, config: AlgorithmConfig) -> Tensor:
        """[P, G], normalised as configured; see `train_client.learning.advantages`."""
        if config.combine == "gdpo":
            return gdpo_advantages(self.components_KPG, self.scored_PG, self._weights_K)
        return advantages(self.rewards_PG, self.scored_PG, config.scale)

    @property
    def _weights_K(self) -> Tensor:
        if self.weights is None:
            return torch.ones(len(self.names))
        return _weights_of(self.names, self.weights)


def _weights_of(names: Sequence[str], weights: Mapping[str, float]) -> Tensor:
    """[K]; 0 for a component without a weight."""
    return torch.tensor([weights.get(name, 0.0) for name in names])


def gather_rewards(groups: Sequence[Group], weights: dict[str, float] | None) -> Rewards:
    """The groups' results as tensors.

    With `weights` a reward is the weighted sum of the components (weight 0 for one that is not
    named), without them it is the service's own.

    Raises ConfigError if a weight names a component that the service does not report.
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
    """The tensors that the update reads, all [R, …]; the rows of a group are adjacent."""

    tokens_RT: Tensor
    mask_RT: Tensor
    """True on tokens that count in the loss; until `count`, on all that were sampled."""
    sampler_RT: Tensor
    """Log-probs as the sampler reported them."""
    advantages_R: Tensor
    """0 until `count`."""
    old_RT: Tensor | None = None
    """Log-probs under the policy that sampled. None: the policy has not changed since, so the
    log-probs that the update computes are also the old ones."""
    reference_RT: Tensor | None = None
    """Log-probs under the reference; None without a KL term."""

    def to(self, device: torch.device) -> Experience:
        """Move all tensors to `device`, in place; returns itself."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def count(self, counts_R: Tensor, advantages_R: Tensor) -> None:
        """Learn from these completions alone, in place; the arguments may be on another device."""
        self.mask_RT = self.mask_RT & counts_R.to(self.mask_RT.device)[:, None]
        self.advantages_R = advantages_R.to(self.mask_RT.device)


def as_tensors(groups: Sequence[Group], pad: int) -> Experience:
    """The completions, which need not be scored yet, padded on the right; on the CPU."""
    rows = [completion for group in groups for completion in group.completions]
    lengths_R = torch.tensor([len(row.tokens) for row in rows])
    tokens = [torch.tensor(row.tokens) for row in rows]
    logprobs = [torch.tensor(row.logprobs) for row in rows]
    return Experience(
        pad_sequence(tokens, batch_first=True, padding_value=pad),
        torch.arange(int(lengths_R.max())) < lengths_R[:, None],
        pad_sequence(logprobs, batch_first=True),
        torch.zeros(len(rows)),
    )


def counted(groups: Sequence[Group], rewards: Rewards, config: AlgorithmConfig) -> Tensor:
    """[R] bool: completions with a reward and, with `mask_truncated`, not cut at the limit."""
    finished = [completion.finished for group in groups for completion in group.completions]
    scored_R = rewards.scored_PG.flatten()
    return scored_R & torch.tensor(finished) if config.mask_truncated else scored_R
