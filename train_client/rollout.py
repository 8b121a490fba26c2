"""Sampling the groups of completions, on the forked cache, all prompts of a step in one batch.

`RolloutEngine` is the seam: anything that turns prompts into sampled tokens and their log-probs.

Shapes: P prompts, G completions a prompt, R = P*G rows, T completion tokens (right-padded).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.decode_cache import preallocated
from train_client.fork import Inputs, can_fork, prefill
from train_client.sampling import Sampling, sample

COMPACT_BELOW = 0.75
"""Finished rows are thrown out of the batch when at most this share of it is still decoding."""


@dataclass(frozen=True)
class Rollout:
    tokens_RT: Tensor
    mask_RT: Tensor
    """1 on sampled tokens, the end-of-sequence token included."""
    logprobs_RT: Tensor
    """The sampler's log-probs at the sampling temperature, before top-p and top-k; 0 on padding."""
    finished_R: Tensor
    """False where the completion was cut at the token limit."""

    def rows(self) -> list[list[int]]:
        """The tokens of each completion, without padding."""
        lengths = self.mask_RT.sum(1).tolist()
        return [row[:n] for row, n in zip(self.tokens_RT.tolist(), map(int, lengths), strict=True)]


class RolloutEngine(Protocol):
    def generate(
        self,
        inputs: Inputs,
        group: int,
        sampling: Sampling,
        generator: torch.Generator | None,
    ) -> Rollout:
        """Sample `group` completions for each prompt; rows of a prompt stand together."""
        ...


class LocalEngine:
    """Samples with the training model itself."""

    def __init__(self, model: PreTrainedModel, eos_ids: tuple[int, ...], pad_id: int) -> None:
        self._model = model
        self._pad = pad_id
        self._eos = torch.tensor(eos_ids, device=model.device)
        self._compactable = can_fork(model)
        # Asking whether rows have ended makes the host wait for a GPU; on a CPU it costs nothing.
        self._check_every = 8 if model.device.type == "cuda" else 1

    @torch.no_grad()
    def generate(
        self,
        inputs: Inputs,
        group: int,
        sampling: Sampling,
        generator: torch.Generator | None,
    ) -> Rollout:
        """See RolloutEngine. A model that cannot be forked must be given repeated prompts."""
        prefix = prefill(self._model, inputs)
        if group > 1:
            prefix = prefix.repeated(group)
        limit = sampling.max_tokens
        cache = preallocated(prefix.cache, limit)
        logits, mask, positions = prefix.logits_PV, prefix.mask_PS, prefix.positions(0, limit)
        mask = torch.cat([mask, mask.new_ones(len(mask), limit)], dim=1)
        prompt_length = prefix.mask_PS.shape[1]
        record = _Record(len(logits), limit, self._pad, logits.device)
        for step in range(limit):
            token, logprob = sample(logits, sampling, generator)
            record.put(step, token, logprob, torch.isin(token, self._eos))
            if step + 1 == limit:
                break
            if step % self._check_every == 0:
                keep = record.compact(self._compactable)
                if keep is not None:
                    if len(keep) == 0:
                        break
                    cache.batch_select_indices(keep)
                    token, mask = token[keep], mask[keep]
                    positions = positions[..., keep, :]
            logits = self._model(
                input_ids=token[:, None],
                attention_mask=mask[:, : prompt_length + step + 1],
                position_ids=positions[..., step : step + 1],
                past_key_values=cache,
                use_cache=True,
            ).logits[:, -1]
        return record.rollout()


class _Record:
    """What has been sampled, and which rows are still in the batch."""

    def __init__(self, rows: int, limit: int, pad: int, device: torch.device) -> None:
        self._tokens_RT = torch.full((rows, limit), pad, device=device)
        self._logprobs_RT = torch.zeros(rows, limit, device=device)
        self._lengths_R = torch.full((rows,), limit, device=device)
        self._finished_R = torch.zeros(rows, dtype=torch.bool, device=device)
        self._rows = torch.arange(rows, device=device)
        self._done = torch.zeros(rows, dtype=torch.bool, device=device)
        self._pad = pad

    def put(self, step: int, token: Tensor, logprob: Tensor, ends: Tensor) -> None:
        self._tokens_RT[self._rows, step] = token
        self._logprobs_RT[self._rows, step] = logprob
        ends = ends & ~self._done
        self._lengths_R[self._rows] = torch.where(ends, step + 1, self._lengths_R[self._rows])
        self._done = self._done | ends

    def compact(self, allowed: bool) -> Tensor | None:
        """Places (in the present batch) of the rows to keep, or None to keep them all."""
        alive = int((~self._done).sum())
        if alive and (not allowed or alive > COMPACT_BELOW * len(self._done)):
            return None
        keep = (~self._done).nonzero().squeeze(1)
        self._finished_R[self._rows[self._done]] = True
        self._rows, self._done = self._rows[keep], self._done[keep]
        return keep

    def rollout(self) -> Rollout:
        self._finished_R[self._rows[self._done]] = True
        length = int(self._lengths_R.max())
        steps_T = torch.arange(length, device=self._lengths_R.device)
        mask_RT = steps_T < self._lengths_R[:, None]
        return Rollout(
            self._tokens_RT[:, :length].masked_fill(~mask_RT, self._pad),
            mask_RT,
            self._logprobs_RT[:, :length].masked_fill(~mask_RT, 0.0),
            self._finished_R,
        )
