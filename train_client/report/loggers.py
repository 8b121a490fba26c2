"""Where the numbers of metrics.jsonl go besides: TensorBoard, Weights & Biases, trackio.

Each is imported only when `run.loggers` names it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig


class Logger(Protocol):
    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Note the values of a step."""
        ...

    def close(self) -> None: ...


class TensorBoard:
    """`after`: the step that a resumed run continues from; what came later is hidden."""

    def __init__(self, folder: Path, after: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        purge = None if after is None else after + 1
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def close(self) -> None:
        self._board.close()


class Tracker:
    """Weights & Biases, or trackio, which has the same functions.

    A resumed run is another run there, in the group of its folder's name: neither can take back the
    steps that a resumed run does again.
    """

    def __init__(self, package: str, config: TrainConfig) -> None:
        try:
            self._package: Any = importlib.import_module(package)
        except ImportError as error:
            raise ConfigError(f"run.loggers names {package}: pip install {package}.") from error
        self._package.init(
            project="safegrpo",
            name=config.run.output.name,
            group=config.run.output.name,
            config=config.model_dump(mode="json"),
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._package.log(dict(values), step=step)

    def close(self) -> None:
        self._package.finish()


def open_loggers(config: TrainConfig, after: int | None) -> list[Logger]:
    """The loggers that the run asks for. Raises ConfigError when one is not installed."""
    folder = config.run.output
    return [
        TensorBoard(folder, after) if name == "tensorboard" else Tracker(name, config)
        for name in dict.fromkeys(config.run.loggers)
    ]
