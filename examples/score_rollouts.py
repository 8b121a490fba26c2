"""Scores a stored rollout file and shows how the components are distributed.

    safegrpo serve --port 8700 &
    python examples/score_rollouts.py rollouts.parquet --url http://127.0.0.1:8700
    python examples/score_rollouts.py runs/demo/completions.jsonl --output scored.parquet

The file is Parquet or JSONL: a column with the completions, and the labels as SafeTag's columns
(`image_tag, text_tag, combine_tag`) or in one column (`labels`, `label` or `ground_truth`, objects
or JSON text). A column `instruction`, if there is one, is the user's text. `--output` writes the
rows again, as Parquet, with the rewards, components, status and failure beside their columns. Wants
pyarrow (which `pip install '.[train]'` brings) and rich; no pandas.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet
import typer
from rich.console import Console
from rich.table import Table

from app.rows import LabelError, row_labels
from app.schema import Result, Sample
from train_client.config.errors import ConfigError
from train_client.integrations.rewards import Rewards, numbers
from train_client.reward.errors import RewardError

BINS = 10
WIDTH = 40
CHUNK = 2048
"""Rows that are held as Python objects at a time."""

console = Console()


def main(
    file: Annotated[Path, typer.Argument(help="Parquet or JSONL")],
    url: Annotated[
        str, typer.Option(envvar="SAFEGRPO_REWARD_URL", help="the reward service")
    ] = "http://127.0.0.1:8700",
    profile: Annotated[
        str, typer.Option(envvar="SAFEGRPO_REWARD_PROFILE", help="the reward's profile")
    ] = "safegrpo",
    completion: Annotated[str, typer.Option(help="column of the completions")] = "completion",
    output: Annotated[Path | None, typer.Option(help="Parquet file to write")] = None,
) -> None:
    """Score FILE and print its histograms."""
    table = read(file)
    if completion not in table.column_names:
        sys.exit(f"{file} has no column `{completion}`; it has {', '.join(table.column_names)}")
    if output is not None:
        check_writable(output)
    try:
        rewards = Rewards(run=file.stem, url=url, profile=profile)
        results = [result for part in chunks(table, completion) for result in ask(rewards, part)]
    except (ColumnError, ConfigError, LabelError, RewardError) as error:
        sys.exit(f"{file} cannot be scored: {error}")
    show(results)
    if output is not None:
        pa.parquet.write_table(beside(table, results), output)
        console.print(f"Written: {output}")


class ColumnError(ValueError):
    """A column does not hold what it should."""


def check_writable(output: Path) -> None:
    """Before anything is scored, which may take long."""
    if output.is_dir():
        sys.exit(f"{output} is a folder; --output names a file")
    if output.suffix != ".parquet":
        sys.exit(f"{output} is no .parquet file, which is what --output writes")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=output.parent).close()
    except OSError as error:
        sys.exit(f"{output} cannot be written: {error.strerror}")


def read(file: Path) -> pa.Table:
    """The file as a table."""
    try:
        if file.suffix == ".parquet":
            table = pa.parquet.read_table(file)
        else:  # an empty table first: Arrow refuses to join none
            parts = [pa.table({}), *tables(file)]
            table = pa.concat_tables(parts, promote_options="permissive")
    except (OSError, ValueError, pa.ArrowException) as error:
        sys.exit(f"{file} cannot be read as Parquet or JSONL: {error}")
    if not table.num_rows:
        sys.exit(f"{file} holds no rows")
    return table


def tables(file: Path) -> Iterator[pa.Table]:
    """The rows of a JSONL file, some at a time. (Arrow's own reader takes the types of the first
    rows for those of all, and verdicts may be null for long.)"""
    with file.open(encoding="utf-8-sig") as lines:
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        while part := [row_of(line, number) for number, line in islice(numbered, CHUNK)]:
            names = dict.fromkeys(name for row in part for name in row)
            yield pa.table({name: [row.get(name) for row in part] for name in names})


def row_of(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number} is not valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is not a JSON object")
    return row


def chunks(table: pa.Table, completion: str) -> Iterator[list[Sample]]:
    """The rows as samples, some at a time."""
    for part in table.to_batches(max_chunksize=CHUNK):
        yield [
            Sample(
                id=None,
                group=None,
                completion=text(row, completion),
                prompt=text(row, "instruction"),
                labels=row_labels(row),
            )
            for row in part.to_pylist()
        ]


def text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is not None and not isinstance(value, str):
        raise ColumnError(f"the column `{column}` holds something that is no text")
    return value or ""


def ask(rewards: Rewards, samples: Sequence[Sample]) -> list[Result]:
    """Their results, in the same order."""
    return rewards.score(samples, mask_unavailable=False).result()


def show(results: Sequence[Result]) -> None:
    """Histograms of the reward and its numbers, and counts of what failed."""
    scored = [result for result in results if result.reward is not None]
    console.print(f"{len(results)} completions, {len(results) - len(scored)} could not be scored")
    columns: dict[str, list[float]] = {"reward": [result.reward or 0.0 for result in scored]}
    for result in scored:
        for name, value in numbers(result).items():
            columns.setdefault(name, []).append(value)
    columns.pop("unscored", None)
    for name, values in columns.items():
        console.print(histogram(name, values))
    failures = Counter(result.failure.code for result in scored if result.failure)
    stances = Counter(result.stance.kind for result in scored if result.stance)
    for title, counts in (("failures", failures), ("stances", stances)):
        if counts:
            console.print(f"{title}: " + ", ".join(f"{n} {c}" for n, c in counts.most_common()))


def histogram(name: str, values: Sequence[float]) -> Table:
    """Bars of equal width over the values' range."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    step = (high - low) / BINS or 1.0
    counts = Counter(min(int((value - low) / step), BINS - 1) for value in values)
    most = max(counts.values(), default=1)
    mean = sum(values) / len(values) if values else 0.0
    table = Table(title=f"{name}: mean {mean:.3f}", box=None, show_header=False)
    for bin_ in sorted(counts):
        bar = "█" * max(1, round(WIDTH * counts[bin_] / most))
        edge = low + bin_ * step
        table.add_row(f"{edge:6.3f} to {min(edge + step, high):.3f}", bar, str(counts[bin_]))
    return table


def beside(table: pa.Table, results: Sequence[Result]) -> pa.Table:
    """The table with a column for each number of the results."""
    added: dict[str, list[Any]] = {
        "reward": [result.reward for result in results],
        "status": [result.status for result in results],
        "failure": [result.failure.code if result.failure else None for result in results],
        "components": [json.dumps(result.components) for result in results],
    }
    for name, values in added.items():
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, pa.array(values))
    return table


if __name__ == "__main__":
    typer.run(main)
