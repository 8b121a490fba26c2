"""Running completions through a model in passes that fit in memory, prompts shared or duplicated.

Shapes: P prompts of the pass, G completions each, R = P*G rows, T completion tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from train_client.distributed import world_size
from train_client.policy.duplicate import duplicated_logprobs
from train_client.policy.fork import PrefixGradient, completion_logprobs, prefill
from train_client.policy.policy import to_device

MICRO_BATCH_COST = 256
"""What another micro-batch costs, in tokens: it must save more padding than this."""


@dataclass(frozen=True)
class Pass:
    """Some whole groups of a batch, and their prompts, which a thread may still be encoding."""

    rows: Tensor
    """Rows of the batch that these groups are, a group's rows together."""
    encoded: Future[dict[str, Any]]
    """A row a prompt; for a model that cannot be forked, a row a completion of a micro-batch."""
    group_size: int
    per_group: int
    """Completions of each group that a micro-batch holds, on average."""
    forked: bool

    @staticmethod
    def ready(inputs: dict[str, Any]) -> Future[dict[str, Any]]:
        """Inputs that are encoded already."""
        done: Future[dict[str, Any]] = Future()
        done.set_result(inputs)
        return done

    def micro_batches(self, lengths_R: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Places in `rows` that go through the model together, and their longest completion.

        Completions of like length go together, because padding is computed for nothing. For a
        model that cannot be forked they stand in the order of its encoded prompts.
        """
        lengths = lengths_R[self.rows].clamp(min=1)
        places_PG = torch.arange(len(self.rows), device=self.rows.device).view(-1, self.group_size)
        if not self.forked:
            for start in range(0, self.group_size, self.per_group):
                places = places_PG[:, start : start + self.per_group].flatten()
                yield places, int(lengths[places].max())
            return
        ordered, order = lengths.sort(stable=True)
        ends = ordered.tolist()
        start = 0
        for size in micro_batch_sizes(ends, len(places_PG) * self.per_group):
            yield order[start : start + size], ends[start + size - 1]
            start += size


def micro_batch_sizes(lengths: Sequence[int], most: int) -> list[int]:
    """How many completions each micro-batch holds: at most `most`, and as little work as can be.

    `lengths`: of all completions, in tokens, the shortest first.
    """

    def evenly(count: int) -> list[int]:
        return [len(lengths) * (i + 1) // count - len(lengths) * i // count for i in range(count)]

    def work(sizes: list[int]) -> int:
        total = end = 0
        for size in sizes:
            end += size
            total += size * lengths[end - 1] + MICRO_BATCH_COST
        return total

    fewest = -(-len(lengths) // most)
    # Every micro-batch gathers sharded weights, so all processes must have equally many.
    more = 4 if world_size() == 1 else 1
    choices = range(fewest, min(fewest + more, len(lengths) + 1))
    return min((evenly(count) for count in choices), key=work)


def pass_logprobs(
    model: PreTrainedModel, work: Pass, tokens_RT: Tensor, lengths_R: Tensor, temperature: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """(rows of the batch, their log-probs [rows, T']) for each micro-batch, T' its longest one.

    Call backward on the loss of one before taking the next. Gradients reach the shared prompt when
    the iterator has run to its end.
    """
    inputs = to_device(work.encoded.result(), model.device)
    shared = PrefixGradient(prefill(model, inputs)) if work.forked else None
    for places, length in work.micro_batches(lengths_R):
        rows = work.rows[places]
        tokens = tokens_RT[rows, :length]
        if shared is None:
            yield rows, duplicated_logprobs(model, inputs, tokens, temperature)
        else:
            fork = shared.leaf.selected(places // work.group_size)
            yield rows, completion_logprobs(model, fork, tokens, temperature)
    if shared is not None and torch.is_grad_enabled():
        shared.backward()
