"""What a run writes down: metrics.jsonl and completions.jsonl, and the loggers that it asks for."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from train_client.config.train_config import TrainConfig
from train_client.distributed import is_main
from train_client.report.loggers import Logger, open_loggers

METRICS = "metrics.jsonl"
COMPLETIONS = "completions.jsonl"

REWARD_TAIL = "reward/tail_time"
"""Metric: seconds from a step's last token to its last reward. Not a component of the reward."""


class MetricsWriter:
    """Appends; a resumed run first drops the lines after the step it continues from.

    Without a folder it writes nothing, for the processes beside the main one.
    """

    def __init__(
        self, folder: Path | None, loggers: Sequence[Logger] = (), *, after: int | None = None
    ) -> None:
        files = [Path(os.devnull)] * 2
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            files = [folder / METRICS, folder / COMPLETIONS]
            for file in files:
                _truncate(file, after)
        self._metrics, self._completions = (file.open("a", encoding="utf-8") for file in files)
        self._loggers = loggers

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One line; a value that is not finite is written as null."""
        finite = {k: v if math.isfinite(v) else None for k, v in values.items()}
        self._metrics.write(json.dumps({"step": step, **finite}) + "\n")
        self._metrics.flush()
        for logger in self._loggers:
            logger.write(step, values)

    def completions(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._completions.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._completions.flush()

    def close(self) -> None:
        self._metrics.close()
        self._completions.close()
        for logger in self._loggers:
            logger.close()


def open_writer(config: TrainConfig, after: int | None) -> MetricsWriter:
    """The writer of this process; only the main one writes. `after`: the step resumed from."""
    if not is_main():
        return MetricsWriter(None)
    return MetricsWriter(config.run.output, open_loggers(config, after), after=after)


def _truncate(path: Path, after: int | None) -> None:
    """Keep the lines up to step `after`; none of them for a new run."""
    if not path.exists():
        return
    kept = () if after is None else (line for line in _lines(path) if line["step"] <= after)
    # A crash here must not take what was written before.
    draft = path.with_name(f".writing-{path.name}")
    with draft.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in kept)
    draft.replace(path)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    # Bytes, which are cut at line feeds alone: a completion may hold other line separators.
    with path.open("rb") as file:
        for line in filter(bytes.strip, file):
            try:
                yield json.loads(line)
            except ValueError:
                # Cut short by a crash, within a character perhaps, and so the last one; its step
                # is done again.
                return


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl."""
    path = folder / METRICS
    return list(_lines(path)) if path.exists() else []
