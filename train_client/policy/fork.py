"""Prefill a prompt once, then let its whole group of completions share the keys and values.

All completions of a group have the same image and prompt. Instead of running G copies of the prompt
through the model, run it once, repeat the KV cache G times and run only the completion tokens on
it, with autograd on: the repeated cache is an ordinary node of the graph, so the function and its
gradient are those of the duplicated prompts, at P + G*C tokens instead of G * (P + C).

Shapes: P prompts, S prompt tokens (left-padded), G completions a prompt, R = P*G rows,
T completion tokens (right-padded), V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache, LinearAttentionCacheLayerMixin

from train_client.config.errors import ConfigError
from train_client.policy.cache import cache_argument, copy_cache
from train_client.policy.logprobs import chosen_logprobs, model_logprobs

Inputs = Mapping[str, Any]
"""What a processor returns; passed on to the model as it is. Only `input_ids` and `attention_mask`
are read here."""


@dataclass(frozen=True)
class Prefix:
    """Prompts after their prefill: all that their completions need of them."""

    cache: Cache
    logits_PV: Tensor
    """Logits of the first completion token."""
    mask_PS: Tensor
    """1 for prompt tokens, 0 for left padding."""
    start_P: Tensor
    """Position of the first completion token."""
    axes: int | None
    """Position axes of the model's rotary embedding (3 for M-RoPE), None for ordinary positions."""

    def repeated(self, times: int) -> Prefix:
        """A new prefix with each prompt so many times, one after the other."""
        cache = copy_cache(self.cache)
        cache.batch_repeat_interleave(times)
        return self._with(cache, lambda of: of.repeat_interleave(times, dim=0))

    def selected(self, prompts_R: Tensor) -> Prefix:
        """A new prefix with a row for each place in `prompts_R`, which may name a prompt often."""
        cache = copy_cache(self.cache)
        for layer in _filled(cache):
            layer.keys = layer.keys.index_select(0, prompts_R)
            layer.values = layer.values.index_select(0, prompts_R)
        return self._with(cache, lambda of: of.index_select(0, prompts_R))

    def _with(self, cache: Cache, rows: Callable[[Tensor], Tensor]) -> Prefix:
        return Prefix(
            cache, rows(self.logits_PV), rows(self.mask_PS), rows(self.start_P), self.axes
        )

    def positions(self, offset: int, length: int) -> Tensor:
        """Positions of completion tokens offset … offset+length-1, as the model takes them."""
        steps_T = torch.arange(offset, offset + length, device=self.start_P.device)
        positions_PT = self.start_P[:, None] + steps_T
        if self.axes is None:
            return positions_PT
        return positions_PT.expand(self.axes, -1, -1)


def can_fork(model: PreTrainedModel) -> bool:
    """Whether every layer's cache can be repeated along the batch.

    Linear-attention layers keep a recurrent state that `batch_repeat_interleave` does not repeat
    (and hybrids inherit the method for their attention half only), so they cannot be forked.
    """
    return all(
        hasattr(layer, "batch_repeat_interleave")
        and not isinstance(layer, LinearAttentionCacheLayerMixin)
        for layer in DynamicCache(config=model.config).layers
    )


def prompt_positions(model: PreTrainedModel, inputs: Inputs) -> Tensor:
    """Positions of the tokens in `inputs`: [P, S], or [axes, P, S] for multimodal rotary positions.

    They are always passed to the model. Left to themselves, models with M-RoPE reuse the offsets of
    an earlier batch, and the others count left padding as tokens.
    """
    mask_PS: Tensor = inputs["attention_mask"]
    rope_index = _rope_index(model)
    if rope_index is not None:
        parameters = inspect.signature(rope_index).parameters
        missing = [
            name
            for name, parameter in parameters.items()
            if parameter.default is inspect.Parameter.empty
            and parameter.kind is not inspect.Parameter.VAR_KEYWORD
            and name not in inputs
        ]
        if not missing:
            arguments = {name: inputs[name] for name in parameters if name in inputs}
            positions: Tensor = rope_index(**arguments)[0]
            return positions
        if set(inputs) - {"input_ids", "attention_mask"}:
            raise ConfigError(
                f"The processor returned no {', '.join(missing)}, which this model needs to place "
                "images; use the processor that belongs to the model."
            )
    return (mask_PS.long().cumsum(-1) - 1).clamp(min=0)


