"""A batch in columns, as TRL and ms-swift hand it over, as samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.rows import instruction_of, row_labels, written_by_assistant
from app.schema import Sample


def samples_of(
    prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Any]
) -> list[Sample]:
    """The samples of a batch: column `name` of sample i is `columns[name][i]`.

    A column `group` (a row's own number or name) says which samples answer one prompt, for the
    service's group statistics; without it they are left out of those.

    Raises:
        LabelError: naming the column that the data set lacks.
    """
    lists = {name: values for name, values in columns.items() if isinstance(values, Sequence)}
    samples = []
    for index, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        row = {name: values[index] for name, values in lists.items() if index < len(values)}
        samples.append(
            Sample(
                id=None,
                group=None if row.get("group") is None else str(row["group"]),
                completion=_text(completion),
                prompt=row.get("instruction") or instruction_of(prompt),
                labels=row_labels(row),
            )
        )
    return samples


def _text(completion: Any) -> str:
    """A text, or a conversation of which the last message is the answer."""
    if isinstance(completion, str):
        return completion
    return written_by_assistant(completion[-1]) if completion else ""
