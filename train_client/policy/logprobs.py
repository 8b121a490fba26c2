"""Log-probabilities of chosen tokens, never with the logits of a whole batch in memory.

Shapes: R rows, T completion tokens, V vocabulary, H hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from train_client.policy.cache import cache_argument, copy_cache
from train_client.policy.forward import replaced_forward

log = logging.getLogger(__name__)

CHUNK_LOGITS = 1 << 26
"""Logits that exist at once (256 MiB in float32); a chunk is computed again in its backward."""

Head = Callable[[Tensor], Tensor]


def chosen_logprobs(logits_RTV: Tensor, tokens_RT: Tensor, temperature: float = 1.0) -> Tensor:
    """log softmax(logits / temperature) at `tokens`, float32 and of the shape of `tokens`."""
    scaled = logits_RTV.float()
    if temperature != 1.0:
        scaled = scaled / temperature
    flat = torch.nn.functional.cross_entropy(
        scaled.flatten(0, -2), tokens_RT.flatten(), reduction="none"
    )
    return -flat.view(tokens_RT.shape)


def head_logprobs(
    head: Head, hidden_RTH: Tensor, tokens_RT: Tensor, temperature: float, vocabulary: int
) -> Tensor:
    """`chosen_logprobs` of head(hidden), a chunk of positions at a time."""
    hidden, tokens = hidden_RTH.flatten(0, 1), tokens_RT.flatten()

    def part(hidden: Tensor, tokens: Tensor) -> Tensor:
        return chosen_logprobs(head(hidden), tokens, temperature)

    size = max(1, CHUNK_LOGITS // vocabulary)
    if len(tokens) <= size:
        return part(hidden, tokens).view(tokens_RT.shape)
    parts = [
        checkpoint(part, h, t, use_reentrant=False, preserve_rng_state=False)
        for h, t in zip(hidden.split(size), tokens.split(size), strict=True)
    ]
    return torch.cat(parts).view(tokens_RT.shape)


def model_logprobs(
    model: PreTrainedModel,
    tokens_RT: Tensor,
    temperature: float,
    *,
    cache: Cache | None = None,
    **inputs: Any,
) -> Tensor:
    """Log-probs [R, T] of `tokens`, where `inputs` make the model give logits [R, T, V] for them.

    The head is applied inside the model's own forward, where its weights are at hand even if they
    are sharded. `cache` stays as it is.
    """

    def output() -> Tensor:
        grown = {} if cache is None else cache_argument(model, copy_cache(cache))
        logits: Tensor = model(**inputs, **grown).logits
        return logits

    head = model.get_output_embeddings()
    outputs: list[Tensor] = []
    with replaced_forward(head) as plain:

        def chosen(hidden_RTH: Tensor) -> Tensor:
            vocabulary = head.weight.shape[0]
            logprobs_RT = head_logprobs(plain, hidden_RTH, tokens_RT, temperature, vocabulary)
            # No view, which sharded models warn of: nothing here is changed in place.
            outputs.append(logprobs_RT.unsqueeze(-1).clone())
            return outputs[-1]

        head.forward = chosen
        result = output()
    if len(outputs) == 1 and (result is outputs[0] or torch.equal(result, outputs[0])):
        return result.squeeze(-1)
    # Something follows the head (a soft cap on the logits, say), so its output is no logit yet.
    log.debug("%s computes its logits in one piece.", type(model).__name__)
    return chosen_logprobs(output(), tokens_RT, temperature)