def _rope_index(model: PreTrainedModel) -> Any:
    return next((m.get_rope_index for m in model.modules() if hasattr(m, "get_rope_index")), None)


def prefill(model: PreTrainedModel, inputs: Inputs) -> Prefix:
    """Run the left-padded prompts once. Gradients flow through the result if they are enabled."""
    positions = prompt_positions(model, inputs)
    cache = DynamicCache(config=model.config)
    output = model(
        **inputs,
        **cache_argument(model, cache),
        position_ids=positions,
        use_cache=True,
        logits_to_keep=1,
    )
    axes = positions.shape[0] if positions.ndim == 3 else None
    start_P = (positions.amax(0) if axes else positions).amax(-1) + 1
    return Prefix(
        cache,
        output.logits[:, -1],
        inputs["attention_mask"].long(),
        start_P,
        axes,
    )


def completion_logprobs(
    model: PreTrainedModel, prefix: Prefix, tokens_RT: Tensor, temperature: float = 1.0
) -> Tensor:
    """Log-probs [R, T] of the completions, on a prefix that has R rows.

    The first token is predicted by the prompt; the last token is input to nothing. Right padding
    needs no mask: attention is causal, so no real token sees it.

    The model is run, and takes part in the backward, for completions of one token too, whose
    log-probs are known without: where its weights are sharded, the other processes wait for it.
    """
    first_R1 = chosen_logprobs(prefix.logits_PV[:, None], tokens_RT[:, :1], temperature)
    length = max(tokens_RT.shape[1] - 1, 1)
    later_RT = model_logprobs(
        model,
        tokens_RT[:, -length:],
        temperature,
        input_ids=tokens_RT[:, :length],
        attention_mask=torch.cat(
            [prefix.mask_PS, prefix.mask_PS.new_ones(len(tokens_RT), length)], dim=1
        ),
        position_ids=prefix.positions(0, length),
        cache=prefix.cache,
        use_cache=True,
    )
    return torch.cat([first_R1, later_RT], dim=1)[:, : tokens_RT.shape[1]]


class PrefixGradient:
    """Lets any number of backward passes share one prefill and its autograd graph, exactly.

    `leaf` is the prefix detached from that graph. Losses of completions on it leave their gradients
    at its tensors, and `backward` carries the sums through the prompts in one pass. So no more is
    held than the graph of the prompts and that of one micro-batch of completions.
    """

    def __init__(self, prefix: Prefix) -> None:
        self._live = _tensors(prefix)
        self._leaves = [t.detach().requires_grad_(t.requires_grad) for t in self._live]
        cache = copy_cache(prefix.cache)
        leaves = iter(self._leaves)
        for layer in _filled(cache):
            layer.keys, layer.values = next(leaves), next(leaves)
        self.leaf = Prefix(cache, next(leaves), prefix.mask_PS, prefix.start_P, prefix.axes)

    def backward(self) -> None:
        pairs = [
            (live, leaf.grad)
            for live, leaf in zip(self._live, self._leaves, strict=True)
            if leaf.grad is not None
        ]
        if pairs:
            torch.autograd.backward([live for live, _ in pairs], [grad for _, grad in pairs])


def _filled(cache: Cache) -> list[Any]:
    return [layer for layer in cache.layers if getattr(layer, "keys", None) is not None]


def _tensors(prefix: Prefix) -> list[Tensor]:
    halves = [half for layer in _filled(prefix.cache) for half in (layer.keys, layer.values)]
    return [*halves, prefix.logits_PV]
