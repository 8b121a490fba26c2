"""Rollouts: sampling a group of completions for each prompt.

`RolloutEngine` is the interface of an engine: prompts in, sampled tokens and their log-probs out.
`LocalEngine` samples with the training model, whose prompt cache the completions of a group share.

Shapes: P prompts, G completions a prompt, R = P*G rows, T completion tokens (right-padded).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.data.prompts import Prompts
from train_client.distributed import world_size
from train_client.policy.fork import prefill
from train_client.policy.policy import Policy
from train_client.rollout.decode import decoder
from train_client.rollout.sampling import Sampling, sample

REPORT_EVERY = 8
"""Tokens between two calls of the listener."""


class Diverged(RuntimeError):  # noqa: N818
    """The policy's probabilities are not finite, so nothing can be sampled or learned."""


@dataclass(frozen=True)
class Rollout:
    """Sampled completions; the rows of a prompt are adjacent."""

    tokens_RT: Tensor
    mask_RT: Tensor
    """True on sampled tokens, the end-of-sequence token included."""
    logprobs_RT: Tensor
    """The sampler's log-probs at the sampling temperature, before top-p and top-k; 0 on padding."""
    finished_R: Tensor
    """False where the completion was cut at the token limit."""

    def refuse_non_finite(self) -> None:
        """Raise Diverged if the log-prob of a token is not finite."""
        if not self.logprobs_RT.isfinite().all():
            raise Diverged(
                "The policy's probabilities are not finite, so that nothing can be sampled: it has "
                "diverged, or the weights at policy.path are broken. Lower optimizer.lr, and start "
                "a new run, or delete the newest checkpoints and resume from a sound one."
            )

    def rows(self) -> list[list[int]]:
        """The tokens of each completion, without padding."""
        lengths = self.mask_RT.sum(1).tolist()
        return [row[:n] for row, n in zip(self.tokens_RT.tolist(), map(int, lengths), strict=True)]


@dataclass(frozen=True)
class Ended:
    """A completion that has ended, while others may still be sampled."""

    row: int
    """Its row in the rollout."""
    tokens: list[int]
    logprobs: list[float]
    """The sampler's, one for each token."""


Listener = Callable[[list[Ended]], None]
"""Called with completions as they end; what it raises ends the sampling."""


class RolloutEngine(Protocol):
    def generate(
        self,
        prompts: Prompts,
        per_prompt: int,
        sampling: Sampling,
        generator: torch.Generator | None,
        listener: Listener | None = None,
    ) -> Rollout:
        """Sample `per_prompt` completions for each prompt.

        An engine need not call `listener`, but reports no completion twice.
        """
        ...


class LocalEngine:
    """Samples with the training model itself."""

    def __init__(
        self, model: PreTrainedModel, eos_ids: tuple[int, ...], pad_id: int, *, graphs: bool = True
    ) -> None:
        """`graphs`: record decoding steps as CUDA graphs; the weights must keep their addresses."""
        self._model = model
        self._pad = pad_id
        self._eos = torch.tensor(eos_ids, device=model.device)
        self._graphs = graphs
        # Counting unfinished rows makes the host wait for a GPU; on a CPU it costs nothing.
        self._check_every = 8 if model.device.type == "cuda" else 1

    @torch.no_grad()
    def generate(
        self,
        prompts: Prompts,
        per_prompt: int,
        sampling: Sampling,
        generator: torch.Generator | None,
        listener: Listener | None = None,
    ) -> Rollout:
        """See RolloutEngine. For a model that cannot be forked the caller repeats the prompts, and
        `per_prompt` is 1. Of `prompts` only `inputs` is read.
        """
        limit = sampling.max_tokens
        prefix = prefill(self._model, prompts.inputs)
        logits = prefix.logits_PV.repeat_interleave(per_prompt, dim=0)
        work = decoder(self._model, prefix, per_prompt, limit, graphs=self._graphs)
        del prefix
        record = RolloutRecord(len(logits), limit, self._pad, logits.device)
        for step in range(limit):
            token, logprob = sample(logits, sampling, generator)
            record.add(step, token, logprob, torch.isin(token, self._eos))
            if step + 1 == limit:
                break
            if step % self._check_every == 0:
                unfinished = record.unfinished()
                if not unfinished:
                    break
                if listener is not None and step % REPORT_EVERY == 0:
                    listener(record.ended())
                rows = work.bucket(unfinished)
                if rows < len(token):
                    keep = record.compact(rows)
                    work.keep(keep)
                    token = token[keep]
            logits = work.step(token)
        return record.rollout()


def local_engine(policy: Policy) -> LocalEngine:
    """The engine that samples with the policy's own model.

    Without CUDA graphs for sharded weights, whose addresses change each time they are gathered.
    """
    return LocalEngine(policy.model, policy.eos_ids, policy.pad_id, graphs=world_size() == 1)


class RolloutRecord:
    """The tokens sampled so far, and which rows are still in the decoder's batch of B rows."""

    def __init__(self, rows: int, limit: int, pad: int, device: torch.device) -> None:
        """`limit`: the most tokens of a completion. `pad`: the token of padding."""
        self._tokens_RT = torch.full((rows, limit), pad, device=device)
        self._logprobs_RT = torch.zeros(rows, limit, device=device)
        self._lengths_R = torch.full((rows,), limit, device=device)
        self._ended_R = torch.zeros(rows, dtype=torch.bool, device=device)
        self._reported_R = self._ended_R.clone()
        self._rows_B = torch.arange(rows, device=device)
        self._pad = pad

    def add(self, step: int, token_B: Tensor, logprob_B: Tensor, ends_B: Tensor) -> None:
        """Record the tokens of one decoding step; `ends_B` is true where they end a completion.

        Tokens that follow the end of a completion are recorded, and masked in `rollout`.
        """
        self._tokens_RT[self._rows_B, step] = token_B
        self._logprobs_RT[self._rows_B, step] = logprob_B
        ended_B = self._ended_R[self._rows_B]
        lengths_B = self._lengths_R[self._rows_B]
        self._lengths_R[self._rows_B] = torch.where(ends_B & ~ended_B, step + 1, lengths_B)
        self._ended_R[self._rows_B] = ended_B | ends_B

    def unfinished(self) -> int:
        """The number of rows that have not ended; waits for the device."""
        return int((~self._ended_R).sum())

    def compact(self, rows: int) -> Tensor:
        """Keep `rows` rows of the decoder's batch, the unfinished ones first.

        Returns their indices in that batch.
        """
        keep = self._ended_R[self._rows_B].int().argsort(stable=True)[:rows]
        self._rows_B = self._rows_B[keep]
        return keep

    def ended(self) -> list[Ended]:
        """The completions that have ended since the last call; waits for the device."""
        new = (self._ended_R & ~self._reported_R).nonzero().squeeze(1)
        self._reported_R |= self._ended_R
        columns = (new, self._lengths_R[new], self._tokens_RT[new], self._logprobs_RT[new])
        return [
            Ended(row, tokens[:length], logprobs[:length])
            for row, length, tokens, logprobs in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def rollout(self) -> Rollout:
        """All rows, cut to the longest completion and padded."""
        length = int(self._lengths_R.max())
        steps_T = torch.arange(length, device=self._lengths_R.device)
        mask_RT = steps_T < self._lengths_R[:, None]
        return Rollout(
            self._tokens_RT[:, :length].masked_fill(~mask_RT, self._pad),
            mask_RT,
            self._logprobs_RT[:, :length].masked_fill(~mask_RT, 0.0),
            self._ended_R,
        )
