"""A KV cache for decoding that writes in place instead of copying itself once per token.

Same values as the dynamic layer it replaces; only for no-grad decoding, since autograd could not
see the writes.
"""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class RoomyLayer(DynamicLayer):
    """A dynamic layer with room for `extra` more tokens behind the ones it starts with."""

    def __init__(self, keys: Tensor, values: Tensor, extra: int) -> None:
        DynamicLayer.__init__(self)
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self._length = keys.shape[-2]
        self._room = [_widened(half, extra) for half in (keys, values)]
        self._expose()

    def _expose(self) -> None:
        self.keys, self.values = self._views()

    def _views(self) -> tuple[Tensor, Tensor]:
        keys, values = self._room
        return keys[:, :, : self._length], values[:, :, : self._length]

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the new tokens behind the old ones; returns views of all tokens so far."""
        end = self._length + key_states.shape[-2]
        for half, new in zip(self._room, (key_states, value_states), strict=True):
            half[:, :, self._length : end] = new
        self._length = end
        self._expose()
        return self._views()

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep only the rows `indices`."""
        self._room = [half[indices] for half in self._room]
        self._expose()


def _widened(half: Tensor, extra: int) -> Tensor:
    rows, heads, length, size = half.shape
    room = half.new_empty(rows, heads, length + extra, size)
    room[:, :, :length] = half
    return room


def preallocated(cache: Cache, extra: int) -> Cache:
    """The cache with room for `extra` tokens; layers of other kinds (sliding, linear) stay."""
    roomy = copy.copy(cache)
    roomy.layers = [_roomy(layer, extra) for layer in cache.layers]
    return roomy


def _roomy(layer: Any, extra: int) -> Any:
    keys, values = layer.keys, layer.values
    if type(layer) is not DynamicLayer or keys is None or values is None:
        return copy.copy(layer)
    return RoomyLayer(keys, values, extra)
