"""Completions to compute a loss of, and the gradients that are left of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def completions(rows: int, length: int = 7) -> tuple[Tensor, Tensor]:
    """Random ragged completions [R, T], right-padded with 0, and their mask."""
    generator = torch.Generator().manual_seed(11)
    tokens = torch.randint(3, 100, (rows, length), generator=generator)
    lengths = torch.randint(1, length + 1, (rows,), generator=generator)
    lengths[0] = length
    mask = torch.arange(length) < lengths[:, None]
    return tokens.masked_fill(~mask, 0), mask


def gradients(model: Any) -> Tensor:
    """All of a model's gradients in one row; clears them."""
    grads = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    return torch.cat(grads)
