"""Log-probabilities of chosen tokens, without a [rows, tokens, vocabulary] copy of log-softmax.

Shapes: R rows, T completion tokens, V vocabulary.
"""

from __future__ import annotations

from torch import Tensor


def chosen_logprobs(logits_RTV: Tensor, tokens_RT: Tensor, temperature: float = 1.0) -> Tensor:
    """log softmax(logits / temperature) at `tokens`, float32 [R, T]."""
    scaled = logits_RTV.float()
    if temperature != 1.0:
        scaled = scaled / temperature
    chosen_RT = scaled.gather(-1, tokens_RT.unsqueeze(-1)).squeeze(-1)
    return chosen_RT - scaled.logsumexp(-1)
