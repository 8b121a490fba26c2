"""Log-probabilities of chosen tokens, without a [rows, tokens, vocabulary] copy of log-softmax.

Shapes: R rows, T completion tokens, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor


def chosen_logprobs(logits_RTV: Tensor, tokens_RT: Tensor, temperature: float = 1.0) -> Tensor:
    """log softmax(logits / temperature) at `tokens`, float32 [R, T]."""
    scaled = logits_RTV.float()
    if temperature != 1.0:
        scaled = scaled / temperature
    chosen_RT = scaled.gather(-1, tokens_RT.unsqueeze(-1)).squeeze(-1)
    return chosen_RT - scaled.logsumexp(-1)


def entropy(logits_RTV: Tensor) -> Tensor:
    """Entropy of softmax(logits) in nats, float32 [R, T]."""
    logp = torch.log_softmax(logits_RTV.float(), dim=-1)
    return -(logp.exp() * logp).sum(-1)
