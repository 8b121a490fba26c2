"""Key-value caches: passing them to a model, and copies that share their tensors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from functools import cache as remembered

from transformers import PreTrainedModel
from transformers.cache_utils import Cache


def cache_argument(model: PreTrainedModel, cache: Cache) -> dict[str, Cache]:
    """The keyword argument by which `model` takes a cache, which it fills in place."""
    return {_name(type(model).forward): cache}


@remembered
def _name(forward: Callable[..., object]) -> str:
    # transformers 5.24 renamed it, and drops the old name in 5.40.
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"


def copy_cache(cache: Cache) -> Cache:
    """A cache that can grow independently of the original; the tensors are shared, not copied.

    Dynamic layers never write into a tensor: each update puts a new one in its place.
    """
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    return twin
