"""The fallback for models whose cache cannot be forked: every completion carries its own prompt.

Also the definition that the forked prompt is tested against.
Shapes: R rows, S prompt tokens (left-padded), T completion tokens (right-padded), V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.fork import Inputs, prompt_positions


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


def duplicated_logits(model: PreTrainedModel, inputs: Inputs, tokens_RT: Tensor) -> Tensor:
    """Logits [R, T, V] that predict each completion token; `inputs` holds one prompt per row."""
    whole = extended(inputs, tokens_RT)
    positions = prompt_positions(model, whole)
    output = model(
        **whole,
        position_ids=positions,
        use_cache=False,
        logits_to_keep=tokens_RT.shape[1] + 1,
    )
    logits: Tensor = output.logits[:, :-1]
    return logits
