"""Copies of key-value caches that share their tensors."""

from __future__ import annotations

import copy

from transformers.cache_utils import Cache


def copy_cache(cache: Cache) -> Cache:
    """A cache that can grow without the original noticing; the tensors are shared, not copied.

    Dynamic layers never write into a tensor: each update puts a new one in its place.
    """
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin
