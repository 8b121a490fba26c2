"""The configurations in a run's folder: the initial one, and those that changed on a resume."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from train_client.config.errors import ConfigError
from train_client.config.train_config import TrainConfig
from train_client.saved.checkpoint import checkpoints

log = logging.getLogger(__name__)

FIRST = "config.yaml"
_LATER = "config-from-step-"


def save_config(config: TrainConfig, resumed: int | None) -> None:
    """Write the configuration of a new run, or of one that resumes from step `resumed`.

    A resumed run writes another file, and only if something changed. Warns of changes that affect
    the computation.
    """
    folder = config.run.output
    if resumed is None:
        config.save(folder / FIRST)
        return
    for file in [file for file in _later(folder) if _step(file) > resumed]:
        file.unlink()  # the steps it was written for are repeated
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
        log.warning("The run resumes with changed settings: %s", _listed(decisive))


def refuse_foreign_config(folder: Path) -> None:
    """Raise ConfigError if a new run in the folder would overwrite a hand-written config.yaml."""
    first = folder / FIRST
    if first.exists() and not checkpoints(folder / "checkpoints") and not _is_saved(first):
        raise ConfigError(
            f"{first} was not written by a run, and the run's own would overwrite it. Move or "
            "rename it, or choose another folder for the run."
        )


def _is_saved(file: Path) -> bool:
    """Whether a run of any version saved it: every section is there, and no comments."""
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
    """Whether the setting affects the computation; most of `run` affects only output and storage.

    A schedule that is not constant ends with the run, so `run.steps` changes its learning rates.
    """
    if key == "run.steps":
        return config.optimizer.schedule != "constant"
    return key == "run.seed" or not key.startswith("run.")


def begun_with(folder: Path) -> dict[str, Any]:
    """The initial configuration of the run in this folder, as it was saved; empty without a run."""
    first = folder / FIRST
    saved: dict[str, Any] = yaml.safe_load(first.read_text()) if first.exists() else {}
    return saved


_DRAWN_BY = {"run.seed", "data.hold_out", "data.split", "data.limit", "data.bad_rows"}
"""Settings that determine which rows are held out. The data file's path is not one of them: the
same file may have been moved."""


def refuse_other_held_out_rows(config: TrainConfig) -> None:
    """Raise ConfigError if a resumed run would train on rows that it was evaluated on before."""
    folder = config.run.output
    before = begun_with(folder)
    if not before or not config.run.resume or not checkpoints(folder / "checkpoints"):
        return
    changes = {k: change for k, change in _changes(before, config).items() if k in _DRAWN_BY}
    if changes and (config.data.hold_out or before["data"].get("hold_out")):
        raise ConfigError(
            f"The run in {folder} cannot resume with other held-out rows ({_listed(changes)}): it "
            "would train on some that it was evaluated on. Resume it with the values it began "
            "with, or choose another run.output."
        )


def _changes(saved: Mapping[str, Any], config: TrainConfig) -> dict[str, str]:
    """`section.key` -> `old -> new` of what differs; a key that one side lacks counts as None."""
    return dict(_differences(saved, config.model_dump(mode="json")))


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str]]:
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}", f"{old} -> {new}"


def _listed(changes: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {change}" for key, change in changes.items())


def _later(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_LATER}*.yaml"), key=_step)


def _step(file: Path) -> int:
    return int(file.stem.removeprefix(_LATER))
