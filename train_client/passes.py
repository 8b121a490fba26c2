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

from train_client.distributed import world
from train_client.duplicate import duplicated_logprobs
from train_client.fork import PrefixGradient, completion_logprobs, prefill
from train_client.policy import to_device

PART_COST = 256
"""What another part costs, in tokens: splitting off short completions must save more padding."""


@dataclass(frozen=True)
class Pass:
    """Some whole groups of a batch, and their prompts, which a thread may still be encoding."""

    rows: Tensor
    """Rows of the batch that these groups are, a group's rows together."""
    encoded: Future[dict[str, Any]]
    """A row a prompt; for a model that cannot be forked, one a completion of a part."""
    group: int
    part: int
    """Completions of each group that go through the model at once, on average."""
    forked: bool

    @staticmethod
    def ready(inputs: dict[str, Any]) -> Future[dict[str, Any]]:
        """Inputs that are encoded already."""
        done: Future[dict[str, Any]] = Future()
        done.set_result(inputs)
        return done

    def parts(self, lengths_R: Tensor) -> Iterator[tuple[Tensor, int]]:
        """Places in `rows` that go through the model together, and their longest completion.

        Completions of one length go together, because what is padded is computed for nothing. A
        model that cannot be forked takes them as its encoded prompts stand.
        """
        lengths = lengths_R[self.rows].clamp(min=1)
        places_PG = torch.arange(len(self.rows), device=self.rows.device).view(-1, self.group)
        if not self.forked:
            for start in range(0, self.group, self.part):
                places = places_PG[:, start : start + self.part].flatten()
                yield places, int(lengths[places].max())
            return
        ordered, order = lengths.sort(stable=True)
        ends = ordered.tolist()
        start = 0
        for size in part_sizes(ends, len(places_PG) * self.part):
            yield order[start : start + size], ends[start + size - 1]
            start += size


def part_sizes(lengths: Sequence[int], most: int) -> list[int]:
    """How many of the completions, shortest first, each part holds: at most `most`, least work."""

    def evenly(parts: int) -> list[int]:
        return [len(lengths) * (i + 1) // parts - len(lengths) * i // parts for i in range(parts)]

    def work(sizes: list[int]) -> int:
        total = end = 0
        for size in sizes:
            end += size
            total += size * lengths[end - 1] + PART_COST
        return total

    fewest = -(-len(lengths) // most)
    # Every part gathers sharded weights, so processes must have as many as each other.
    more = 4 if world() == 1 else 1
    choices = range(fewest, min(fewest + more, len(lengths) + 1))
    return min((evenly(parts) for parts in choices), key=work)


def pass_logprobs(
    model: PreTrainedModel, work: Pass, tokens_RT: Tensor, lengths_R: Tensor, temperature: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """(rows of the batch, log-probs [rows, T']) for each part; T' is the part's longest completion.

    Call backward on what is made of one part before taking the next. Gradients reach the shared
    prompt when the iterator is run to its end.
    """
    inputs = to_device(work.encoded.result(), model.device)
    shared = PrefixGradient(prefill(model, inputs)) if work.forked else None
    for places, length in work.parts(lengths_R):
        rows = work.rows[places]
        tokens = tokens_RT[rows, :length]
        if shared is None:
            yield rows, duplicated_logprobs(model, inputs, tokens, temperature)
        else:
            fork = shared.leaf.selected(places // work.group)
            yield rows, completion_logprobs(model, fork, tokens, temperature)
    if shared is not None and torch.is_grad_enabled():
        shared.backward()
