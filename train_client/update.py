"""From an experience to new weights: reference and old log-probs, then clipped updates.

Shapes: R rows (P prompts x G completions), T completion tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.config import TrainConfig
from train_client.data import Example
from train_client.distributed import total, world
from train_client.experience import Experience, Group, padded
from train_client.losses import LossConfig, LossValue, Share, policy_loss
from train_client.optimizer import MasterAdamW
from train_client.passes import Pass, pass_logprobs
from train_client.policy import Policy
from train_client.recompute import recomputed
from train_client.retention import Retention

Encode = Callable[[Sequence[Example], int], Future[dict[str, Any]]]
"""(examples, rows of each) -> the processor's output, as soon as it is there."""


class Learner:
    """Holds nothing but the policy and its optimizer; one `learn` is one rollout batch."""

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        optimizer: MasterAdamW,
        forked: bool,
        retention: Retention | None = None,
    ) -> None:
        self._config = config
        self._policy = policy
        self._optimizer = optimizer
        self._forked = forked
        self._retention = retention
        algorithm = config.algorithm
        self._loss = LossConfig(
            loss=algorithm.loss,
            clip_low=algorithm.clip_low,
            clip_high=algorithm.clip_high,
            dual_clip=algorithm.dual_clip,
            beta=algorithm.beta,
            kl=algorithm.kl,
            importance_cap=algorithm.importance_cap,
        )

    @property
    def stale_old_logprobs(self) -> bool:
        """Whether some update of a batch starts from weights that did not sample it."""
        return self._config.algorithm.updates_per_batch * self._config.optimizer.minibatches > 1

    def reference_logprobs(
        self, groups: Sequence[Group], minibatches: Sequence[Sequence[Pass]]
    ) -> Tensor:
        """The reference's log-probs [R, T] of all completions, scored or not yet."""
        tokens_RT, mask_RT = padded(groups, self._policy.pad_id)
        device, every = self._policy.device, [work for passes in minibatches for work in passes]
        with self._policy.reference_model() as reference:
            return self.logprobs(reference, every, tokens_RT.to(device), mask_RT.to(device))

    def old_logprobs(self, experience: Experience, minibatches: Sequence[Sequence[Pass]]) -> Tensor:
        """Log-probs [R, T] under the weights that sampled, before several updates.

        Those of the first minibatch are left at 0: its first update finds them as it goes.
        """
        later = [work for passes in minibatches[1:] for work in passes]
        return self.logprobs(self._policy.model, later, experience.tokens_RT, experience.mask_RT)

    def passes(
        self, examples: Sequence[Example], inputs: dict[str, Any] | None, encode: Encode
    ) -> list[list[Pass]]:
        """The passes of each minibatch; `inputs`, the rollout's, are used again where they fit."""
        options, group = self._config.optimizer, self._config.rollout.group_size
        per_minibatch = len(examples) // options.minibatches
        per_pass = options.prompts_per_pass or per_minibatch
        part = options.completions_per_pass or group
        repeat = 1 if self._forked else part
        rows = torch.arange(len(examples) * group, device=self._policy.device)

        def made(first: int) -> Pass:
            whole = per_pass == len(examples) and (self._forked or part == group)
            if whole and inputs is not None:
                encoded = Pass.ready(inputs)
            else:
                encoded = encode(examples[first : first + per_pass], repeat)
            mine = rows[first * group : (first + per_pass) * group]
            return Pass(mine, encoded, group, part, self._forked)

        return [
            [made(first) for first in range(start, start + per_minibatch, per_pass)]
            for start in range(0, len(examples), per_minibatch)
        ]

    @torch.no_grad()
    def logprobs(
        self, model: PreTrainedModel, passes: Sequence[Pass], tokens_RT: Tensor, mask_RT: Tensor
    ) -> Tensor:
        """Log-probs [R, T] under `model`; 0 where the mask is."""
        found = torch.zeros(tokens_RT.shape, device=tokens_RT.device)
        for rows, values in self._each(model, passes, tokens_RT, mask_RT):
            found[rows, : values.shape[1]] = values
        return found * mask_RT

    def learn(
        self,
        experience: Experience,
        minibatches: Sequence[Sequence[Pass]],
        rates: Sequence[float],
        done: int = 0,
    ) -> dict[str, float]:
        """All updates of a batch; one learning rate for each. Returns the means over updates.

        `done`: the updates of the run before these.
        """
        totals: dict[str, float] = {}
        updates = list(minibatches) * self._config.algorithm.updates_per_batch
        for update, (passes, rate) in enumerate(zip(updates, rates, strict=True)):
            with self._saving_memory():
                found = self._minibatch(experience, passes, first=update == 0)
                if self._retention is not None:
                    found["retention_kl"] = self._retention.backward(done + update)
            found["grad_norm"] = self._optimizer.step(rate)
            for name, value in found.items():
                totals[name] = totals.get(name, 0.0) + value / len(updates)
        return totals

    def _saving_memory(self) -> AbstractContextManager[None]:
        """For passes with their backward, as `optimizer.gradient_checkpointing` says."""
        saves = self._config.optimizer.gradient_checkpointing
        return recomputed(self._policy.model) if saves else nullcontext()

    def _minibatch(
        self, experience: Experience, passes: Sequence[Pass], *, first: bool
    ) -> dict[str, float]:
        rows = torch.cat([work.rows for work in passes])
        mask = experience.mask_RT[rows]
        counting, tokens, every = total(
            [float(mask.any(1).sum()), float(mask.sum()), float(len(rows))]
        )
        share = Share(
            rows=int(counting),
            tokens=int(tokens),
            most_tokens=int(every) * self._config.rollout.max_tokens,
        )
        values: list[LossValue] = []
        gap = 0.0
        each = self._each(self._policy.model, passes, experience.tokens_RT, experience.mask_RT)
        fresh = first and self._config.algorithm.old_logprobs == "recompute"
        for part, logprobs in each:
            if fresh and experience.old_RT is not None:
                experience.old_RT[part, : logprobs.shape[1]] = logprobs.detach()
            value = self._value(experience, share, part, logprobs)
            # Sharding averages the gradients of the processes, and this loss is a share of a sum.
            (value.loss * world()).backward()
            values.append(value)
            sampler = experience.sampler_RT[part, : logprobs.shape[1]]
            here = experience.mask_RT[part, : logprobs.shape[1]]
            gap += float(((logprobs.detach() - sampler).abs() * here).sum())
        sums = [
            sum(float(value.loss.detach()) for value in values),
            sum(value.kl_sum for value in values),
            sum(value.clipped_sum for value in values),
            gap,
        ]
        loss, *means = total(sums)
        names = ("kl", "clipped", "sampler_gap")
        means = [value / max(share.tokens, 1) for value in means]
        return {"loss": loss, **dict(zip(names, means, strict=True))}

    def _value(
        self, experience: Experience, share: Share, rows: Tensor, logprobs: Tensor
    ) -> LossValue:
        length = logprobs.shape[1]

        def cut(whole: Tensor | None) -> Tensor | None:
            return None if whole is None else whole[rows, :length]

        old = cut(experience.old_RT)
        return policy_loss(
            self._loss,
            share,
            logprobs_RT=logprobs,
            old_RT=logprobs.detach() if old is None else old,
            advantages_R=experience.advantages_R[rows],
            mask_RT=experience.mask_RT[rows, :length],
            reference_RT=cut(experience.reference_RT),
            sampler_RT=cut(experience.sampler_RT),
        )

    def _each(
        self, model: PreTrainedModel, passes: Sequence[Pass], tokens_RT: Tensor, mask_RT: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        lengths_R = mask_RT.sum(1)
        temperature = self._config.rollout.temperature
        for work in passes:
            yield from pass_logprobs(model, work, tokens_RT, lengths_R, temperature)
