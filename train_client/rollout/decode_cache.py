"""A static key-value cache for decoding: tensors of fixed addresses, written in place.

Attention reads the first `length` slots of `rows` rows; slots that hold nothing yet must be masked.
No Python number changes from one token to the next, so a step can be recorded as a CUDA graph.
Only for decoding without gradients: autograd could not see the writes.

Shapes: P prompts, R rows, H key heads, L slots, D head size. `half`: a layer's keys or its values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.cache_utils import (
    Cache,
    CacheLayerMixin,
    DynamicLayer,
    DynamicSlidingWindowLayer,
)

FIXED = (DynamicLayer, DynamicSlidingWindowLayer)
"""The kinds of layers whose keys and values can be laid out in slots."""


class FixedLayer(CacheLayerMixin):
    """Room for R rows of L slots, the prompt in the first ones; `slot` says where to write."""

    is_sliding = False

    def __init__(self, prompt: Any, times: int, width: int, length: int, slot: Tensor) -> None:
        """`prompt`: the layer after prefill, to be repeated; its tokens end at slot `width`."""
        CacheLayerMixin.__init__(self)
        self._slot = slot
        self._rows, self._length = len(prompt.keys) * times, length
        self._room = [_spread(half, times, width, length) for half in (prompt.keys, prompt.values)]
        self.dtype, self.device, self.is_initialized = prompt.keys.dtype, prompt.keys.device, True
        self._expose()

    def _expose(self) -> None:
        self.keys, self.values = (room[: self._rows] for room in self._room)

    def lengthen(self, length: int) -> None:
        """Make room for `length` slots a row, of the rows that are left."""
        self._room = [_widened(room[: self._rows], length) for room in self._room]
        self._length = length
        self._expose()

    def keep(self, rows_N: Tensor) -> None:
        """Go on with these rows alone, moved to the front."""
        for room in self._room:
            room[: len(rows_N)] = room[rows_N]
        self._rows = len(rows_N)
        self._expose()

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write one token of every row into the present slot; returns all slots."""
        assert self.keys is not None
        assert self.values is not None
        self.keys.index_copy_(2, self._slot, key_states)
        self.values.index_copy_(2, self._slot, value_states)
        return self.keys, self.values

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        raise AssertionError("made from a prompt, never empty")

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._length, 0

    def get_seq_length(self) -> int:
        # A constant, so that nothing recorded can depend on how many tokens there are by now.
        return self._length - 1

    def get_max_length(self) -> int:
        return self._length


def _spread(half: Tensor, times: int, width: int, length: int) -> Tensor:
    """[P, H, …, D] as [P*times, H, length, D], each prompt `times` times in a row."""
    prompts, heads, filled, size = half.shape
    room = half.new_zeros(prompts, times, heads, length, size)
    room[:, :, :, width - filled : width] = half[:, None]
    return room.flatten(0, 1)


def _widened(room: Tensor, length: int) -> Tensor:
    rows, heads, filled, size = room.shape
    wider = room.new_zeros(rows, heads, length, size)
    wider[:, :, :filled] = room
    return wider


def can_be_fixed(model: PreTrainedModel, cache: Cache) -> bool:
    """Whether all layers keep plain keys and values, and attend by a full or sliding-window mask.

    Not so: linear attention, which keeps no keys; chunked attention, whose mask is not made here;
    and flash attention, which takes no explicit mask.
    """
    kinds = getattr(model.config.get_text_config(), "layer_types", None) or ["full_attention"]
    return (
        model.config._attn_implementation in ("sdpa", "eager")
        and {"full_attention"} <= set(kinds) <= {"full_attention", "sliding_attention"}
        and {type(layer) for layer in cache.layers} <= set(FIXED)
        and any(type(layer) is DynamicLayer for layer in cache.layers)
    )


def fixed_layers(
    cache: Cache, times: int, width: int, length: int, slot: Tensor
) -> list[FixedLayer]:
    """The prefilled cache's layers, each prompt `times` times, with `length` slots a row."""
    return [FixedLayer(layer, times, width, length, slot) for layer in cache.layers]


def windows(cache: Cache) -> dict[str, int | None]:
    """The layers' kinds of attention, by transformers' names -> the window of the sliding kind."""
    by_kind: dict[str, int | None] = {}
    for layer in cache.layers:
        if isinstance(layer, DynamicSlidingWindowLayer):
            by_kind["sliding_attention"] = int(layer.sliding_window)
        else:
            by_kind["full_attention"] = None
    return by_kind


def length_bucket(length: int, step: int) -> int:
    """Slots for `length` tokens: one of a few lengths, at most a quarter or `step` too long."""
    while step * 8 <= length:
        step *= 2
    return -(-length // step) * step


def row_bucket(unfinished: int, rows: int, ratio: float) -> int:
    """Rows to go on with when so many of `rows` are unfinished: `rows` times a power of `ratio`."""
    size = rows
    while size > 1 and int(size * ratio) >= unfinished and int(size * ratio) > 0:
        size = int(size * ratio)
    return size


def empty_mask(mask_RS: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """[R, 1, 1, L], to be added to attention scores: 0 at the prompt's tokens, the least number of
    `dtype` at padding and at slots that are still empty."""
    closed = torch.finfo(dtype).min
    made = torch.full((len(mask_RS), 1, 1, length), closed, dtype=dtype, device=mask_RS.device)
    made[:, 0, 0, : mask_RS.shape[1]].masked_fill_(mask_RS.bool(), 0.0)
    return made
