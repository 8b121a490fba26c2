"""The fallback for models whose cache cannot be forked: every completion carries its own prompt.

Also the definition that the forked prompt is tested against.
Shapes: R rows, S prompt tokens (left-padded), T completion tokens (right-padded).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.policy.fork import Inputs, prompt_positions
from train_client.policy.forward import replaced_forward
from train_client.policy.logprobs import model_logprobs

PLACEHOLDERS = ("image_token_id", "video_token_id", "audio_token_id")
"""Names in a model's config of the tokens that stand for what is no text."""


def extended(inputs: Inputs, tokens_RT: Tensor) -> dict[str, Any]:
    """The prompts with their completions behind them, as one batch of whole sequences.

    Whatever the processor returns per token (same shape as `input_ids`) is text, 0, on completions.
    """
    shape = inputs["input_ids"].shape
    longer: dict[str, Any] = {}
    for name, value in inputs.items():
        if isinstance(value, Tensor) and value.shape == shape:
            tail = value.new_zeros(tokens_RT.shape)
            longer[name] = torch.cat([value, tail], dim=1)
        else:
            longer[name] = value
    longer["input_ids"] = torch.cat([inputs["input_ids"], tokens_RT], dim=1)
    ones = torch.ones_like(tokens_RT, dtype=inputs["attention_mask"].dtype)
    longer["attention_mask"] = torch.cat([inputs["attention_mask"], ones], dim=1)
    return longer


def duplicated_logprobs(
    model: PreTrainedModel, inputs: Inputs, tokens_RT: Tensor, temperature: float = 1.0
) -> Tensor:
    """Log-probs [R, T] of the completions; `inputs` holds one prompt per row."""
    whole = extended(inputs, tokens_RT)
    # What the last token predicts is left out; any target will do for it.
    targets_RT = torch.cat([tokens_RT, tokens_RT[:, -1:]], dim=1)
    with _sampled_placeholders(model, whole, inputs["input_ids"].shape[1]):
        logprobs_RT = model_logprobs(
            model,
            targets_RT,
            temperature,
            **whole,
            position_ids=prompt_positions(model, whole),
            use_cache=False,
            logits_to_keep=targets_RT.shape[1],
        )
    return logprobs_RT[:, :-1]


@contextmanager
def _sampled_placeholders(
    model: PreTrainedModel, whole: dict[str, Any], first: int
) -> Iterator[None]:
    """Hide the placeholders of images that stand in completions, from place `first` on.

    A model that is given images refuses more placeholders than these fill. So it finds other ids in
    their places, those of the prompts' last tokens, but embeds what was sampled.
    """
    ids = whole["input_ids"]
    names = (getattr(model.config, name, None) for name in PLACEHOLDERS)
    known = ids.new_tensor([place for place in names if place is not None])
    sampled = torch.isin(ids, known)
    sampled[:, :first] = False
    whole["input_ids"] = torch.where(sampled, ids[:, first - 1 : first], ids)
    embedding = model.get_input_embeddings()
    with replaced_forward(embedding) as plain:
        embedding.forward = lambda replaced: plain(torch.where(sampled, ids, replaced))
        yield
