"""The line a person watches: steps, time left, reward, KL, tokens per second."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def step(self, values: dict[str, float]) -> None:
        numbers = (
            f"reward {values.get('reward', 0.0):.3f}  KL {values.get('kl', 0.0):.4f}  "
            f"{values.get('tokens_per_second', 0.0):,.0f} tokens/s"
        )
        self._progress.update(self._task, advance=1, numbers=numbers)

    def note(self, text: str) -> None:
        self._progress.update(self._task, numbers=text)
