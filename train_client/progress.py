"""The line a person watches: steps, time left, reward, KL, tokens per second; and at the end what
the evaluations found."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from train_client.metrics import read_metrics
from train_client.safety import ROWS


class TrainingProgress:
    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("[bold]train"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            disable=not shown,
        )
        self._task = self._progress.add_task("train", total=total, completed=done, numbers="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()

    def step(self, values: dict[str, float]) -> None:
        numbers = (
            f"reward {values.get('reward', 0.0):.3f}  KL {values.get('kl', 0.0):.4f}  "
            f"{values.get('tokens_per_second', 0.0):,.0f} tokens/s"
        )
        self._progress.update(self._task, advance=1, numbers=numbers)


def show_evaluations(folder: Path, console: Console) -> None:
    """Print the safety table, a column for each evaluation of the run; nothing if there is none."""
    lines = [line for line in read_metrics(folder) if "eval/reward" in line]
    if not lines:
        return
    table = Table(title="Held-out rows", title_justify="left")
    table.add_column("step", justify="left")
    for line in lines:
        table.add_column(str(line["step"]), justify="right")
    for key, name in ROWS.items():
        values = [line.get(f"eval/{key}") for line in lines]
        if any(value is not None for value in values):
            table.add_row(name, *("" if v is None else f"{v:.3f}" for v in values))
    console.print(table)
