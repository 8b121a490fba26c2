"""The second half of a step: from scored completions to new weights.

A rollout batch is split into minibatches, one optimizer step each, and a minibatch into passes that
fit in memory and accumulate gradients.

Shapes: P prompts, G completions a prompt, R = P*G rows, T completion tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.config.train_config import TrainConfig
from train_client.data.examples import Example
from train_client.distributed import all_reduce_sum, world_size
from train_client.learning.experience import Experience
from train_client.learning.losses import LossValue, Normalisers, policy_loss
from train_client.learning.optimizer import MasterAdamW
from train_client.learning.retention import ResponseBatch, Retention
from train_client.policy.passes import Pass, pass_logprobs
from train_client.policy.policy import Policy
from train_client.policy.recompute import recomputed

Encode = Callable[[Sequence[Example], int], Future[dict[str, Any]]]
"""(examples, rows per example) -> a future of the processor's output."""

SKIPPED = "skipped_updates"
"""Metric: updates of a step that were skipped because their gradient was not finite."""


class Learner:
    """Updates the policy, one rollout batch for each call of `learn`."""

    def __init__(
        self,
        config: TrainConfig,
        policy: Policy,
        optimizer: MasterAdamW,
        encode: Encode,
        *,
        forked: bool,
        retention: Retention | None = None,
    ) -> None:
        self._config = config
        self._policy = policy
        self._optimizer = optimizer
        self._encode = encode
        self._forked = forked
        self._retention = retention

    def reference_logprobs(
        self, experience: Experience, minibatches: Sequence[Sequence[Pass]]
    ) -> Tensor:
        """The reference's log-probs [R, T]; the completions need not be scored yet."""
        passes = [work for minibatch in minibatches for work in minibatch]
        with self._policy.reference_model() as reference:
            return self.logprobs(reference, passes, experience.tokens_RT, experience.mask_RT)

    def old_logprobs(self, experience: Experience, minibatches: Sequence[Sequence[Pass]]) -> Tensor:
        """Log-probs [R, T] under the policy that sampled; call it before any update.

        Those of the first minibatch stay 0 here: its first update computes and fills them in.
        """
        later = [work for passes in minibatches[1:] for work in passes]
        return self.logprobs(self._policy.model, later, experience.tokens_RT, experience.mask_RT)

    def passes(
        self, examples: Sequence[Example], inputs: dict[str, Any] | None
    ) -> list[list[Pass]]:
        """The passes of each minibatch.

        `inputs`: the rollout's encoded prompts, if there is one batch of them; they are reused if
        a single pass covers all examples. Otherwise the prompts are encoded in a thread.
        """
        options, group_size = self._config.optimizer, self._config.rollout.group_size
        per_minibatch = len(examples) // options.minibatches
        per_pass = options.prompts_per_pass or per_minibatch
        per_group = options.completions_per_pass or group_size
        repeat = 1 if self._forked else per_group
        rows = torch.arange(len(examples) * group_size, device=self._policy.device)

        def pass_from(first: int) -> Pass:
            whole = per_pass == len(examples) and (self._forked or per_group == group_size)
            if whole and inputs is not None:
                encoded = Pass.ready(inputs)
            else:
                encoded = self._encode(examples[first : first + per_pass], repeat)
            pass_rows = rows[first * group_size : (first + per_pass) * group_size]
            return Pass(pass_rows, encoded, group_size, per_group, self._forked)

        return [
            [pass_from(first) for first in range(start, start + per_minibatch, per_pass)]
            for start in range(0, len(examples), per_minibatch)
        ]

    @torch.no_grad()
    def logprobs(
        self, model: PreTrainedModel, passes: Sequence[Pass], tokens_RT: Tensor, mask_RT: Tensor
    ) -> Tensor:
        """Log-probs [R, T] under `model`, without gradients; 0 where the mask is false."""
        logprobs_RT = torch.zeros(tokens_RT.shape, device=tokens_RT.device)
        for rows, values in self._micro_batches(model, passes, tokens_RT, mask_RT):
            logprobs_RT[rows, : values.shape[1]] = values
        return logprobs_RT * mask_RT

    def retention_batches(self, updates: range) -> list[list[ResponseBatch]]:
        """The encoded retention examples of each of these updates; empty without retention.

        Raises DataError if an image can no longer be read, so call it before the updates.
        """
        retention = self._retention
        return [[] if retention is None else retention.passes(update) for update in updates]

    def learn(
        self,
        experience: Experience,
        minibatches: Sequence[Sequence[Pass]],
        rates: Sequence[float],
        retention: Sequence[Sequence[ResponseBatch]],
    ) -> dict[str, float]:
        """Make all updates of a rollout batch.

        `rates` and `retention` have an item for each update: its learning rate, and what
        `retention_batches` returned for it. Returns the means of the updates' metrics, and the
        number of skipped updates as `SKIPPED`.
        """
        metrics: dict[str, float] = {SKIPPED: 0.0}
        updates = list(minibatches) * self._config.algorithm.updates_per_batch
        schedule = zip(updates, rates, retention, strict=True)
        for update, (passes, rate, responses) in enumerate(schedule):
            with self._checkpointed():
                values = self._minibatch(experience, passes, first=update == 0)
                if self._retention is not None:
                    values["retention_kl"] = self._retention.backward(responses)
            values["grad_norm"] = self._optimizer.step(rate)
            metrics[SKIPPED] += not math.isfinite(values["grad_norm"])
            for name, value in values.items():
                metrics[name] = metrics.get(name, 0.0) + value / len(updates)
        return metrics

    def _checkpointed(self) -> AbstractContextManager[None]:
        """The context of the passes: gradient checkpointing, if it is enabled."""
        enabled = self._config.optimizer.gradient_checkpointing
        return recomputed(self._policy.model) if enabled else nullcontext()

    def _minibatch(
        self, experience: Experience, passes: Sequence[Pass], *, first: bool
    ) -> dict[str, float]:
        """Accumulate the gradient of one optimizer step.

        `first`: the policy is still the one that sampled, so its log-probs are the old ones.
        Returns the minibatch's metrics over all processes: `loss`; per token `clipped`, with a
        reference `kl`, and with recomputed old log-probs `sampler_gap`.
        """
        normalisers = self._normalisers(experience.mask_RT[torch.cat([p.rows for p in passes])])
        fresh = first and self._config.algorithm.old_logprobs == "recompute"
        sums = [0.0, 0.0, 0.0, 0.0]
        for rows, logprobs in self._micro_batches(
            self._policy.model, passes, experience.tokens_RT, experience.mask_RT
        ):
            if fresh and experience.old_RT is not None:
                experience.old_RT[rows, : logprobs.shape[1]] = logprobs.detach()
            value = self._loss(experience, normalisers, rows, logprobs)
            # Sharded gradients are averaged over the processes, but these losses must be summed.
            (value.loss * world_size()).backward()
            terms = float(value.loss.detach()), value.kl, value.clipped, value.sampler_gap
            sums = [total + term for total, term in zip(sums, terms, strict=True)]
        loss, kl, clipped, gap = all_reduce_sum(sums)
        tokens = max(normalisers.tokens, 1)
        metrics = {"loss": loss, "clipped": clipped / tokens}
        if experience.reference_RT is not None:
            metrics["kl"] = kl / tokens
        if self._config.algorithm.old_logprobs == "recompute":
            metrics["sampler_gap"] = gap / tokens
        return metrics

    def _normalisers(self, mask_RT: Tensor) -> Normalisers:
        """The counts of a minibatch over all processes; `mask_RT`: of this process's rows."""
        counts = [float(mask_RT.any(1).sum()), float(mask_RT.sum()), float(len(mask_RT))]
        completions, tokens, rows = map(int, all_reduce_sum(counts))
        return Normalisers(
            completions=completions,
            tokens=tokens,
            most_tokens=rows * self._config.rollout.max_tokens,
        )

    def _loss(
        self, experience: Experience, normalisers: Normalisers, rows: Tensor, logprobs_RT: Tensor
    ) -> LossValue:
        """The loss of these rows, cut to the length of their log-probs."""
        length = logprobs_RT.shape[1]
        old_RT, reference_RT = experience.old_RT, experience.reference_RT
        return policy_loss(
            self._config.algorithm,
            normalisers,
            logprobs_RT=logprobs_RT,
            old_RT=logprobs_RT.detach() if old_RT is None else old_RT[rows, :length],
            advantages_R=experience.advantages_R[rows],
            mask_RT=experience.mask_RT[rows, :length],
            sampler_RT=experience.sampler_RT[rows, :length],
            reference_RT=None if reference_RT is None else reference_RT[rows, :length],
        )

    def _micro_batches(
        self, model: PreTrainedModel, passes: Sequence[Pass], tokens_RT: Tensor, mask_RT: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """(rows, their log-probs) of each micro-batch of all passes; see `pass_logprobs`."""
        lengths_R = mask_RT.sum(1)
        temperature = self._config.rollout.temperature
        for work in passes:
            yield from pass_logprobs(model, work, tokens_RT, lengths_R, temperature)
