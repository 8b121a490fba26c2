"""Running completions through a model in passes that fit in memory, prompts shared or duplicated.

Shapes: P prompts of the pass, G completions each, R = P*G rows, T completion tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.duplicate import duplicated_logits
from train_client.fork import PrefixGradient, completion_logits, prefill


@dataclass(frozen=True)
class Pass:
    """Some whole groups of a batch, and their encoded prompts."""

    rows: Tensor
    """Rows of the batch that these groups are, a group's rows together."""
    inputs: dict[str, Any]
    """One row a prompt; for a model that cannot be forked, one row a completion of a part."""
    group: int
    part: int
    """Completions of each group that go through the model at once."""
    forked: bool

    def parts(self) -> Iterator[Tensor]:
        """Rows of the batch, `part` completions of every group at a time."""
        rows_PG = self.rows.view(-1, self.group)
        for start in range(0, self.group, self.part):
            yield rows_PG[:, start : start + self.part].flatten()


def pass_logits(
    model: PreTrainedModel, work: Pass, tokens_RT: Tensor, lengths_R: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """(rows of the batch, logits [rows, T', V]) for each part; T' is the part's longest completion.

    Call backward on what is made of one part before taking the next. Gradients reach the shared
    prompt when the iterator is run to its end.
    """
    shared = PrefixGradient(prefill(model, work.inputs)) if work.forked else None
    for rows in work.parts():
        tokens = tokens_RT[rows, : max(1, int(lengths_R[rows].max()))]
        if shared is None:
            yield rows, duplicated_logits(model, work.inputs, tokens)
        else:
            fork = shared.leaf.repeated(work.part)
            yield rows, completion_logits(model, fork, tokens)
    if shared is not None and torch.is_grad_enabled():
        shared.backward()
