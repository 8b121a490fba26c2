"""The configurations in a run's folder: that of its beginning, and those of later resumes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from train_client.checkpoint import checkpoints
from train_client.config import ConfigError, TrainConfig

log = logging.getLogger(__name__)

FIRST = "config.yaml"
_LATER = "config-from-step-"


def save_config(config: TrainConfig, resumed: int | None) -> None:
    """Write the configuration of a run that begins, or that goes on from step `resumed`.

    A resumed run gets another file, and only if something changed. Warns of changes that decide
    what is computed.
    """
    folder = config.run.output
    if resumed is None:
        config.save(folder / FIRST)
        return
    for file in [file for file in _later(folder) if _step(file) > resumed]:
        # Of steps that are done again.
        file.unlink()
    saved = [file for file in (folder / FIRST, *_later(folder)) if file.exists()]
    if not saved:
        config.save(folder / FIRST)
        return
    changes = _changes(yaml.safe_load(saved[-1].read_text()), config)
    changes.pop("run.resume", None)
    if changes:
        config.save(folder / f"{_LATER}{resumed}.yaml")
    decisive = {key: change for key, change in changes.items() if _is_decisive(key, config)}
    if decisive:
        log.warning("The run goes on with other settings than it had: %s", _listed(decisive))


def refuse_foreign_config(folder: Path) -> None:
    """Raise ConfigError where a run that begins in the folder would write over a person's file."""
    first = folder / FIRST
    if first.exists() and not checkpoints(folder / "checkpoints") and not _is_saved(first):
        raise ConfigError(
            f"{first} was not written by a run, and the run's own would replace it. Move or rename "
            "it, or choose another folder for the run."
        )


def _is_saved(file: Path) -> bool:
    """Whether it is as a run saves it, if one of another version: each section, and no comment."""
    try:
        text = file.read_text()
        saved = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return (
        isinstance(saved, Mapping)
        and saved.keys() >= TrainConfig.model_fields.keys()
        and yaml.safe_dump(saved, sort_keys=False) == text
    )


def _is_decisive(key: str, config: TrainConfig) -> bool:
    """Whether the setting decides what is computed; most of `run` decides what is shown and kept.

    A schedule that is not constant ends with the run, so that other steps are other learning rates.
    """
    if key == "run.steps":
        return config.optimizer.schedule != "constant"
    return key == "run.seed" or not key.startswith("run.")


def begun_with(folder: Path) -> dict[str, Any]:
    """What the run in this folder began with, as it was saved; nothing where none did."""
    first = folder / FIRST
    saved: dict[str, Any] = yaml.safe_load(first.read_text()) if first.exists() else {}
    return saved


_DRAWN_BY = {"run.seed", "data.hold_out", "data.split", "data.limit", "data.bad_rows"}
"""What decides which rows are held out. (A data file that is elsewhere now may be the same.)"""


def refuse_other_held_out_rows(config: TrainConfig) -> None:
    """Raise ConfigError where a resumed run would train on rows that it was evaluated on before."""
    folder = config.run.output
    before = begun_with(folder)
    if not before or not config.run.resume or not checkpoints(folder / "checkpoints"):
        return
    changes = {k: change for k, change in _changes(before, config).items() if k in _DRAWN_BY}
    if changes and (config.data.hold_out or before["data"].get("hold_out")):
        raise ConfigError(
            f"The run in {folder} cannot go on with other held-out rows "
            f"({_listed(changes)}): some that it was evaluated on would be trained on. Resume it "
            "with the values it began with, or choose another run.output."
        )


def _changes(saved: Mapping[str, Any], config: TrainConfig) -> dict[str, str]:
    """`section.key` -> `old -> new` of what differs; a key that one of them lacks is None there."""
    return dict(_differences(saved, config.model_dump(mode="json")))


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], at: str = ""
) -> Iterator[tuple[str, str]]:
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{at}{key}.")
        elif old != new:
            yield f"{at}{key}", f"{old} -> {new}"


def _listed(changes: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {change}" for key, change in changes.items())


def _later(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_LATER}*.yaml"), key=_step)


def _step(file: Path) -> int:
    return int(file.stem.removeprefix(_LATER))
