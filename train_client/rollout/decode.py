"""Decoding: a token more for every row of a batch, whose finished rows leave on the way.

`FixedDecoder` has a static cache, everything at fixed addresses, and on a GPU replays a step as a
CUDA graph: one launch instead of thousands, and nothing that makes the host wait. `GrowingDecoder`
is for models with other caches (linear attention), or attention that takes no explicit mask.

Shapes: R rows, V vocabulary.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from train_client.policy.cache import cache_argument
from train_client.policy.fork import Prefix, can_fork
from train_client.rollout.decode_cache import (
    can_be_fixed,
    empty_mask,
    fixed_layers,
    length_bucket,
    row_bucket,
    windows,
)
from train_client.rollout.graphs import Graphs

CPU_RATIO, GPU_RATIO = 0.75, 0.5
"""Batches shrink to one of a few sizes, each of which is this share of the next larger one."""


class Decoder(Protocol):
    def step(self, token_R: Tensor) -> Tensor:
        """Append a token to each row; logits [R, V] of the next. Valid until the next step."""
        ...

    def bucket(self, unfinished: int) -> int:
        """How many rows to go on with, one of a few sizes."""
        ...

    def keep(self, rows_N: Tensor) -> None:
        """Go on with these rows alone."""
        ...


def decoder(
    model: PreTrainedModel, prefix: Prefix, per_prompt: int, limit: int, *, graphs: bool
) -> Decoder:
    """For `per_prompt` completions of each prompt of `prefix`, of at most `limit` tokens."""
    if can_be_fixed(model, prefix.cache):
        return FixedDecoder(model, prefix, per_prompt, limit, graphs=graphs)
    return GrowingDecoder(model, prefix.repeated(per_prompt) if per_prompt > 1 else prefix, limit)


class FixedDecoder:
    """Static cache, explicit mask and positions; few sizes of batch and cache, so few graphs."""

    def __init__(
        self, model: PreTrainedModel, prefix: Prefix, per_prompt: int, limit: int, *, graphs: bool
    ) -> None:
        gpu = model.device.type == "cuda"
        # A graph is worth making for large steps only; without them a fine grain wastes less.
        self._grain, self._ratio = (256, GPU_RATIO) if gpu else (16, CPU_RATIO)
        self._model = model
        self._graphs = Graphs(enabled=graphs and gpu)
        rows, width = len(prefix.mask_PS) * per_prompt, prefix.mask_PS.shape[1]
        self._rows = self._all = rows
        self._used, self._most = width, width + limit
        self._length = self._rounded(width + 1)
        device = model.device
        self._slot = torch.tensor([width], device=device)
        self._windows = windows(prefix.cache)
        self._layers = fixed_layers(prefix.cache, per_prompt, width, self._length, self._slot)
        self._cache = DynamicCache()
        self._cache.layers = list(self._layers)
        prompt = prefix.mask_PS.repeat_interleave(per_prompt, dim=0)
        # Of the type that attention computes in, which need not be that of the weights.
        self._mask = empty_mask(prompt, self._length, self._layers[0].dtype)
        start = prefix.start_P.repeat_interleave(per_prompt)[:, None]
        self._positions = start.clone()
        self._axes = prefix.axes
        self._tokens = torch.zeros(rows, 1, dtype=torch.long, device=device)

    def step(self, token_R: Tensor) -> Tensor:
        if self._used == self._length:
            self._lengthen()
        self._tokens.copy_(token_R[:, None])
        logits = self._graphs.run((self._rows, self._length), self._forward)
        self._slot += 1
        self._positions += 1
        self._used += 1
        return logits

    def _forward(self) -> Tensor:
        """Reads and writes tensors at fixed addresses alone, and is idempotent."""
        self._mask.index_fill_(-1, self._slot, 0.0)
        axes = self._axes
        positions = self._positions if axes is None else self._positions.expand(axes, -1, -1)
        logits: Tensor = self._model(
            input_ids=self._tokens,
            attention_mask=self._attention_mask(),
            position_ids=positions,
            **cache_argument(self._model, self._cache),
            use_cache=True,
        ).logits
        return logits[:, -1]

    def _attention_mask(self) -> Tensor | dict[str, Tensor]:
        """The mask, or for a model whose layers attend differently, one for each kind of layer."""
        if set(self._windows) == {"full_attention"}:
            return self._mask
        made = {"full_attention": self._mask}
        if (window := self._windows["sliding_attention"]) is not None:
            columns = torch.arange(self._length, device=self._slot.device)
            closed = torch.finfo(self._mask.dtype).min
            made["sliding_attention"] = self._mask.masked_fill(
                columns <= self._slot - window, closed
            )
        return made

    def bucket(self, unfinished: int) -> int:
        return row_bucket(unfinished, self._all, self._ratio)

    def keep(self, rows_N: Tensor) -> None:
        for layer in self._layers:
            layer.keep(rows_N)
        # To the front of the same tensors: graphs know them by their addresses.
        self._mask = _moved(self._mask, rows_N)
        self._positions = _moved(self._positions, rows_N)
        self._tokens = self._tokens[: len(rows_N)]
        self._rows = len(rows_N)

    def _rounded(self, length: int) -> int:
        return min(length_bucket(length, self._grain), -(-self._most // 8) * 8)

    def _lengthen(self) -> None:
        """More slots, at new addresses, for which all graphs must be recorded again."""
        self._graphs.clear()
        longer = self._rounded(self._used + 1)
        for layer in self._layers:
            layer.lengthen(longer)
        closed = torch.finfo(self._mask.dtype).min
        more = longer - self._length
        self._mask = torch.nn.functional.pad(self._mask, (0, more), value=closed)
        self._length = longer


def _moved(tensor: Tensor, rows_N: Tensor) -> Tensor:
    """These rows, moved to the front of the same memory."""
    tensor[: len(rows_N)] = tensor[rows_N]
    return tensor[: len(rows_N)]


class GrowingDecoder:
    """The model's own cache and masks, whatever they are; the prompts are already repeated."""

    def __init__(self, model: PreTrainedModel, prefix: Prefix, limit: int) -> None:
        self._model = model
        self._cache = prefix.cache
        self._compactable = can_fork(model)
        self._all = len(prefix.mask_PS)
        self._mask = torch.cat(
            [prefix.mask_PS, prefix.mask_PS.new_ones(len(prefix.mask_PS), limit)], dim=1
        )
        self._used = prefix.mask_PS.shape[1]
        self._width = self._used
        self._positions = prefix.positions(0, limit)

    def step(self, token_R: Tensor) -> Tensor:
        place = self._used - self._width
        self._used += 1
        logits: Tensor = self._model(
            input_ids=token_R[:, None],
            attention_mask=self._mask[:, : self._used],
            position_ids=self._positions[..., place : place + 1],
            **cache_argument(self._model, self._cache),
            use_cache=True,
        ).logits
        return logits[:, -1]

    def bucket(self, unfinished: int) -> int:
        if not self._compactable:
            return len(self._mask)
        return row_bucket(unfinished, self._all, CPU_RATIO)

    def keep(self, rows_N: Tensor) -> None:
        self._cache.batch_select_indices(rows_N)
        self._mask = self._mask[rows_N]
        self._positions = self._positions[..., rows_N, :]
