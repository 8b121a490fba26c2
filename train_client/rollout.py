"""Rollouts: sampling a group of completions for each prompt, on the forked cache.

`RolloutEngine` is what an engine must be: it turns prompts into sampled tokens and their log-probs.

Shapes: P prompts, G completions a prompt, R = P*G rows, T completion tokens (right-padded).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.decode import decoder
from train_client.distributed import world_size
from train_client.fork import prefill
from train_client.policy import Policy
from train_client.prompts import Prompts
from train_client.sampling import Sampling, sample

REPORT_EVERY = 8
"""Tokens between two reports of completions that have ended."""


class Diverged(RuntimeError):  # noqa: N818
    """The policy gives no probabilities any more, so nothing can be sampled or learned."""


@dataclass(frozen=True)
class Rollout:
    tokens_RT: Tensor
    mask_RT: Tensor
    """True on sampled tokens, the end-of-sequence token included."""
    logprobs_RT: Tensor
    """The sampler's log-probs at the sampling temperature, before top-p and top-k; 0 on padding."""
    finished_R: Tensor
    """False where the completion was cut at the token limit."""

    def refuse_no_numbers(self) -> None:
        """Raises Diverged where a token was drawn by a probability that is no number."""
        if not self.logprobs_RT.isfinite().all():
            raise Diverged(
                "The policy's probabilities are no numbers any more, so that nothing can be "
                "sampled: it has diverged, or policy.path was broken. Lower optimizer.lr, and "
                "start anew, or delete the newest checkpoints and resume from a sound one."
            )

    def rows(self) -> list[list[int]]:
        """The tokens of each completion, without padding."""
        lengths = self.mask_RT.sum(1).tolist()
        return [row[:n] for row, n in zip(self.tokens_RT.tolist(), map(int, lengths), strict=True)]


@dataclass(frozen=True)
class Ended:
    """A completion that has ended, while others may still be sampled."""

    row: int
    tokens: list[int]
    logprobs: list[float]


Listener = Callable[[list[Ended]], None]


class RolloutEngine(Protocol):
    def generate(
        self,
        prompts: Prompts,
        per_prompt: int,
        sampling: Sampling,
        generator: torch.Generator | None,
        listener: Listener | None = None,
    ) -> Rollout:
        """Sample `per_prompt` completions for each prompt; rows of a prompt stand together.

        `listener` may be called with completions as they end, each once; it need not be called.
        """
        ...


class LocalEngine:
    """Samples with the training model itself."""

    def __init__(
        self, model: PreTrainedModel, eos_ids: tuple[int, ...], pad_id: int, *, graphs: bool = True
    ) -> None:
        """`graphs`: record decoding steps as CUDA graphs, for weights that keep their addresses."""
        self._model = model
        self._pad = pad_id
        self._eos = torch.tensor(eos_ids, device=model.device)
        self._graphs = graphs
        # Asking whether rows have ended makes the host wait for a GPU; on a CPU it costs nothing.
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
        """See RolloutEngine. A model that cannot be forked must be given repeated prompts.

        Of the prompts, only `inputs` is read.
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
    """The engine of a policy that samples for itself.

    Sharded weights come to another address each time they are gathered, so no graph is kept.
    """
    return LocalEngine(policy.model, policy.eos_ids, policy.pad_id, graphs=world_size() == 1)


class RolloutRecord:
    """What has been sampled, and which rows are still in the decoder's batch."""

    def __init__(self, rows: int, limit: int, pad: int, device: torch.device) -> None:
        self._tokens_RT = torch.full((rows, limit), pad, device=device)
        self._logprobs_RT = torch.zeros(rows, limit, device=device)
        self._lengths_R = torch.full((rows,), limit, device=device)
        self._ended_R = torch.zeros(rows, dtype=torch.bool, device=device)
        self._reported_R = self._ended_R.clone()
        self._rows = torch.arange(rows, device=device)
        self._pad = pad

    def add(self, step: int, token: Tensor, logprob: Tensor, ends: Tensor) -> None:
        self._tokens_RT[self._rows, step] = token
        self._logprobs_RT[self._rows, step] = logprob
        before = self._ended_R[self._rows]
        lengths = self._lengths_R[self._rows]
        self._lengths_R[self._rows] = torch.where(ends & ~before, step + 1, lengths)
        self._ended_R[self._rows] = before | ends

    def unfinished(self) -> int:
        """Rows that have not ended; waits for the device."""
        return int((~self._ended_R).sum())

    def compact(self, rows: int) -> Tensor:
        """Keep so many rows: the unfinished ones, and others to fill up. Returns their places."""
        keep = self._ended_R[self._rows].int().argsort(stable=True)[:rows]
        self._rows = self._rows[keep]
        return keep

    def ended(self) -> list[Ended]:
        """What has ended since the last call; waits for the device."""
        fresh = (self._ended_R & ~self._reported_R).nonzero().squeeze(1)
        self._reported_R |= self._ended_R
        tokens, logprobs = self._tokens_RT[fresh].tolist(), self._logprobs_RT[fresh].tolist()
        lengths = self._lengths_R[fresh].tolist()
        return [
            Ended(row, tokens[place][:length], logprobs[place][:length])
            for place, (row, length) in enumerate(zip(fresh.tolist(), lengths, strict=True))
        ]

    def rollout(self) -> Rollout:
        length = int(self._lengths_R.max())
        steps_T = torch.arange(length, device=self._lengths_R.device)
        mask_RT = steps_T < self._lengths_R[:, None]
        return Rollout(
            self._tokens_RT[:, :length].masked_fill(~mask_RT, self._pad),
            mask_RT,
            self._logprobs_RT[:, :length].masked_fill(~mask_RT, 0.0),
            self._ended_R,
        )
