"""Gradient checkpointing that keeps the key-value cache: layers are computed again in the backward.

transformers' own takes the cache away from a layer, because one that is computed again adds its
keys and values a second time. Here it begins again from the cache as it was, so that completions
still share their prompt. All that is held of a layer is its input.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer

from train_client.config.errors import ConfigError
from train_client.policy.forward import replaced_forward

Forward = Callable[..., Any]


@contextmanager
def recomputed(model: PreTrainedModel) -> Iterator[None]:
    """Passes in this context, with their backward, hold no activations inside the model's layers.

    Layers of vision towers too; passes without gradients are as ever. The function is the same, and
    so is its gradient, given that the layers draw no random numbers (no dropout).

    Raises ConfigError if transformers knows no layer of the model that can be computed again.
    """
    layers = [part for part in model.modules() if isinstance(part, GradientCheckpointingLayer)]
    if not layers:
        raise ConfigError(
            f"{type(model).__name__} has no layers that can be computed again, so it cannot save "
            "memory so; set optimizer.gradient_checkpointing=false."
        )
    with ExitStack() as stack:
        for layer in layers:
            plain = stack.enter_context(replaced_forward(layer))
            layer.forward = partial(_forward, plain, _cache_places(layer))
        yield


def _cache_places(layer: nn.Module) -> frozenset[int]:
    """Which layers of a cache the module adds to."""
    places = (getattr(part, "layer_idx", None) for part in layer.modules())
    return frozenset(place for place in places if isinstance(place, int))


def _forward(plain: Forward, places: frozenset[int], *arguments: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return plain(*arguments, **named)
    caches = [given for given in (*arguments, *named.values()) if isinstance(given, Cache)]
    before = [(cache, place, cache.layers[place]) for cache in caches for place in places]

    def from_the_start(*arguments: Any, **named: Any) -> Any:
        for cache, place, layer in before:
            cache.layers[place] = copy.copy(layer)
        return plain(*arguments, **named)

    return checkpoint(
        from_the_start, *arguments, use_reentrant=False, preserve_rng_state=False, **named
    )
