"""Progress of long work: a bar on a terminal, or a line every 30 seconds in a log.

Training shows reward, KL and tokens per second; at its end a table shows the evaluations.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from rich import get_console
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

from train_client.report.metrics import read_metrics
from train_client.report.safety import ROWS

LOG_SECONDS = 30.0
"""Least time between two lines in a log."""
_LOG_WIDTH = 200
"""Characters; wide enough that no line is wrapped."""


class Bar:
    """Steps done, steps in all, time elapsed and time left. A context manager."""

    def __init__(self, name: str, total: int, done: int = 0, *, shown: bool = True) -> None:
        self._console = get_console()
        live = self._console.is_terminal or self._console.is_jupyter
        self._logged = shown and not live
        self._last_line = -LOG_SECONDS
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            *([BarColumn(bar_width=24)] if live else []),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            disable=not (shown and live),
        )
        self._task = self._progress.add_task(name, total=total, completed=done, numbers="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._progress.stop()
        self._log()

    def advance(self, numbers: str = "") -> None:
        """Count one more step as done, and show its `numbers`."""
        self._progress.update(self._task, advance=1, numbers=numbers)
        if time.monotonic() >= self._last_line + LOG_SECONDS:
            self._log()

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """A context that shows `what` is being done between two steps."""
        self._progress.update(self._task, numbers=what)
        self._log()
        try:
            yield
        finally:
            self._progress.update(self._task, numbers="")

    def _log(self) -> None:
        if self._logged:
            self._last_line = time.monotonic()
            self._console.print(self._progress.get_renderable(), width=_LOG_WIDTH)


class TrainingProgress(Bar):
    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        super().__init__("train", total, done, shown=shown)

    def step(self, values: dict[str, float]) -> None:
        """Count one more step as done, and show its metrics."""
        self.advance(
            f"reward {values.get('reward', 0.0):.3f}  KL {values.get('kl', 0.0):.4f}  "
            f"{values.get('tokens_per_second', 0.0):,.0f} tokens/s"
        )


def show_evaluations(folder: Path, console: Console) -> None:
    """Print the safety table, a column for each evaluation of the run, if there are any."""
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
