"""Samples from the columns of a batch, as TRL and ms-swift pass it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.rows import instruction_of, row_ground_truth, written_by_assistant
from app.schema import Sample
from train_client.integrations.rewards import sample_of


def samples_of(
    prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
) -> list[Sample]:
    """The samples of a batch, whose row i has the value `columns[name][i]` in column `name`.

    The column `group` (a row's own number or name) tells which samples belong to one prompt, for
    the service's statistics of groups; without it the samples are not in them.

    Raises:
        LabelError: the data set lacks a column; the message names it.
    """
    lists = {name: values for name, values in columns.items() if isinstance(values, Sequence)}
    samples = []
    for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        row = {name: values[index] for name, values in lists.items() if index < len(values)}
        truth = row_ground_truth(row)
        samples.append(sample_of(_text(completion), truth, instruction_of(prompt)))
    return samples


def _text(completion: Any) -> str:
    """The text of a completion: a string, or a conversation that ends with it."""
    if isinstance(completion, str):
        return completion
    return written_by_assistant(completion[-1]) if completion else ""
